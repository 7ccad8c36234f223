/** Handlers of trainings. */

import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { trainings } from '#api/operations/trainings';
import type { Job } from '#api/records/job';
import type { Caller } from '#api/rights';
import { UserError } from '#core/errors';
import type { StudioFolder } from '../studio-folder.ts';
import type { Context, HandlersOf } from './context.ts';
import { ownJob } from './jobs.ts';
import { toldJob } from './told.ts';

export const trainingHandlers = {
  async submitTraining({ training, priority, label }, { studio, caller }) {
    if (!isAbsolute(training.data) || !existsSync(training.data)) {
      const got = JSON.stringify(training.data);
      const message = `data: there is no folder ${got} on this machine; give its whole path.`;
      throw new UserError('training.data.missing', message);
    }
    const [job] = await studio.queue.add([
      { kind: 'training', user: caller.name, priority, label, request: training, total: training.steps },
    ]);
    return toldJob(job!, caller);
  },
  async getTraining({ id, rows }, { studio, caller }) {
    const job = await ownTraining(studio, id, caller);
    const progress = 'progress' in studio ? (studio as Context<true>['studio']).progress.get(id) : undefined;
    const { trainings } = studio;
    return {
      job: toldJob(job, caller),
      progress,
      metrics: await trainings.metrics(id, rows),
      files: await trainings.files(id),
    };
  },
  async getTrainingFile({ id, path }, { studio, caller }) {
    await ownTraining(studio, id, caller);
    return await studio.trainings.read(id, path);
  },
} satisfies HandlersOf<typeof trainings>;

/** @throws UserError `training.unknown` */
async function ownTraining(studio: StudioFolder, id: string, caller: Caller): Promise<Job> {
  const job = await ownJob(studio, id, caller);
  if (job.kind === 'training') return job;
  throw new UserError('training.unknown', `Job ${id} is no training but a ${job.kind}.`);
}
