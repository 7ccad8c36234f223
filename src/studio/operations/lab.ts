/** Handlers of the lab. */

import { z } from 'zod';
import type { lab } from '#api/operations/lab';
import { experimentNames, experimentTitles, labRequests, partsOf } from '#lab/experiments';
import type { HandlersOf } from './context.ts';
import { ownJobOf, progressOf } from './jobs.ts';
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
    const job = await ownJobOf('lab', studio, id, caller);
    const { tablesIn } = await import('../lab/tables.ts');
    return {
      job: toldJob(job, caller),
      progress: progressOf(studio, id),
      tables: await tablesIn(studio.labRuns.folderOf(id)),
      files: await studio.labRuns.files(id),
    };
  },
  async getExperimentFile({ id, path }, { studio, caller }) {
    await ownJobOf('lab', studio, id, caller);
    return await studio.labRuns.read(id, path);
  },
} satisfies HandlersOf<typeof lab>;
