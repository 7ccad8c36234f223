/** What a command that trains does: reads its configuration, makes the backend, tells how it goes, stops on Ctrl-C. */

import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import type { z } from 'zod';
import type { RunContext } from '#studio/training/run-context';
import type { CommonConfig } from '#training/config';
import type { TrainingTask } from '#training/loop';
import { createBackend } from '../backend-main.ts';
import type { CommandContext } from './command.ts';
import { watchInterrupt } from './interrupt.ts';
import { formatDuration, type Output } from './terminal.ts';

/** What may be trained: the configurations that there are, and how a task is made of one. */
export interface Trainings<Config extends CommonConfig> {
  readonly schema: z.ZodType<Config>;
  prepare(config: Config, context: RunContext): Promise<TrainingTask>;
}

interface Options {
  readonly every: string;
  readonly json?: boolean;
}

export function defineTraining<Config extends CommonConfig>(
  command: Command,
  context: CommandContext,
  load: () => Promise<Trainings<Config>>,
): void {
  command
    .argument('<config>', 'The configuration, a JSON file; its paths are relative to this folder.')
    .option('--every <n>', 'Steps between two lines.', '20')
    .option('--json', 'Print every step as a JSON line.')
    .action(async (file: string, options: Options) => trainModel(file, options, context, await load()));
}

async function trainModel<Config extends CommonConfig>(
  file: string,
  { every, json }: Options,
  context: CommandContext,
  { schema, prepare }: Trainings<Config>,
): Promise<void> {
  const { output } = context;
  const { readTrainingConfig, runTraining } = await import('#studio/training/runner');
  const config = await readTrainingConfig(file, schema);
  const backend = createBackend(config.backend, { threads: config.threads });
  const interrupt = watchInterrupt(() => output.note('Stopping after this step; the state is saved.'));
  const lines = new ProgressLines(output, config.steps, Math.max(Number(every) || 20, 1));
  try {
    const done = await runTraining(config, prepare, {
      backend,
      root: process.cwd(),
      log: (message) => output.note(message),
      warn: (message) => output.note(message),
      signal: interrupt.signal,
      report(report) {
        if (json) output.result(JSON.stringify(report));
        else lines.add(report.step, report.metrics);
      },
    });
    context.exitCode = interrupt.exitCode;
    output.note(`${done} of ${config.steps} steps done; everything is in ${config.run}.`);
  } finally {
    interrupt.release();
    await backend.dispose();
  }
}

/** Means over some steps, how fast they went and how long the rest will take. */
class ProgressLines {
  readonly #output: Output;
  readonly #total: number;
  readonly #every: number;
  readonly #sums = new Map<string, number>();
  #count = 0;
  #since = performance.now();

  constructor(output: Output, total: number, every: number) {
    this.#output = output;
    this.#total = total;
    this.#every = every;
  }

  add(step: number, metrics: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(metrics)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    this.#count++;
    if (step % this.#every !== 0 && step !== this.#total) return;
    const seconds = (performance.now() - this.#since) / 1000 / this.#count;
    const means = [...this.#sums].map(([name, sum]) => `${name} ${(sum / this.#count).toPrecision(4)}`);
    const left = formatDuration(seconds * (this.#total - step));
    this.#output.result(`step ${step}/${this.#total}  ${means.join('  ')}  ${seconds.toFixed(2)} s/step  ETA ${left}`);
    this.#sums.clear();
    this.#count = 0;
    this.#since = performance.now();
  }
}
