/** `darkroom train`: runs a training configuration, or goes on with it where it was stopped. */

import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import type { CommandContext } from '../command.ts';
import { watchInterrupt } from '../interrupt.ts';
import { formatDuration, type Output } from '../terminal.ts';

export function define(command: Command, context: CommandContext): void {
  command
    .argument('<config>', 'The configuration, a JSON file; its paths are relative to this folder.')
    .option('--every <n>', 'Steps between two lines.', '20')
    .option('--json', 'Print every step as a JSON line.')
    .action((config: string, options: { every: string; json?: boolean }) => trainModel(config, options, context));
}

async function trainModel(
  file: string,
  { every, json }: { every: string; json?: boolean },
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const { readTrainingConfig, runTraining } = await import('#studio/training/runner');
  const config = await readTrainingConfig(file);
  const interrupt = watchInterrupt(() => output.note('Stopping after this step; the state is saved.'));
  const lines = new ProgressLines(output, config.steps, Math.max(Number(every) || 20, 1));
  try {
    const done = await runTraining(config, process.cwd(), {
      log: (message) => output.note(message),
      signal: interrupt,
      report(report) {
        if (json) output.result(JSON.stringify(report));
        else lines.add(report.step, report.metrics);
      },
    });
    context.exitCode = interrupt.exitCode;
    output.note(`${done} of ${config.steps} steps done; everything is in ${config.run}.`);
  } finally {
    interrupt.release();
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
