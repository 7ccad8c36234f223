/** Who does a kind of work: one for each job of the kind that may be at work at the same time. */

import type { Job } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import { DarkroomError } from '#core/errors';
import type { JobReport, Stop } from '../queue/job.ts';
import type { ProgressChange } from './progress.ts';

export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

/** Why a job at work is stopped: it was asked to be, or the studio closes. The reason of a call's signal. */
export class Stopped extends DarkroomError {
  /** `partial`: cancelled, and what is half done is to be kept. */
  readonly how: Stop | 'partial' | 'close';

  constructor(how: Stopped['how']) {
    super('job.stopped', 'The job was stopped.');
    this.how = how;
  }
}

/** What a runner tells while it works. */
export interface WorkCall {
  /** Aborted when the job is to stop; what is finished by then is kept. */
  readonly signal: AbortSignal;
  progress(change: ProgressChange): void;
  preview(batch: number, previews: readonly Uint8Array[]): void;
  /** Written down with the job. */
  report(report: JobReport): Promise<void>;
  warn(message: string): Promise<void>;
}

export interface Runner<K extends JobKind = JobKind> {
  readonly kind: K;
  /** Where the progress begins. */
  begin?(job: Job<K>): ProgressChange;
  /**
   * Does the job, or the rest of it. Undefined: it was stopped before its end.
   * @throws why it failed
   */
  run(job: Job<K>, call: WorkCall): Promise<WorkResult | undefined>;
  /** What a request would take, found out by doing a little of it. */
  plan?(request: Job<K>['request'], signal: AbortSignal): Promise<WorkPlan>;
  /** Ends what is at work in the middle of a step. */
  kill?(): void;
  /** Ends the part at hand as far as it has come, and goes on with the next one. */
  skip?(): void;
  /** Removes what a cancelled job leaves. */
  discard?(job: Job<K>): Promise<void>;
}

export interface WorkResult {
  readonly result?: Job['result'];
}

export interface WorkPlan {
  readonly steps: number;
  /** Undefined where there are fewer than two steps. */
  readonly secondsPerStep: number | undefined;
  /** Of all steps, without what comes before and after them. */
  readonly seconds: number | undefined;
  /** Most that its process has had. */
  readonly memoryBytes: number;
  /** What is odd about the request or what it names. */
  readonly notes: readonly string[];
}
