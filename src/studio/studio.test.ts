import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeOptions, picture } from '../../test/fixtures/fake-engine.ts';
import { ownModule } from './files/own-module.ts';
import { systemCalls } from './files/whole-file.ts';
import { decodeImage, encodeImage } from './images/codec.ts';
import type { PictureJob } from './queue/job.ts';
import { SqliteJobQueue } from './queue/sqlite-queue.ts';
import { Settings } from './settings/settings.ts';
import { openDatabase } from './store/database.ts';
import { createStudio, type Studio, type StudioEvent, type StudioOptions } from './studio.ts';

const engineModule = ownModule(import.meta.url, '../../test/fixtures/fake-engine');

/** A checkpoint that can be described, with what it does not say of itself. */
function putTinyModel(folder: string): void {
  const from = fileURLToPath(new URL('../../test/goldens/data/models/tiny-sd1/', import.meta.url));
  for (const end of ['safetensors', 'yaml']) symlinkSync(join(from, `tiny-sd1.${end}`), join(folder, `tiny.${end}`));
}

let root: string;
const open: Studio[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-studio-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((studio) => studio.close()));
  rmSync(root, { recursive: true, force: true });
});

async function start(fake: FakeOptions = {}, extra: Partial<StudioOptions> = {}): Promise<Studio> {
  const studio = await createStudio({
    dataDir: join(root, 'data'),
    outputsDir: join(root, 'outputs'),
    engineModule,
    modelRoots: [],
    devices: [{ name: 'cpu', options: { ...fake } }],
    ...extra,
  });
  open.push(studio);
  return studio;
}

async function stop(studio: Studio): Promise<void> {
  open.splice(open.indexOf(studio), 1);
  await studio.close();
}

async function submit(studio: Studio, prompt: string, fields: object = {}): Promise<PictureJob> {
  const [job] = await studio.submit({ request: { prompt, steps: 3, seed: 10, ...fields } });
  return job!;
}

function pictureFiles(): string[] {
  return readdirSync(join(root, 'outputs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.png'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function when<T extends StudioEvent['type']>(studio: Studio, type: T, test: (data: never) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const off = studio.events.subscribe((event) => {
      if (event.type !== type || !test(event.data as never)) return;
      off();
      resolve();
    });
  });
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

const isStep = (step: number) => (data: { step: number }) => data.step >= step;

describe('studio', () => {
  it('makes what was asked for, with progress, previews and warnings on the way', async () => {
    const studio = await start({ stepMs: 120 });
    const seen: StudioEvent[] = [];
    studio.events.subscribe((event) => seen.push(event));
    studio.settings.update({ previewEvery: 1 });
    const job = await submit(studio, 'a fox fake:warn', { batchSize: 2, batchCount: 2, width: 96 });
    const previews = when(studio, 'job.preview', () => studio.progress.previews(job.id).length > 0);
    const done = await studio.wait(job.id);
    await previews;
    expect(done).toMatchObject({ state: 'done', total: 4, delivered: 4, warnings: ['this is a warning'] });
    const images = studio.gallery.search({ job: job.id, order: 'oldest' }).images;
    expect(images.map((image) => image.seed)).toEqual([10, 11, 12, 13]);
    for (const image of images) {
      const { image: pixels, infotext } = await decodeImage(readFileSync(await studio.gallery.file(image.id)));
      expect(pixels).toEqual(picture({ width: 96 }, image.seed!));
      expect(infotext).toBe(image.infotext);
    }
    const types = new Set(seen.map((event) => event.type));
    for (const type of ['job.added', 'job.changed', 'job.progress', 'image.added', 'engine', 'queue'] as const) {
      expect(types).toContain(type);
    }
    const fractions = seen.flatMap((event) => (event.type === 'job.progress' ? [event.data.fraction] : []));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(studio.progress.list()).toEqual([]);
  });

  it('draws seeds once, and refuses what the schema refuses, before anything is queued', async () => {
    const studio = await start();
    await studio.queue.pause();
    const job = await submit(studio, 'a', { seed: -1 });
    expect(job.request.seed).toBeGreaterThanOrEqual(0);
    expect(job.request.subseed).toBeGreaterThanOrEqual(0);
    const bad = studio.submit([{ request: { prompt: 'fine' } }, { request: { prompt: 'a', width: 10 } }]);
    await expect(bad).rejects.toMatchObject({ code: 'request.invalid', message: expect.stringContaining('width') });
    const last = { seed: Number.MAX_SAFE_INTEGER, batchCount: 2 };
    await expect(studio.submit({ request: last })).rejects.toMatchObject({ message: expect.stringContaining('seed') });
    const mask = await encodeImage(picture({}, 1), 'png');
    await expect(studio.submit({ request: { prompt: 'a' }, pictures: { mask } })).rejects.toMatchObject({
      code: 'request.invalid',
    });
    for (const [field, code] of [
      ['sampler', 'sampler.unknown'],
      ['scheduler', 'scheduler.unknown'],
      ['hiresSampler', 'sampler.unknown'],
    ])
      await expect(studio.submit({ request: { [field!]: 'nonsense' } })).rejects.toMatchObject({ code });
    const long = studio.submit({ request: { prompt: 'a'.repeat(100_001) } });
    await expect(long).rejects.toMatchObject({ message: expect.stringContaining('at most 100000 characters') });
    studio.settings.update({ maxWaitingJobsPerUser: 1 });
    const two = [
      { request: {}, user: 'anna' },
      { request: {}, user: 'anna' },
    ];
    await expect(studio.submit(two)).rejects.toMatchObject({
      code: 'queue.full',
      message: expect.stringMatching(/At most 1 jobs of one account.*maxWaitingJobsPerUser/),
    });
    studio.settings.update({ maxWaitingJobs: 2 });
    await expect(studio.submit([{ request: {} }, { request: {} }])).rejects.toMatchObject({ code: 'queue.full' });
    expect((await studio.queue.state()).counts.queued).toBe(1);
  });

  it('takes no more of an account than may wait, however many ask at once', async () => {
    const studio = await start();
    await studio.queue.pause();
    studio.settings.update({ maxWaitingJobsPerUser: 3 });
    const asked = await Promise.allSettled(Array.from({ length: 8 }, async () => await submit(studio, 'a')));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    const { reason } = asked.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(reason).toMatchObject({ code: 'queue.full', message: expect.stringContaining('maxWaitingJobsPerUser') });
    expect(studio.queue.waiting()).toBe(3);
    await studio.cancelAll();
    await submit(studio, 'a');
  });

  it('goes on with the embedded model where the default one has gone, and says so', async () => {
    const studio = await start();
    studio.settings.update({ defaultModel: 'gone' });
    const [job] = await studio.submit({ request: { prompt: 'a', steps: 1 } });
    expect(job!.request.model).toBeUndefined();
    expect(job!.warnings).toEqual([expect.stringContaining('The default model gone cannot be used')]);
    expect((await studio.wait(job!.id)).state).toBe('done');
  });

  it('keeps the pictures a job starts from until the job is cleared', async () => {
    const studio = await start();
    const init = picture({ width: 64, height: 64 }, 3);
    const file = await encodeImage(init, 'png');
    const [job] = await studio.submit({ request: { prompt: 'a', steps: 2 }, pictures: { init: file, mask: file } });
    await studio.wait(job!.id);
    expect((await decodeImage((await studio.input(job!.id, 'init'))!)).image).toEqual(init);
    expect(readdirSync(join(root, 'data', 'inputs')).filter((name) => name.endsWith('.png'))).toHaveLength(2);
    // They count for the share of the disk that an account has.
    studio.settings.update({ maxDiskMibPerUser: 1 });
    const side = { width: 640, height: 640 };
    const noise = await encodeImage({ ...side, channels: 3, data: randomBytes(3 * 640 * 640) }, 'png');
    const large = await studio.submit({ request: { prompt: 'a', steps: 2 }, pictures: { init: noise } });
    await studio.wait(large[0]!.id);
    const more = () => studio.submit({ request: { prompt: 'a', steps: 2 } });
    await expect(more()).rejects.toMatchObject({ code: 'disk.share' });
    await studio.clear();
    expect(readdirSync(join(root, 'data', 'inputs')).filter((name) => name.endsWith('.png'))).toEqual([]);
    expect(studio.gallery.count()).toBe(2);
    await studio.wait((await more())[0]!.id);
  });

  it('cancels a running job between steps, and goes on with the next', async () => {
    const studio = await start({ stepMs: 30 });
    const first = await submit(studio, 'a', { steps: 1000 });
    const second = await submit(studio, 'b');
    await when(studio, 'job.progress', isStep(2));
    await studio.cancel(first.id);
    await studio.cancel(first.id);
    expect((await studio.wait(first.id)).state).toBe('cancelled');
    expect((await studio.wait(second.id)).state).toBe('done');
    await expect(studio.cancel('nope')).rejects.toMatchObject({ code: 'job.unknown' });
    expect((await studio.cancel(second.id)).state).toBe('done');
  });

  it('cancels hard in the middle of a step', async () => {
    const studio = await start({ stepMs: 60_000 });
    const job = await submit(studio, 'a');
    await when(studio, 'engine', (status: { state: string }) => status.state === 'busy');
    await studio.cancel(job.id, { hard: true });
    expect((await studio.wait(job.id)).state).toBe('cancelled');
  });

  it('cancels a hundred at once', async () => {
    const studio = await start({ stepMs: 20 });
    const inputs = Array.from({ length: 100 }, () => ({ request: { prompt: 'a', steps: 100 } }));
    const jobs = await studio.submit(inputs);
    await when(studio, 'job.progress', isStep(1));
    expect(await studio.cancelAll()).toBe(100);
    for (const job of jobs) expect((await studio.wait(job.id)).state).toBe('cancelled');
    expect((await studio.queue.state()).counts).toMatchObject({ queued: 0, running: 0, cancelled: 100 });
  });

  it('tries once more when the engine dies before it delivered anything', async () => {
    const studio = await start();
    const job = await submit(studio, `fake:crash fake:once=${join(root, 'once')}`);
    const done = await studio.wait(job.id);
    expect(done.state).toBe('done');
    expect(done.warnings).toEqual([expect.stringMatching(/killed by the system.*Tried once more/)]);
    // For want of memory, so with less at once than before.
    const large = await studio.wait((await submit(studio, 'fake:too-large')).id);
    expect(large).toMatchObject({
      state: 'done',
      warnings: [expect.stringMatching(/Tried once more, in the smallest/)],
    });
    const hopeless = await studio.wait((await submit(studio, 'fake:exit')).id);
    expect(hopeless).toMatchObject({ state: 'failed', error: { code: 'engine.crashed' } });
    expect(hopeless.warnings).toHaveLength(1);
  });

  it('does not try again by itself once pictures are there; a retry makes only the rest', async () => {
    const studio = await start();
    const job = await submit(studio, `fake:late-crash fake:once=${join(root, 'once')}`, { batchCount: 3 });
    const failed = await studio.wait(job.id);
    expect(failed).toMatchObject({ state: 'failed', delivered: 1, error: { code: 'engine.out-of-memory' } });
    await studio.queue.retry(job.id);
    expect(await studio.wait(job.id)).toMatchObject({ state: 'done', delivered: 3 });
    const seeds = studio.gallery.search({ job: job.id, order: 'oldest' }).images.map((image) => image.seed);
    expect(seeds).toEqual([10, 11, 12]);
    expect(pictureFiles()).toHaveLength(3);
  });

  it('shows a user’s mistake as it is, and an engine that cannot start', async () => {
    const studio = await start();
    const job = await studio.wait((await submit(studio, 'fake:mistake')).id);
    expect(job.error).toEqual({ code: 'engine.unknown-sampler', message: 'There is no sampler of that name.' });
    await stop(studio);
    const broken = await start({ failToStart: true });
    const failed = await broken.wait((await submit(broken, 'a')).id);
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'engine.start-failed' } });
  });

  it('fails the job and holds the queue when the disk is full; a retry after making room completes it', async () => {
    let writes = 0;
    let full = true;
    const calls = {
      ...systemCalls,
      write: async (...args: Parameters<typeof systemCalls.write>) => {
        if (full && ++writes === 2) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        await systemCalls.write(...args);
      },
    };
    const studio = await start({}, { calls });
    const job = await submit(studio, 'a', { batchCount: 3 });
    const next = await submit(studio, 'b');
    expect(await studio.wait(job.id)).toMatchObject({ state: 'failed', delivered: 1, error: { code: 'disk-full' } });
    expect(await studio.queue.state()).toMatchObject({ paused: true, reason: expect.stringContaining('disk is full') });
    full = false;
    await studio.queue.retry(job.id);
    await studio.queue.resume();
    expect((await studio.wait(job.id)).state).toBe('done');
    expect((await studio.wait(next.id)).state).toBe('done');
    expect(pictureFiles()).toHaveLength(4);
  });

  it('goes on after a stop in the middle of a job, with the same seeds and nothing twice', async () => {
    const first = await start({ stepMs: 20 });
    const job = await submit(first, 'a', { batchCount: 4, steps: 4, seed: -1 });
    await when(first, 'image.added', () => true);
    const lastId = first.events.lastId;
    await stop(first);
    const second = await start();
    expect(second.events.lastId).toBeGreaterThan(lastId);
    const done = await second.wait(job.id);
    expect(done).toMatchObject({ state: 'done', delivered: 4 });
    const seeds = second.gallery
      .search({ job: job.id, order: 'oldest' })
      .images.map((image) => image.seed! - (done as PictureJob).request.seed);
    expect(seeds).toEqual([0, 1, 2, 3]);
    expect(pictureFiles()).toHaveLength(4);
  });

  it('refuses folders that another studio works on', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'folder.locked' });
    await expect(start({}, { dataDir: join(root, 'other') })).rejects.toMatchObject({ code: 'folder.locked' });
  });

  it('gives the engine’s memory back and takes it again', async () => {
    const studio = await start();
    await studio.warm();
    expect(studio.engines()[0]).toMatchObject({ state: 'idle', device: 'cpu' });
    await studio.unload();
    expect(studio.engines()[0]).toMatchObject({ state: 'stopped' });
    expect((await studio.wait((await submit(studio, 'a')).id)).state).toBe('done');
  });

  it('works on several devices at once', async () => {
    const options = { stepMs: 20 };
    const studio = await start({}, { devices: ['cpu', 'webgpu'].map((name) => ({ name, options })) });
    const jobs = await Promise.all(['a', 'b', 'c', 'd'].map((prompt) => submit(studio, prompt)));
    for (const job of jobs) expect((await studio.wait(job.id)).state).toBe('done');
    expect(studio.engines().map((engine) => engine.starts)).toEqual([1, 1]);
  });

  it('empties the trash after its time', async () => {
    const studio = await start();
    await studio.wait((await submit(studio, 'a')).id);
    const [image] = studio.gallery.search().images;
    await studio.gallery.trash([image!.id]);
    expect(await studio.emptyOldTrash()).toBe(0);
    expect(await studio.emptyOldTrash()).toBe(0);
    studio.settings.update({ trashDays: 1e-9 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await studio.emptyOldTrash()).toBe(1);
    expect(existsSync(join(root, 'outputs', '.trash', image!.path))).toBe(false);
  });

  it('takes nothing while its database or its pictures are away, and goes on when they are back', async () => {
    const studio = await start();
    const request = { prompt: 'a', steps: 1 };
    for (const path of ['data/studio.db', 'outputs']) {
      const [here, away] = [join(root, path), join(root, 'away')];
      const told = when(studio, 'studio.trouble', () => true);
      renameSync(here, away);
      await expect(studio.submit({ request })).rejects.toMatchObject({ code: 'studio.not-ready' });
      await told;
      expect(studio.trouble()).toContain(here);
      renameSync(away, here);
      expect((await studio.wait((await submit(studio, 'back')).id)).state).toBe('done');
      expect(studio.trouble()).toBeUndefined();
    }
  });

  it('shows pictures that others put into its outputs', async () => {
    const studio = await start();
    await studio.wait((await submit(studio, 'a fox')).id);
    const [image] = studio.gallery.search().images;
    const noticed = when(studio, 'image.added', (data: { path: string }) => data.path.endsWith('00001-10.png'));
    const file = await studio.gallery.file(image!.id);
    copyFileSync(file, join(file, '..', '00001-10.png'));
    await noticed;
    expect(studio.gallery.search({ text: 'fox' }).images).toHaveLength(2);
  });

  it('holds a running job after its step and goes on with what is missing', async () => {
    const studio = await start({ stepMs: 30 });
    // Many, since the engine runs ahead of a busy machine's disk.
    const job = await submit(studio, 'a', { batchCount: 12 });
    await when(studio, 'image.added', () => true);
    const paused = when(studio, 'job.changed', (data: { state: string }) => data.state === 'paused');
    await studio.pause(job.id);
    await paused;
    const { delivered } = (await studio.queue.get(job.id))!;
    expect(delivered).toBeGreaterThan(0);
    expect(delivered).toBeLessThan(12);
    await studio.queue.resumeJobs({ id: job.id });
    expect(await studio.wait(job.id)).toMatchObject({ state: 'done', delivered: 12 });
    const seeds = (await studio.gallery.ofJob(job.id)).map(({ seed }) => seed);
    expect(seeds).toEqual(Array.from({ length: 12 }, (_, i) => 10 + i));
  });

  it('tells who waits when another process ended the job, and takes over settings that it changed', async () => {
    const studio = await start();
    await studio.queue.pause();
    const job = await submit(studio, 'a');
    const waiting = studio.wait(job.id);
    const other = openDatabase(join(root, 'data', 'studio.db'));
    const changed = when(studio, 'settings.changed', ({ trashDays }: { trashDays: number }) => trashDays === 3);
    await new SqliteJobQueue(other, () => {}).cancel(job.id);
    new Settings(other, () => {}).update({ trashDays: 3 });
    other.close();
    expect((await waiting).state).toBe('cancelled');
    await changed;
    expect(studio.settings.get().trashDays).toBe(3);
  });

  it('waits for another process that writes, and holds nothing up meanwhile', async () => {
    const studio = await start({ stepMs: 5 });
    const first = await submit(studio, 'a', { batchCount: 3 });
    await when(studio, 'job.progress', isStep(1));
    const other = openDatabase(join(root, 'data', 'studio.db'));
    // Held by this same thread: a studio that waited on it would wait for ever.
    other.exec('BEGIN IMMEDIATE');
    const second = submit(studio, 'b');
    const free = studio.untilFree();
    const image = studio.gallery.search().images[0];
    for (let turns = 0; turns < 20; turns++) await tick();
    expect(studio.settings.get().previewEvery).toBe(4);
    expect(() => studio.settings.update({ previewEvery: 5 })).toThrow(expect.objectContaining({ code: 'store.busy' }));
    expect(studio.settings.get().previewEvery).toBe(4);
    other.exec('COMMIT');
    await free;
    expect((await studio.wait((await second).id)).state).toBe('done');
    expect((await studio.wait(first.id)).state).toBe('done');
    if (image) await studio.gallery.trash([image.id]);
    expect((await studio.gallery.ofJob(first.id)).length).toBeGreaterThanOrEqual(2);
    other.close();
  });

  it('hashes models as work of its own, which pauses and ends like any other', async () => {
    const models = join(root, 'models');
    mkdirSync(models);
    for (const name of ['a', 'b']) writeFileSync(join(models, `${name}.ckpt`), name);
    const seen = new Set<string>();
    const studio = await start({}, { modelRoots: [models] });
    studio.events.subscribe(({ type, data }) => {
      if (type === 'job.changed' && data.kind === 'hash') seen.add(`${data.label} ${data.state}`);
    });
    while (studio.library.list().filter(({ sha256 }) => sha256 !== undefined).length < 2) await tick();
    while ((await studio.queue.list({ kinds: ['hash'] })).jobs.length > 0) await tick();
    expect(seen).toContain('a done');
    expect(studio.library.list()[0]).toMatchObject({
      name: 'a',
      sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
    });
    expect((await studio.queue.state()).counts.done).toBe(0);
  });

  it('stops waiting when its caller goes away', async () => {
    const studio = await start();
    await studio.queue.pause();
    const job = await submit(studio, 'a');
    const abort = new AbortController();
    const waiting = studio.wait(job.id, abort.signal);
    abort.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(studio.wait('nope')).rejects.toMatchObject({ code: 'job.unknown' });
  });

  it('runs the models of its library, by name, and no other files', async () => {
    const models = join(root, 'models');
    mkdirSync(join(models, 'checkpoints'), { recursive: true });
    putTinyModel(join(models, 'checkpoints'));
    const studio = await start({}, { modelRoots: [models], hashInBackground: false });
    const job = await submit(studio, 'a', { model: 'TINY', vae: 'Automatic' });
    expect(job.request).toMatchObject({ model: 'tiny' });
    expect(job.request.vae).toBeUndefined();
    expect((await studio.wait(job.id)).state).toBe('done');
    expect(studio.gallery.search().images[0]!.infotext).toContain(join(models, 'checkpoints', 'tiny.safetensors'));
    for (const model of ['/etc/passwd', '../../tiny.safetensors', 'tinny-no']) {
      await expect(submit(studio, 'a', { model })).rejects.toMatchObject({
        code: 'model.unknown',
        message: expect.stringContaining('tiny'),
      });
    }
    studio.settings.update({ defaultModel: 'tiny' });
    const waiting = await submit(studio, 'b');
    expect(waiting.request.model).toBe('tiny');
    await studio.wait(waiting.id);
  });

  it('takes jobs before the model folders have been looked at for the first time', async () => {
    mkdirSync(join(root, 'models'));
    // Describing it takes a reader's process, which has to be started.
    writeFileSync(join(root, 'models', 'slow.safetensors'), 'x');
    const studio = await start({}, { modelRoots: [join(root, 'models')] });
    let isLooked = false;
    const looked = studio.listed().then(() => {
      isLooked = true;
    });
    const job = await submit(studio, 'a');
    expect(isLooked).toBe(false);
    expect((await studio.wait(job.id)).state).toBe('done');
    await looked;
  });

  it('says so when a model has gone before its job began', async () => {
    const models = join(root, 'models');
    mkdirSync(models);
    putTinyModel(models);
    const studio = await start({}, { modelRoots: [models], hashInBackground: false });
    await studio.library.refresh();
    await studio.queue.pause();
    const job = await submit(studio, 'a', { model: 'tiny' });
    rmSync(join(models, 'tiny.safetensors'));
    await studio.library.refresh();
    await studio.queue.resume();
    expect((await studio.wait(job.id)).error?.code).toBe('model.unknown');
  });
});
