/** Trainings and experiments of the lab as jobs: done, paused, killed and retried in processes of their own, with the bits of one left alone. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answered, startTestServer, type TestServer } from '../../../../test/fixtures/test-server.ts';
import { ownModule } from '../../files/own-module.ts';
import type { StudioEvent } from '../../studio.ts';
import { TrainingRuns } from '../../training/runs.ts';
import { LabRunner } from './lab.ts';
import { TrainingRunner } from './training.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-training-jobs-'));
const main = ownModule(import.meta.url, '../../../training-main');
const data = join(root, 'pictures');
let server: TestServer;

beforeAll(async () => {
  mkdirSync(data);
  await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } })
    .composite([{ input: { create: { width: 9, height: 20, channels: 3, background: 'blue' } }, left: 4, top: 6 }])
    .png()
    .toFile(join(data, 'one.png'));
  server = await startTestServer({
    runners: (dataDir) => [
      new TrainingRunner({ main, threads: 1, modelRoots: [], runs: new TrainingRuns(join(dataDir, 'trainings')) }),
      new LabRunner({ main, threads: 1, runs: new TrainingRuns(join(dataDir, 'lab')) }),
    ],
  });
});
afterAll(async () => {
  await server.dispose();
  rmSync(root, { recursive: true, force: true });
});

const vae = { blockChannels: [4, 8], layersPerBlock: 1, normGroups: 2 };
const training = {
  task: 'autoencoder',
  data,
  vae,
  size: 32,
  crop: 16,
  batchSize: 1,
  learningRate: 0.001,
  steps: 240,
  checkpointEvery: 80,
  sampleEvery: 240,
};

const submit = async (fields: object = {}) =>
  await server.json('POST', '/api/v1/trainings', { training: { ...training, ...fields } });

const jobOf = async (id: string) => (await server.json('GET', `/api/v1/trainings/${id}`)).job;

/** Resolves when the job's state, or its progress, is as `test` wants. */
function until(id: string, test: (event: StudioEvent) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const off = server.studio.events.subscribe((event) => {
      if ((event.data as { id?: string }).id !== id || !test(event)) return;
      off();
      resolve();
    });
  });
}

const atStep = (least: number) => (event: StudioEvent) => event.type === 'job.progress' && event.data.step >= least;
const inState = (state: string) => (event: StudioEvent) => event.type === 'job.changed' && event.data.state === state;

const stateOf = (id: string): Buffer =>
  readFileSync(join(server.root, 'data/trainings', id, 'checkpoints/step-00000240/state.safetensors'));

it('tell what they would take before they start, and what is wrong with them', { timeout: 300_000 }, async () => {
  const plan = await server.json('POST', '/api/v1/trainings/plan', { training });
  expect(plan).toMatchObject({ steps: 240, notes: [] });
  expect(plan.secondsPerStep).toBeGreaterThan(0);
  expect(plan.seconds).toBeCloseTo(240 * plan.secondsPerStep, 5);
  expect(plan.memoryBytes).toBeGreaterThan(2 ** 24);
  const wrong = await server.call('POST', '/api/v1/trainings/plan', { training: { ...training, crop: 15 } });
  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('crop is 15')]);
});

it('are done, paused, cancelled, killed and retried like every job, bit for bit', { timeout: 300_000 }, async () => {
  const whole = await submit();
  await until(whole.id, inState('done'));
  const { job, metrics, files } = await server.json('GET', `/api/v1/trainings/${whole.id}`);
  expect(job).toMatchObject({ kind: 'training', total: 240, delivered: 239 });
  expect(job.result).toMatchObject({ step: 240, run: `trainings/${whole.id}` });
  expect(metrics).toHaveLength(240);
  expect(metrics.at(-1).loss).toBeLessThan(metrics[0].loss);
  expect(files).toContain('samples/step-00000240.png');
  const sample = await server.call('GET', `/api/v1/trainings/${whole.id}/file?path=samples/step-00000240.png`);
  expect(sample.headers.get('content-type')).toBe('image/png');

  const stopped = await submit();
  await until(stopped.id, atStep(10));
  const paused = until(stopped.id, inState('paused'));
  await server.json('POST', `/api/v1/jobs/${stopped.id}/pause`);
  await paused;
  // Whatever step it was at is kept.
  const { delivered } = await jobOf(stopped.id);
  expect(delivered).toBeGreaterThanOrEqual(10);
  const cancelled = until(stopped.id, inState('cancelled'));
  const resumed = until(stopped.id, atStep(delivered + 1));
  await server.json('POST', `/api/v1/jobs/${stopped.id}/resume`);
  await resumed;
  await server.json('POST', `/api/v1/jobs/${stopped.id}/cancel`, { hard: true });
  await cancelled;
  const done = until(stopped.id, inState('done'));
  await server.json('POST', `/api/v1/jobs/${stopped.id}/retry`);
  await done;
  expect(stateOf(stopped.id).equals(stateOf(whole.id))).toBe(true);
});

it('are experiments of the lab too, with tables, pictures and a report', { timeout: 120_000 }, async () => {
  const { experiments } = await server.json('GET', '/api/v1/lab/experiments');
  expect(experiments.map(({ name }: { name: string }) => name)).toEqual(['lenet', 'compare']);
  const run = { experiment: 'compare', quick: true, models: ['r1-gan'] };
  const { id } = await server.json('POST', '/api/v1/lab/runs', { run });
  await until(id, inState('done'));
  const { job, tables, files } = await server.json('GET', `/api/v1/lab/runs/${id}`);
  expect(job).toMatchObject({ kind: 'lab', total: 2, delivered: 1, result: { run: `lab/${id}` } });
  expect(tables.map(({ title }: { title: string }) => title)).toEqual([
    'Networks that read digits',
    'Models',
    'Learning rates',
  ]);
  expect(tables[2].rows.map(([model]: string[]) => model)).toEqual(['model', 'GAN with R1', 'real digits']);
  expect(files).toEqual(
    expect.arrayContaining(['comparison.json', 'report.html', 'samples/real.png', 'samples/digits-r1-gan-0.001-1.png']),
  );
  const report = await server.call('GET', `/api/v1/lab/runs/${id}/file?path=report.html`);
  expect(await report.text()).toMatch(/This table holds all 2 runs.*data:image\/png;base64/s);
  const wrong = await server.call('POST', '/api/v1/lab/runs', { run: { experiment: 'alchemy' } });
  expect(wrong.status).toBe(400);
});

it('end with what went wrong, and refuse what is no training', { timeout: 120_000 }, async () => {
  const failed = await submit({ size: 33 });
  await until(failed.id, inState('failed'));
  expect((await jobOf(failed.id)).error.message).toMatch(/crop is 16 and size 33; expected multiples of 2/);
  const refused = async (fields: object): Promise<Answered> =>
    await (await server.call('POST', '/api/v1/trainings', fields)).json();
  expect((await refused({ training: { ...training, data: 'here' } })).error.message).toMatch(/no folder "here"/);
  expect((await refused({ training: { ...training, steps: 0 } })).error.message).toMatch(/steps/);
  const gone = await server.call('GET', `/api/v1/trainings/${failed.id}/file?path=../../studio.db`);
  expect(gone.status).toBe(404);
});
