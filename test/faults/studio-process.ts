/**
 * A studio with the fake engine in a process of its own, to be killed: submits jobs, plays the user (cancels, rates,
 * trashes, restores), and says on standard output, one JSON object a line, what has been promised to whom.
 */

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownModule } from '#studio/files/own-module';
import { createStudio, type Studio } from '#studio/studio';
import { TrainingRuns } from '#studio/training/runs';
import { TrainingRunner } from '#studio/work/runners/training';
import { stepsOf, trainingRequestSchema } from '#training/config';
import { type Random, seededRandom } from './random.ts';

export type Said =
  | { readonly ready: true }
  | { readonly engine: number }
  | { readonly submitted: readonly string[] }
  | { readonly image: string }
  | { readonly cancelled: string }
  /** Said before it is done, and after. */
  | { readonly rates: string; readonly rating: number }
  | { readonly rated: string; readonly rating: number }
  | { readonly trashes: string; readonly away: boolean }
  | { readonly trashed: string; readonly away: boolean }
  /** The setting `previewEvery`. */
  | { readonly sets: number }
  | { readonly set: number }
  /** A download of this file of the hub. */
  | { readonly pulled: string; readonly file: string }
  /** Said before it is done, and after, as `name: whether it is there`. */
  | { readonly keeps: string; readonly there: boolean }
  | { readonly kept: string; readonly there: boolean }
  | { readonly training: string }
  | { readonly idle: true };

interface Orders {
  readonly dataDir: string;
  readonly outputsDir: string;
  readonly modelsDir: string;
  /** Address that models are fetched from; they are called m0 to m9.safetensors. */
  readonly hub: string;
  /** Folder of pictures to train on, when this life is to begin a training. */
  readonly trainOn?: string;
  /** Where to say it: a file, since what a killed process wrote to a pipe may be lost. */
  readonly sayTo: string;
  readonly seed: number;
  readonly jobs: number;
  /** Ends by itself when every job has ended; failed jobs are tried again first. */
  readonly finish: boolean;
}

const orders = JSON.parse(process.argv[2]!) as Orders;
const random = seededRandom(orders.seed);

function say(said: Said): void {
  appendFileSync(orders.sayTo, `${JSON.stringify(said)}\n`);
}

const trainerMain = ownModule(import.meta.url, '../../src/training-main');
const studio = await createStudio({
  dataDir: orders.dataDir,
  outputsDir: orders.outputsDir,
  engineModule: ownModule(import.meta.url, '../fixtures/fake-engine'),
  modelRoots: [orders.modelsDir],
  hashInBackground: false,
  pulls: {
    hosts: { huggingFace: orders.hub, civitai: orders.hub },
    tokens: {},
    hubCache: join(orders.dataDir, 'hub'),
    allowPrivate: true,
  },
  runners: [
    new TrainingRunner({
      main: trainerMain,
      threads: 1,
      modelRoots: [],
      runs: new TrainingRuns(join(orders.dataDir, 'trainings')),
    }),
  ],
  devices: [{ name: 'cpu', options: { stepMs: 4 } }],
});
studio.events.subscribe((event) => {
  if (event.type === 'image.added') say({ image: event.data.id });
  if (event.type === 'engine' && event.data.pid !== undefined) say({ engine: event.data.pid });
});
say({ ready: true });
if (orders.finish) await finishAll(studio);
else await playUser(studio, random);

async function playUser(on: Studio, dice: Random): Promise<void> {
  // Given up after too many deaths: this user insists.
  for (const job of (await on.queue.list({ states: ['failed'], limit: 1000 })).jobs) await on.queue.retry(job.id);
  for (let i = 0; i < orders.jobs; i++) {
    const jobs = await on.submit({
      user: dice.pick(['ann', 'bob', 'local']),
      priority: dice.pick([0, 0, 1]),
      request: {
        prompt: `job ${i} of ${orders.seed}`,
        steps: 3,
        batchSize: dice.between(1, 2),
        batchCount: dice.between(1, 4),
      },
    });
    say({ submitted: jobs.map((job) => job.id) });
  }
  if (orders.trainOn !== undefined) await train(on, orders.trainOn);
  while (true) {
    await new Promise((resolve) => setTimeout(resolve, dice.between(1, 60)));
    await actOnce(on, dice);
  }
}

async function actOnce(on: Studio, dice: Random): Promise<void> {
  const { images } = on.gallery.search({ limit: 20 });
  const act = dice.between(0, 12);
  if (act === 0) {
    const { jobs } = await on.queue.list({ kinds: ['picture'], states: ['queued', 'running'], limit: 5 });
    // Else all would be cancelled before an engine on a busy machine has started.
    if (jobs.length === 0 || (images.length === 0 && dice.next() < 0.9)) return;
    const { id } = dice.pick(jobs);
    await on.cancel(id);
    say({ cancelled: id });
  } else if (act <= 2 && images.length > 0) {
    const { id } = dice.pick(images);
    const rating = dice.between(1, 5);
    say({ rates: id, rating });
    on.gallery.rate(id, rating);
    say({ rated: id, rating });
  } else if (act <= 4 && images.length > 0) {
    const { id } = dice.pick(images);
    say({ trashes: id, away: true });
    await on.gallery.trash([id]);
    say({ trashed: id, away: true });
    if (dice.next() >= 0.7) return;
    say({ trashes: id, away: false });
    await on.gallery.restore([id]);
    say({ trashed: id, away: false });
  } else if (act === 5 && images.length > 0 && dice.next() < 0.1) {
    await on.rebuild();
  } else if (act === 6) {
    const previewEvery = dice.between(0, 9);
    say({ sets: previewEvery });
    on.settings.update({ previewEvery });
    say({ set: previewEvery });
  } else if (act === 10 && dice.next() < 0.2) {
    const file = `m${dice.between(0, 9)}.safetensors`;
    say({ pulled: (await on.pulls.add(`${orders.hub}/${file}`)).id, file });
  } else if (act === 11) {
    await keepBoard(on, dice);
  } else if (act === 12) {
    await keepAccount(on, dice);
  }
}

/** Makes a board or takes it away with all that is on it, and puts pictures on it. */
async function keepBoard(on: Studio, dice: Random): Promise<void> {
  const name = `board ${dice.between(0, 5)}`;
  const known = (await on.boards.list('local')).find((board) => board.name === name);
  const { images } = on.gallery.search({ limit: 3 });
  if (known && images.length > 0 && dice.next() < 0.85) {
    const { id } = dice.pick(images);
    say({ keeps: `${name} has ${id}`, there: true });
    await on.boards.add(known.id, [id]);
    say({ kept: `${name} has ${id}`, there: true });
    return;
  }
  const changed = [`board ${name}`, ...(known ? onBoard(on, known.id).map((id) => `${name} has ${id}`) : [])];
  for (const keeps of changed) say({ keeps, there: !known });
  if (known) on.boards.remove(known.id);
  else await on.boards.create('local', name);
  for (const kept of changed) say({ kept, there: !known });
}

/** All its pictures: a board counts only those that are shown, and goes with those in the trash and those away too. */
function onBoard(on: Studio, board: string): string[] {
  const places = [{}, { trashed: true }, { away: true }, { trashed: true, away: true }];
  return places.flatMap((place) => on.gallery.search({ board, limit: 500, ...place }).images.map(({ id }) => id));
}

/** Makes an account, or takes it away. */
async function keepAccount(on: Studio, dice: Random): Promise<void> {
  const name = `user${dice.between(0, 5)}`;
  const there = on.users.get(name) === undefined;
  say({ keeps: `account ${name}`, there });
  if (there) await on.users.create(name, 'user');
  else on.users.remove(name);
  say({ kept: `account ${name}`, there });
}

/** A small training that goes on over the kills to come. */
async function train(on: Studio, data: string): Promise<void> {
  const vae = { blockChannels: [4, 8], layersPerBlock: 1, normGroups: 2 };
  const steps = { steps: 60, checkpointEvery: 10, sampleEvery: 60 };
  const sizes = { size: 32, crop: 16, batchSize: 1, learningRate: 0.001 };
  const request = trainingRequestSchema.parse({ task: 'autoencoder', data, vae, ...sizes, ...steps });
  const [job] = await on.queue.add([{ kind: 'training', user: 'local', request, total: stepsOf(request) }]);
  say({ training: job!.id });
}

async function finishAll(on: Studio): Promise<void> {
  await on.queue.resume();
  for (let tries = 0; tries < 5; tries++) {
    const { jobs } = await on.queue.list({ states: ['failed'], limit: 1000 });
    for (const job of jobs) await on.queue.retry(job.id);
    let open = await on.queue.list({ states: ['queued', 'running'], limit: 1000 });
    while (open.jobs.length > 0) {
      await on.wait(open.jobs[0]!.id);
      open = await on.queue.list({ states: ['queued', 'running'], limit: 1000 });
    }
  }
  await on.close();
  say({ idle: true });
  process.exit(0);
}
