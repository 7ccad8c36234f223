/** Waiting for a job by the studio's events, without asking over and over. */

import type { Job } from '#api/records/job';
import { endStates } from '#api/records/job-state';
import type { BusEvent, ResetEvents } from '../events/bus.ts';
import type { QueueEvents } from './job.ts';
import type { SqliteJobQueue } from './sqlite-queue.ts';
import { unknownJob } from './unknown-job.ts';

export interface JobSources {
  readonly queue: Pick<SqliteJobQueue, 'get'>;
  /** A bus that tells the queue's events, beside others. */
  readonly events: { subscribe(listener: (event: { readonly type: string }) => void): () => void };
}

export function hasEnded(job: Job): boolean {
  return (endStates as readonly string[]).includes(job.state);
}

/** The job once it is so far. Rejects with the signal's reason when that comes first. @throws UserError `job.unknown` */
export async function waitForJob(
  id: string,
  isOver: (job: Job) => boolean,
  { queue, events }: JobSources,
  signal?: AbortSignal,
): Promise<Job> {
  return await new Promise<Job>((resolve, reject) => {
    const onAbort = () => settle(() => reject(signal!.reason as Error));
    const off = events.subscribe((told) => {
      const event = told as BusEvent<QueueEvents & ResetEvents>;
      if (event.type === 'job.changed' && event.data.id === id && isOver(event.data)) settle(() => resolve(event.data));
      if (event.type === 'job.removed' && event.data.id === id) settle(() => reject(unknownJob(id)));
      // Another process may have ended it.
      if (event.type === 'reset') look();
    });
    const settle = (outcome: () => void) => {
      off();
      signal?.removeEventListener('abort', onAbort);
      outcome();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) return onAbort();
    const look = (): void => {
      queue.get(id).then(
        (job) => {
          if (!job) settle(() => reject(unknownJob(id)));
          else if (isOver(job)) settle(() => resolve(job));
        },
        (error: Error) => settle(() => reject(error)),
      );
    };
    look();
  });
}
