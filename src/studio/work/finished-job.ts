/** Waiting for a job on behalf of a client whose protocol blocks until the pictures are there. */

import { DarkroomError, UserError } from '#core/errors';
import type { PictureJob } from '../queue/job.ts';
import type { Studio } from '../studio.ts';

/** The ended job, however it ended but failed. A client that goes away takes its job with it. @throws why it failed */
export async function finishedJob(studio: Studio, id: string, signal: AbortSignal): Promise<PictureJob> {
  let job: PictureJob;
  try {
    job = (await studio.wait(id, signal)) as PictureJob;
  } catch (error) {
    if (signal.aborted) await studio.cancel(id);
    throw error;
  }
  if (job.state !== 'failed') return job;
  const { code, message } = job.error!;
  throw isOurFault(code) ? new DarkroomError(code, message) : new UserError(code, message);
}

/** The engine's end is not for the client to mend; everything else is about the request. */
function isOurFault(code: string): boolean {
  return /^(internal|disk|store\.|engine\.(crashed|out-of-memory|start-failed|failed|incomplete))/.test(code);
}
