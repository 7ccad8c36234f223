/** Handlers of the lab. */

import { z } from 'zod';
import type { lab } from '#api/operations/lab';
import type { Job } from '#api/records/job';
import type { Caller } from '#api/rights';
import { UserError } from '#core/errors';
import { experimentNames, experimentTitles, labRequests, partsOf } from '#lab/experiments';
import type { StudioFolder } from '../studio-folder.ts';
import type { Context, HandlersOf } from './context.ts';
import { ownJob } from './jobs.ts';
import { toldJob } from './told.ts';

export const labHandlers = {
  listExperiments: () => ({
    experiments: experimentNames.map((name) => ({
      name,
      ...experimentTitles[name],
      schema: z.toJSONSchema(labRequests[name], { io: 'input' }) as Record<string, unknown>,
    })),
  }),
  async submitExperiment({ run, priority, label }, { studio, caller }) {
    const [job] = await studio.queue.add([
      { kind: 'lab', user: caller.name, priority, label, request: run, total: partsOf(run) },
    ]);
    return toldJob(job!, caller);
  },
  async getExperiment({ id }, { studio, caller }) {
    const job = await ownRun(studio, id, caller);
    const progress = 'progress' in studio ? (studio as Context<true>['studio']).progress.get(id) : undefined;
    const { tablesIn } = await import('../lab/tables.ts');
    return {
      job: toldJob(job, caller),
      progress,
      tables: await tablesIn(studio.labRuns.folderOf(id)),
      files: await studio.labRuns.files(id),
    };
  },
  async getExperimentFile({ id, path }, { studio, caller }) {
    await ownRun(studio, id, caller);
    return await studio.labRuns.read(id, path);
  },
} satisfies HandlersOf<typeof lab>;

/** @throws UserError `lab.unknown` */
async function ownRun(studio: StudioFolder, id: string, caller: Caller): Promise<Job> {
  const job = await ownJob(studio, id, caller);
  if (job.kind === 'lab') return job;
  throw new UserError('lab.unknown', `Job ${id} is no experiment of the lab but a ${job.kind}.`);
}
