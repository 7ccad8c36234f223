/** The events of a generation in words and for programs. */

import type { GenerateEvent, MemoryEvent } from '#pipelines/request';
import type { Step, Told } from '../progress.ts';
import { formatBytes, formatDuration } from '../terminal.ts';

export type StepEvent = Extract<GenerateEvent, { type: 'step' }>;

export function loading(part: string, totalBytes: number | undefined): Told {
  const size = totalBytes === undefined ? '' : ` (${formatBytes(totalBytes)})`;
  return { json: { type: 'loading', part, totalBytes }, note: `loading ${part}${size}` };
}

export const memory = ({ peak, limit, plan }: MemoryEvent): Told => ({
  json: { type: 'memory', peak, limit, plan },
  note: `memory: ${plan}`,
});

export const warning = (message: string): Told => ({ json: { type: 'warning', message }, note: `warning: ${message}` });

export interface SavedPicture {
  readonly file: string;
  readonly index: number;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly infotext: string;
}

export const saved = (picture: SavedPicture): Told => ({
  json: { type: 'image', ...picture },
  result: picture.file,
});

export const keptSteps = (file: string, steps: number): Told => ({
  json: { type: 'steps', file, steps },
  note: `How it came about, in ${steps} steps: ${file}`,
});

export const stopped = (pictures: number): Told => ({
  json: { type: 'stopped', pictures },
  note: `Stopped; ${pictures === 0 ? 'no picture was finished' : `${plural(pictures)} kept`}.`,
});

export const finished = (pictures: number, seconds: number): Told => ({
  json: { type: 'finished', pictures, seconds },
  note: `${plural(pictures)} in ${seconds < 10 ? `${seconds.toFixed(1)}s` : formatDuration(seconds)}.`,
});

const plural = (pictures: number): string => `${pictures} picture${pictures === 1 ? '' : 's'}`;

/** Steps a second since the first step of the current batch ended: the first is slower than the rest. */
export class Speed {
  readonly #now: () => number;
  #batch = -1;
  #since = 0;
  #steps = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  step(event: StepEvent): Step {
    this.#count(event);
    const { batch, batches, step, steps, eta } = event;
    const rate = this.#rate();
    const which = batches > 1 ? `batch ${batch + 1}/${batches} ` : '';
    const left = eta === undefined || eta === 0 ? '' : `, ETA ${formatDuration(eta)}`;
    const [done, total] = [batch * steps + step, steps * batches];
    return {
      json: { ...event },
      done,
      total,
      line: `${which}step ${step}/${steps}, ${rate} steps/s${left}`,
      beside: `${done}/${total}  ${rate} steps/s  ETA ${eta === undefined ? '-' : formatDuration(eta)}`,
    };
  }

  #count({ batch }: StepEvent): void {
    if (batch === this.#batch) {
      this.#steps++;
      return;
    }
    this.#batch = batch;
    this.#since = this.#now();
    this.#steps = 0;
  }

  #rate(): string {
    const seconds = (this.#now() - this.#since) / 1000;
    if (this.#steps === 0 || seconds <= 0) return '-';
    const perSecond = this.#steps / seconds;
    return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
  }
}
