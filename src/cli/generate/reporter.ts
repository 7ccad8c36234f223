/** What a generation tells while it runs: a bar on a terminal, plain lines elsewhere, or JSON lines for programs. */

import type { SingleBar } from 'cli-progress';
import type { GenerateEvent } from '#pipelines/request';
import { formatBytes, formatDuration, type Output } from '../terminal.ts';

export type StepEvent = Extract<GenerateEvent, { type: 'step' }>;

export interface SavedPicture {
  readonly file: string;
  readonly index: number;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly infotext: string;
}

export interface Reporter {
  loading(part: string, totalBytes: number | undefined): void;
  step(event: StepEvent): void;
  warning(message: string): void;
  saved(picture: SavedPicture): void;
  /** `pictures` are kept. */
  stopped(pictures: number): void;
  failed(code: string, message: string): void;
  finished(pictures: number, seconds: number): void;
  /** Takes what can be redrawn off the screen. */
  close(): void;
}

/** One JSON object a line on standard output. */
export function jsonReporter(output: Output): Reporter {
  const line = (value: Record<string, unknown>): void => output.result(JSON.stringify(value));
  return {
    loading: (part, totalBytes) => line({ type: 'loading', part, ...(totalBytes !== undefined && { totalBytes }) }),
    step: (event) => line({ ...event }),
    warning: (message) => line({ type: 'warning', message }),
    saved: (picture) => line({ type: 'image', ...picture }),
    stopped: (pictures) => line({ type: 'stopped', pictures }),
    failed: (code, message) => line({ type: 'error', code, message }),
    finished: (pictures, seconds) => line({ type: 'finished', pictures, seconds }),
    close: () => {},
  };
}

/** Seconds between two lines about steps. */
const lineEvery = 5;

/** Lines on standard error, the paths of pictures on standard output. */
export function plainReporter(output: Output, now: () => number): Reporter {
  const speed = new Speed(now);
  let last = Number.NEGATIVE_INFINITY;
  return {
    loading(part, totalBytes) {
      output.note(`loading ${part}${totalBytes === undefined ? '' : ` (${formatBytes(totalBytes)})`}`);
    },
    step(event) {
      speed.count(event);
      const time = now() / 1000;
      if (time - last < lineEvery && event.step < event.steps) return;
      last = time;
      output.note(stepLine(event, speed.perSecond));
    },
    warning: (message) => output.note(`warning: ${message}`),
    saved: ({ file }) => output.result(file),
    stopped: (pictures) => output.note(stoppedLine(pictures)),
    failed: () => {},
    finished: (pictures, seconds) => output.note(finishedLine(pictures, seconds)),
    close: () => {},
  };
}

const barSettings = {
  format: '{bar} {value}/{total}  {rate} steps/s  ETA {left}',
  barCompleteChar: '\u2588',
  barIncompleteChar: '\u2591',
  barsize: 30,
  hideCursor: true,
  clearOnComplete: true,
  gracefulExit: false,
} as const;

/** A bar that is redrawn in place. */
export async function barReporter(output: Output, now: () => number): Promise<Reporter> {
  const { default: progress } = await import('cli-progress');
  const speed = new Speed(now);
  let bar: SingleBar | undefined;
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const above = (write: () => void): void => {
    clear();
    write();
  };
  return {
    loading: (part, totalBytes) =>
      above(() => output.note(`loading ${part}${totalBytes === undefined ? '' : ` (${formatBytes(totalBytes)})`}`)),
    step(event) {
      speed.count(event);
      const done = event.batch * event.steps + event.step;
      const shown = {
        rate: formatRate(speed.perSecond),
        left: event.eta === undefined ? '-' : formatDuration(event.eta),
      };
      if (bar) bar.update(done, shown);
      else {
        bar = new progress.SingleBar(barSettings);
        bar.start(event.steps * event.batches, done, shown);
      }
    },
    warning: (message) => above(() => output.note(`warning: ${message}`)),
    saved: ({ file }) => above(() => output.result(file)),
    stopped: (pictures) => above(() => output.note(stoppedLine(pictures))),
    failed: clear,
    finished: (pictures, seconds) => above(() => output.note(finishedLine(pictures, seconds))),
    close: clear,
  };
}

function stepLine({ batch, batches, step, steps, eta }: StepEvent, perSecond: number | undefined): string {
  const which = batches > 1 ? `batch ${batch + 1}/${batches} ` : '';
  const left = eta === undefined || eta === 0 ? '' : `, ETA ${formatDuration(eta)}`;
  return `${which}step ${step}/${steps}, ${formatRate(perSecond)} steps/s${left}`;
}

const stoppedLine = (pictures: number): string =>
  `Stopped; ${pictures === 0 ? 'no picture was finished' : `${plural(pictures)} kept`}.`;

const finishedLine = (pictures: number, seconds: number): string =>
  `${plural(pictures)} in ${seconds < 10 ? `${seconds.toFixed(1)}s` : formatDuration(seconds)}.`;

const plural = (pictures: number): string => `${pictures} picture${pictures === 1 ? '' : 's'}`;

function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-';
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
}

/** Steps a second since the first step of the current batch ended: the first is slower than the rest. */
class Speed {
  readonly #now: () => number;
  #batch = -1;
  #since = 0;
  #steps = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  count({ batch }: StepEvent): void {
    if (batch === this.#batch) {
      this.#steps++;
      return;
    }
    this.#batch = batch;
    this.#since = this.#now();
    this.#steps = 0;
  }

  get perSecond(): number | undefined {
    const seconds = (this.#now() - this.#since) / 1000;
    return this.#steps === 0 || seconds <= 0 ? undefined : this.#steps / seconds;
  }
}
