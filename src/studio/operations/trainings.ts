/** Handlers of trainings. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, isAbsolute, resolve } from 'node:path';
import type { datasets, trainings } from '#api/operations/trainings';
import { UserError } from '#core/errors';
import { dataOf, stepsOf, type TrainingRequest } from '#training/config';
import { methodForm, methodTitles } from '#training/settings/forms';
import { trainingNames } from '#training/settings/methods';
import { inTurns, once } from '../events/next-turn.ts';
import { UploadedFile } from '../reader/large-bodies.ts';
import type { StudioFolder } from '../studio-folder.ts';
import type { HandlersOf } from './context.ts';
import { ownJobOf, progressOf } from './jobs.ts';
import { toldJob } from './told.ts';

/** Made once, each in a turn of the event loop. */
const methodForms = once(async () => {
  const methods = [];
  for await (const name of inTurns(trainingNames, 1))
    methods.push({ name, ...methodTitles[name], schema: methodForm(name) });
  return methods;
});

export const trainingHandlers = {
  listTrainingMethods: async () => ({ methods: await methodForms() }),
  async submitTraining({ training: asked, priority, label }, { studio, caller }) {
    const training = await located(asked, studio);
    const [job] = await studio.queue.add([
      { kind: 'training', user: caller.name, priority, label, request: training, total: stepsOf(training) },
    ]);
    return toldJob(job!, caller);
  },
  async planTraining({ training }, { studio, signal }) {
    const plan = await studio.plan('training', await located(training, studio), signal);
    return { ...plan, notes: [...plan.notes] };
  },
  async getTraining({ id, rows }, { studio, caller }) {
    const job = await ownJobOf('training', studio, id, caller);
    const { trainings } = studio;
    return {
      job: toldJob(job, caller),
      progress: progressOf(studio, id),
      metrics: await trainings.metrics(id, rows),
      files: await trainings.files(id),
    };
  },
  async getTrainingFile({ id, path }, { studio, caller }) {
    await ownJobOf('training', studio, id, caller);
    return await studio.trainings.read(id, path);
  },
} satisfies HandlersOf<typeof trainings>;

const ofStudio = /^dataset:(.+)$/;

/** With a dataset of the studio as its folder. @throws UserError `dataset.unknown`, `training.data.missing` */
async function located(training: TrainingRequest, { datasets }: StudioFolder): Promise<TrainingRequest> {
  const given = dataOf(training);
  const [, name] = ofStudio.exec(given) ?? [];
  const data = name === undefined ? given : await datasets.folder(name);
  if (!isAbsolute(data) || !existsSync(data)) {
    const got = JSON.stringify(data);
    const message = `data: there is no folder ${got} on this machine; give its whole path.`;
    throw new UserError('training.data.missing', message);
  }
  return 'data' in training ? { ...training, data } : { ...training, train_data_dir: data };
}

export const datasetHandlers = {
  listDatasets: async (_input, { studio }) => ({ datasets: await studio.datasets.list() }),
  async createDataset({ name }, { studio }) {
    await studio.datasets.create(name);
    return { name };
  },
  async getDataset({ name }, { studio }) {
    const { pictures, report } = await studio.scanDataset(name);
    const { nearDuplicates } = report;
    return {
      pictures: [...pictures],
      report: {
        count: report.count,
        withoutCaption: [...report.withoutCaption],
        broken: [...report.broken],
        tiny: [...report.tiny],
        nearDuplicates: nearDuplicates.map((group) => [...group]),
        oddEncodings: [...report.oddEncodings],
      },
    };
  },
  async addToDataset({ name, pictures, caption }, context) {
    const { studio, readPicture } = context;
    await studio.datasets.folder(name);
    const added: string[] = [];
    for (const source of pictures) {
      const upload = await readPicture(source);
      const { format } = await studio.readHeader(upload, context);
      const bytes = upload instanceof UploadedFile ? await readFile(upload.file) : upload;
      added.push(await studio.datasets.add(name, bytes, format === 'jpeg' ? 'jpg' : format, caption));
    }
    return { pictures: added };
  },
  async setCaption({ name, picture, caption }, { studio }) {
    await studio.datasets.setCaption(name, picture, caption);
  },
  async setMask({ name, picture, mask }, context) {
    const { studio, readPicture } = context;
    await studio.datasets.file(name, picture);
    const upload = await readPicture(mask);
    const { format } = await studio.readHeader(upload, context);
    if (format !== 'png') throw new UserError('dataset.mask', `the mask is ${format}; give a PNG`);
    await studio.datasets.setMask(name, picture, upload instanceof UploadedFile ? await readFile(upload.file) : upload);
  },
  async importDataset({ name, folder }, { studio }) {
    return { pictures: await studio.datasets.importFolder(name, resolve(folder)) };
  },
  cropDataset: async ({ name, into, ...crop }, { studio }) => await studio.deriveDataset(name, into, { crop }),
  flipDataset: async ({ name, into }, { studio }) =>
    await studio.deriveDataset(name, into, { mirrored: true }, { besides: true }),
  async splitDataset({ name, into, share, seed }, { studio }) {
    return { pictures: await studio.datasets.split(name, into, share, seed) };
  },
  async getDatasetPicture({ name, picture }, { studio }) {
    const file = await studio.datasets.file(name, picture);
    const extension = extname(file).slice(1).toLowerCase();
    return { type: `image/${extension === 'jpg' ? 'jpeg' : extension}`, body: await readFile(file) };
  },
  async removeFromDataset({ name, picture }, { studio }) {
    await studio.datasets.remove(name, picture);
  },
} satisfies HandlersOf<typeof datasets>;
