/** `darkroom train`: runs a training configuration, or goes on with it where it was stopped. */

import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { watchInterrupt } from '../interrupt.ts';
import { formatDuration, processOutput } from '../terminal.ts';

export function define(command: Command): void {
  command
    .argument('<config>', 'The configuration, a JSON file; its paths are relative to this folder.')
    .option('--every <n>', 'Steps between two lines.', '20')
    .option('--json', 'Print every step as a JSON line.')
    .action((config: string, options: { every: string; json?: boolean }) => trainModel(config, options));
}

async function trainModel(file: string, { every, json }: { every: string; json?: boolean }): Promise<void> {
  const { readTrainingConfig, runTraining } = await import('#studio/training/runner');
  const config = await readTrainingConfig(file);
  const interrupt = watchInterrupt(() => processOutput.note('Stopping after this step; the state is saved.'));
  const lines = new ProgressLines(config.steps, Math.max(Number(every) || 20, 1));
  try {
    const done = await runTraining(config, process.cwd(), {
      log: (message) => processOutput.note(message),
      signal: interrupt,
      report(report) {
        if (json) processOutput.result(JSON.stringify(report));
        else lines.add(report.step, report.metrics);
      },
    });
    process.exitCode = interrupt.exitCode;
    processOutput.note(`${done} of ${config.steps} steps done; everything is in ${config.run}.`);
  } finally {
    interrupt.release();
  }
}

/** Means over some steps, how fast they went and how long the rest will take. */
class ProgressLines {
  readonly #total: number;
  readonly #every: number;
  readonly #sums = new Map<string, number>();
  #count = 0;
  #since = performance.now();

  constructor(total: number, every: number) {
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
    processOutput.result(`step ${step}/${this.#total}  ${means.join('  ')}  ${seconds.toFixed(2)} s/step  ETA ${left}`);
    this.#sums.clear();
    this.#count = 0;
    this.#since = performance.now();
  }
}
