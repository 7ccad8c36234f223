/** What long work tells while it runs: a bar on a terminal, plain lines elsewhere, or JSON lines for programs. */

import type { SingleBar } from 'cli-progress';
import { describeError, errorCode, type Output } from './terminal.ts';

/** Something that happened, for programs and in words; `type` comes first. */
export interface Told {
  readonly json: { readonly type: string } & Readonly<Record<string, unknown>>;
  /** For standard output: what was asked for. */
  readonly result?: string;
  /** For standard error. */
  readonly note?: string;
}

/** How far it is; told as often as a reader can follow. */
export interface Step {
  readonly json: Told['json'];
  readonly done: number;
  readonly total: number;
  /** Of a line. */
  readonly line: string;
  /** Beside a bar. */
  readonly beside: string;
}

export interface Progress {
  tell(told: Told): void;
  step(step: Step): void;
  /** For programs; others learn of it as of any error. */
  failed(error: unknown): void;
  /** Takes what can be redrawn off the screen. */
  close(): void;
}

export interface ProgressOptions {
  readonly json?: boolean;
  readonly now: () => number;
  /** Milliseconds between two steps as lines, and as JSON; 0: all. */
  readonly lineEvery: number;
  readonly jsonEvery: number;
}

export async function createProgress(output: Output, options: ProgressOptions): Promise<Progress> {
  if (options.json) return jsonProgress(output, options);
  return output.interactive ? await barProgress(output, options) : plainProgress(output, options);
}

/** One JSON object a line on standard output. */
function jsonProgress(output: Output, { now, jsonEvery }: ProgressOptions): Progress {
  const line = (value: object): void => output.result(JSON.stringify(value));
  const due = everySoOften(now, jsonEvery);
  return {
    tell: ({ json }) => line(json),
    step: ({ json }) => due() && line(json),
    failed: (error) => line({ type: 'error', code: errorCode(error), message: describeError(error) }),
    close: () => {},
  };
}

/** Lines on standard error, results on standard output. */
function plainProgress(output: Output, { now, lineEvery }: ProgressOptions): Progress {
  const due = everySoOften(now, lineEvery);
  return {
    tell({ note, result }) {
      if (note !== undefined) output.note(note);
      if (result !== undefined) output.result(result);
    },
    step: ({ line, done, total }) => (due() || done === total) && output.note(line),
    failed: () => {},
    close: () => {},
  };
}

const barSettings = {
  format: '{bar} {beside}',
  barCompleteChar: '\u2588',
  barIncompleteChar: '\u2591',
  barsize: 30,
  hideCursor: true,
  clearOnComplete: true,
  gracefulExit: false,
} as const;

/** A bar that is redrawn in place, below what is told. */
async function barProgress(output: Output, options: ProgressOptions): Promise<Progress> {
  const { default: progress } = await import('cli-progress');
  const due = everySoOften(options.now, 100);
  let bar: SingleBar | undefined;
  const close = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const plain = plainProgress(output, options);
  return {
    tell(told) {
      close();
      plain.tell(told);
    },
    step({ done, total, beside }) {
      if (!due() && done !== total) return;
      if (!bar) {
        bar = new progress.SingleBar(barSettings);
        bar.start(total, done, { beside });
      }
      bar.setTotal(total);
      bar.update(done, { beside });
    },
    failed: close,
    close,
  };
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
