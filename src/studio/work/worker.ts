/**
 * Takes jobs of one kind from the queue, one at a time, and sees each through its runner: what it finishes is kept,
 * what it cannot finish ends with a reason, what is stopped waits or ends as it was asked to.
 */

import type { Job } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import { DarkroomError } from '#core/errors';
import { nextTurn } from '../events/next-turn.ts';
import type { JobOutcome, JobQueue, JobReport, Stop } from '../queue/job.ts';
import { kindRules } from './kinds.ts';
import type { ProgressBoard } from './progress.ts';
import { type Log, type Runner, Stopped, type WorkCall } from './runner.ts';

export interface WorkerParts<K extends JobKind> {
  readonly queue: JobQueue;
  readonly runner: Runner<K>;
  readonly progress: ProgressBoard;
  /** False while nothing can be kept: nothing is begun then. */
  readonly isReady: () => boolean;
  readonly log: Log;
  /** What is said of a job as everybody may read it; default: as it is. */
  readonly shown?: (message: string) => string;
  /** Milliseconds between two tries to note down what cannot be noted down now; default 2,000. */
  readonly retryMs?: number;
}

/** Codes of errors that mean a full disk. */
export const fullDisk: readonly string[] = ['disk-full', 'store.disk-full'];
const defaultRetryMs = 2000;

export class Worker<K extends JobKind = JobKind> {
  readonly #parts: WorkerParts<K>;
  readonly #offReady: () => void;
  #job: Job<K> | undefined;
  #abort: AbortController | undefined;
  #stopping = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(parts: WorkerParts<K>) {
    this.#parts = parts;
    this.#offReady = parts.queue.onReady(() => this.#wake?.());
  }

  get kind(): K {
    return this.#parts.runner.kind;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Stops the job at work, which waits again, and takes no more. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#offReady();
    this.#abort?.abort(new Stopped('close'));
    this.#wake?.();
    await this.#loop;
  }

  /** Stops the job if it is at work here; `kill` in the middle of its step, `partial` keeping what is half done. */
  stop(id: string, how: Stop | 'partial'): boolean {
    if (this.#job?.id !== id) return false;
    this.#abort?.abort(new Stopped(how));
    if (how === 'kill') this.#parts.runner.kill?.();
    return true;
  }

  /** Ends the part that is at hand, if the job is at work here. */
  skip(id: string): void {
    if (this.#job?.id === id) this.#parts.runner.skip?.();
  }

  async discard(job: Job<K>): Promise<void> {
    await this.#parts.runner.discard?.(job);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      // Set before looking, so that a job that comes meanwhile is not missed.
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        const job = this.#parts.isReady() ? await this.#parts.queue.take(this.kind) : undefined;
        if (job) await this.#work(job);
        else if (!this.#stopping) await woken;
      } catch (error) {
        this.#parts.log('error', 'The next job could not be taken; trying again.', { error: messageOf(error) });
        await pause(this.#parts.retryMs ?? defaultRetryMs);
      }
    }
  }

  async #work(job: Job<K>): Promise<void> {
    const { queue, progress, runner } = this.#parts;
    this.#job = job;
    this.#abort = new AbortController();
    if (this.#stopping) this.#abort.abort(new Stopped('close'));
    progress.begin(job, runner.begin?.(job));
    await nextTurn();
    // Cancelled between being taken and being known here.
    if ((await queue.get(job.id))?.cancelRequested) this.#abort.abort(new Stopped('cancel'));
    const outcome = await this.#attempt(job, this.#abort.signal);
    progress.end(job.id);
    this.#job = undefined;
    await this.#settle(job, outcome);
  }

  async #attempt(job: Job<K>, signal: AbortSignal): Promise<JobOutcome> {
    const { queue, progress, runner, log, shown = asItIs } = this.#parts;
    const { id } = job;
    const call: WorkCall = {
      signal,
      progress: (change) => progress.update(id, change),
      preview: (batch, previews) => progress.preview(id, batch, previews),
      report: async (report) => {
        await nextTurn();
        await this.#report(id, report);
      },
      warn: async (message) => await queue.warn(id, shown(message)),
    };
    try {
      const result = await runner.run(job, call);
      if (result) return { state: 'done', ...result };
      if (signal.aborted) return stoppedOutcome(signal);
      return failure(new DarkroomError('job.incomplete', 'The job ended before all of it was done.'));
    } catch (error) {
      // Whatever the stop made fail.
      if (signal.aborted && !fullDisk.includes(codeOf(error))) return stoppedOutcome(signal);
      log('warn', 'Job failed.', { job: id, code: codeOf(error), error: messageOf(error) });
      return failure(error, shown);
    }
  }

  /** Work is not lost because another program holds the database for longer than the queue waits. */
  async #report(id: string, report: JobReport): Promise<void> {
    const { queue, log, retryMs = defaultRetryMs } = this.#parts;
    for (;;) {
      try {
        await queue.report(id, report);
        return;
      } catch (error) {
        if (codeOf(error) !== 'store.busy' || this.#stopping) throw error;
        log('warn', 'How far a job is could not be noted down; trying again.', { job: id });
        await pause(retryMs);
      }
    }
  }

  /** Writes the outcome down, however long the disk takes to let it. */
  async #settle(job: Job<K>, outcome: JobOutcome): Promise<void> {
    const { queue, log } = this.#parts;
    await nextTurn();
    const isHeld = outcome.state === 'failed' && fullDisk.includes(outcome.error.code) && kindRules[job.kind].isHeld;
    let pauses = isHeld;
    while (true) {
      try {
        if (pauses && outcome.state === 'failed') await queue.pause(outcome.error.message);
        if (outcome.state === 'cancelled') await this.discard(job);
        await queue.finish(job.id, outcome);
        return;
      } catch (error) {
        log('error', 'The end of a job could not be noted down.', { job: job.id, error: messageOf(error) });
        // Once it can, there is room again: whoever made it may have resumed the queue already.
        if (fullDisk.includes(codeOf(error))) pauses = false;
        // After a restart the job is found running and dealt with then.
        if (this.#stopping || !this.#parts.isReady()) return;
        await pause(this.#parts.retryMs ?? defaultRetryMs);
      }
    }
  }
}

function stoppedOutcome({ reason }: AbortSignal): JobOutcome {
  const how = reason instanceof Stopped ? reason.how : 'close';
  return { state: how === 'close' ? 'requeue' : how === 'pause' ? 'paused' : 'cancelled' };
}

function failure(error: unknown, shown = asItIs): JobOutcome {
  return { state: 'failed', error: { code: codeOf(error), message: shown(messageOf(error)) } };
}

const asItIs = (message: string): string => message;

function codeOf(error: unknown): string {
  return error instanceof DarkroomError ? error.code : 'internal';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
