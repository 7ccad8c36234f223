/** What a pull tells while it runs: a bar on a terminal, plain lines elsewhere, or JSON lines for programs. */

import type { SingleBar } from 'cli-progress';
import type { PullPlan } from '#studio/pull/plan';
import { formatBytes, formatDuration, type Output } from '../terminal.ts';

export interface PullReporter {
  planned(plan: PullPlan): void;
  progress(file: number, done: number, total: number | undefined): void;
  installed(paths: readonly string[]): void;
  stopped(done: number): void;
  failed(code: string, message: string): void;
  /** Takes what can be redrawn off the screen. */
  close(): void;
}

/** Bytes of all files, and how fast they come. */
export class Transfer {
  readonly #now: () => number;
  readonly #done: number[] = [];
  readonly #totals: (number | undefined)[] = [];
  #since: { readonly at: number; readonly bytes: number } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  plan({ files }: PullPlan): void {
    for (const { bytes } of files) {
      this.#done.push(0);
      this.#totals.push(bytes);
    }
  }

  update(file: number, done: number, total: number | undefined): void {
    this.#done[file] = done;
    if (total !== undefined) this.#totals[file] = total;
    // What an earlier try brought is no speed of this one.
    this.#since ??= { at: this.#now(), bytes: this.done };
  }

  get done(): number {
    return this.#done.reduce((sum, bytes) => sum + bytes, 0);
  }

  get total(): number | undefined {
    if (this.#totals.length === 0 || this.#totals.includes(undefined)) return undefined;
    return this.#totals.reduce<number>((sum, bytes) => sum + bytes!, 0);
  }

  /** Bytes per second. */
  get speed(): number | undefined {
    if (!this.#since) return undefined;
    const seconds = (this.#now() - this.#since.at) / 1000;
    return seconds < 0.5 ? undefined : Math.max(0, this.done - this.#since.bytes) / seconds;
  }

  /** Seconds. */
  get left(): number | undefined {
    const { speed, total } = this;
    return speed === undefined || speed === 0 || total === undefined ? undefined : (total - this.done) / speed;
  }
}

/** One JSON object a line on standard output; progress four times a second. */
export function jsonReporter(output: Output, now: () => number): PullReporter {
  const transfer = new Transfer(now);
  const line = (value: Record<string, unknown>): void => output.result(JSON.stringify(value));
  const due = everySoOften(now, 250);
  return {
    planned(plan) {
      transfer.plan(plan);
      line({ type: 'plan', title: plan.title, files: plan.files.map(({ name, bytes }) => ({ name, bytes })) });
    },
    progress(file, done, total) {
      transfer.update(file, done, total);
      if (due()) line({ type: 'progress', done: transfer.done, total: transfer.total, speed: transfer.speed });
    },
    installed: (paths) => line({ type: 'installed', paths }),
    stopped: (done) => line({ type: 'stopped', done }),
    failed: (code, message) => line({ type: 'error', code, message }),
    close: () => {},
  };
}

/** Lines on standard error, the paths of what came on standard output. */
export function plainReporter(output: Output, now: () => number): PullReporter {
  const transfer = new Transfer(now);
  const due = everySoOften(now, 5000);
  return {
    ...told(output, transfer),
    progress(file, done, total) {
      transfer.update(file, done, total);
      if (due()) output.note(progressLine(transfer));
    },
    close: () => {},
  };
}

const barSettings = {
  format: '{bar} {percentage}%  {shown}',
  barCompleteChar: '\u2588',
  barIncompleteChar: '\u2591',
  barsize: 30,
  hideCursor: true,
  clearOnComplete: true,
  gracefulExit: false,
} as const;

/** A bar that is redrawn in place. */
export async function barReporter(output: Output, now: () => number): Promise<PullReporter> {
  const { default: progress } = await import('cli-progress');
  const transfer = new Transfer(now);
  const due = everySoOften(now, 100);
  let bar: SingleBar | undefined;
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const lines = told(output, transfer);
  return {
    planned: lines.planned,
    progress(file, done, total) {
      transfer.update(file, done, total);
      if (!due()) return;
      const shown = { shown: progressLine(transfer) };
      if (!bar) {
        bar = new progress.SingleBar(barSettings);
        bar.start(transfer.total ?? transfer.done, transfer.done, shown);
      }
      bar.setTotal(transfer.total ?? transfer.done);
      bar.update(transfer.done, shown);
    },
    installed(paths) {
      clear();
      lines.installed(paths);
    },
    stopped(done) {
      clear();
      lines.stopped(done);
    },
    failed: clear,
    close: clear,
  };
}

function told(output: Output, transfer: Transfer): Omit<PullReporter, 'progress' | 'close'> {
  return {
    planned(plan) {
      transfer.plan(plan);
      const size = transfer.total === undefined ? '' : `, ${formatBytes(transfer.total)}`;
      const files = plan.files.length === 1 ? plan.files[0]!.name : `${plan.files.length} files`;
      output.note(`${plan.title}: ${files}${size}${plan.card.licence ? `, licence ${plan.card.licence}` : ''}`);
    },
    installed: (paths) => {
      for (const path of paths) output.result(path);
    },
    stopped: (done) => output.note(`Stopped; ${formatBytes(done)} are kept. The same command goes on from there.`),
    failed: () => {},
  };
}

function progressLine(transfer: Transfer): string {
  const { done, total, speed, left } = transfer;
  const of = total === undefined ? '' : ` of ${formatBytes(total)}`;
  const rate = speed === undefined ? '' : `, ${formatBytes(speed)}/s`;
  return `${formatBytes(done)}${of}${rate}${left === undefined ? '' : `, ETA ${formatDuration(left)}`}`;
}

function everySoOften(now: () => number, ms: number): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const time = now();
    if (time - last < ms) return false;
    last = time;
    return true;
  };
}
