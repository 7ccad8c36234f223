/** What the lab's work is given on this machine. */

import type { Backend } from '#engine/backend';
import type { Time } from '#lab/compare/result';
import type { StepReport } from '#training/loop';

export interface LabHost {
  readonly backend: Backend;
  /** Folder of what is made; what is finished in it is not made again. */
  readonly folder: string;
  /** The user's own MNIST files. */
  readonly data?: string | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A line for whoever waits. */
  log(line: string): void;
  /** Told when so many parts of the whole (see `partsOf`) are finished and kept. */
  finished?(parts: number): void;
  /** Steps of the training that is at work. */
  report?(what: string, report: StepReport): void;
}

/** Seconds by the clock and of this process, all its threads together. */
export function now(): Time {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now() / 1000, processor: (user + system) / 1e6 };
}
