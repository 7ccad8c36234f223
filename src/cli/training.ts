/** What a command that trains does: reads its configuration, makes the backend, tells how it goes, stops on Ctrl-C. */

import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import type { z } from 'zod';
import { modelRoots } from '#studio/library/roots';
import type { TrainingKind } from '#studio/training/runner';
import { createBackend } from '../backend-main.ts';
import { type CommandContext, modelsOption } from './command.ts';
import { checkUsable } from './doctor/usable.ts';
import { watchInterrupt } from './interrupt.ts';
import { formatDuration, type Output } from './terminal.ts';

/** What may be trained: the configurations that there are, and how a task is made of one. */
export interface Trainings<Config> extends TrainingKind<Config> {
  readonly schema: z.ZodType<Config>;
}

export interface TrainingOptions {
  readonly modelsDir?: readonly string[];
  readonly every: string;
  readonly json?: boolean;
}

export function defineTraining<Config>(
  command: Command,
  context: CommandContext,
  load: () => Promise<Trainings<Config>>,
): void {
  command
    .argument('<config>', 'The configuration, a JSON file; its paths are relative to this folder.')
    .addOption(modelsOption())
    .option('--every <n>', 'Steps between two lines.', '20')
    .option('--json', 'Print every step as a JSON line.')
    .action(async (file: string, options: TrainingOptions) => {
      const trainings = await load();
      const { readTrainingConfig } = await import('#studio/training/runner');
      await trainModel(await readTrainingConfig(file, trainings.schema), options, context, trainings);
    });
}

export async function trainModel<Config>(
  config: Config,
  { every, json, modelsDir }: TrainingOptions,
  context: CommandContext,
  kind: TrainingKind<Config>,
): Promise<void> {
  const { output } = context;
  const { runTraining } = await import('#studio/training/runner');
  const commons = kind.commons(config);
  const warn = (message: string): void => output.note(message);
  await checkUsable(commons.backend);
  const backend = createBackend(commons.backend, { threads: commons.threads, warn });
  const interrupt = watchInterrupt(() => output.note('Stopping after this step; the state is saved.'));
  const lines = new ProgressLines(output, commons.steps, Math.max(Number(every) || 20, 1));
  try {
    const done = await runTraining(config, kind, {
      backend,
      root: process.cwd(),
      modelRoots: modelRoots(modelsDir),
      log: (message) => output.note(message),
      warn,
      signal: interrupt.signal,
      report(report) {
        if (json) output.result(JSON.stringify(report));
        else if (report.metrics.heldOut !== undefined) {
          output.result(`step ${report.step}  loss of what is held out ${report.metrics.heldOut.toPrecision(4)}`);
        } else lines.add(report.step, report.metrics);
      },
    });
    context.exitCode = interrupt.exitCode;
    output.note(`${done} of ${Math.max(done, commons.steps)} steps done; everything is in ${commons.run}.`);
  } finally {
    interrupt.release();
    await backend.dispose();
  }
}

/** Metrics that stay in metrics.jsonl: they say nothing to a reader at work, or the same as the loss. */
const unsaid: ReadonlySet<string> = new Set(['gradientNorm', 'unweighted']);
/** Steps after which it is known how long all take; the first is slower. */
const known = 3;

/** Means over some steps, how fast they went and how long the rest will take. */
class ProgressLines {
  readonly #output: Output;
  readonly #total: number;
  readonly #every: number;
  readonly #sums = new Map<string, number>();
  #count = 0;
  #since = performance.now();
  #begun: { readonly step: number; readonly at: number } | undefined;

  constructor(output: Output, total: number, every: number) {
    this.#output = output;
    this.#total = total;
    this.#every = every;
  }

  add(step: number, metrics: Readonly<Record<string, number>>): void {
    this.#tellFirst(step);
    for (const [name, value] of Object.entries(metrics)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    this.#count++;
    if (step % this.#every !== 0 && step !== this.#total) return;
    const seconds = (performance.now() - this.#since) / 1000 / this.#count;
    const means = [...this.#sums]
      .filter(([name]) => !unsaid.has(name))
      .map(([name, sum]) => `${name} ${(sum / this.#count).toPrecision(4)}`);
    const left = formatDuration(seconds * (this.#total - step));
    this.#output.result(`step ${step}/${this.#total}  ${means.join('  ')}  ${seconds.toFixed(2)} s/step  ETA ${left}`);
    this.#sums.clear();
    this.#count = 0;
    this.#since = performance.now();
  }

  /** Long before the first line, how long it will be. */
  #tellFirst(step: number): void {
    const at = performance.now();
    this.#begun ??= { step, at };
    if (step - this.#begun.step !== known || this.#every <= known) return;
    const seconds = (at - this.#begun.at) / 1000 / known;
    const left = this.#total - step;
    this.#output.note(`${seconds.toFixed(2)} s a step: about ${formatDuration(seconds * left)} for ${left} more steps`);
  }
}
