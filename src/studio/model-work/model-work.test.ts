/** Model files made by jobs of the studio: through the API, in a process of their own, into the library. */

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answered, startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

const fixtures = fileURLToPath(new URL('../../../test/goldens/data/models/', import.meta.url));
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const models = join(server.root, 'models');
  await mkdir(join(models, 'checkpoints'), { recursive: true });
  await mkdir(join(models, 'loras'));
  for (const ending of ['safetensors', 'yaml'])
    await copyFile(`${fixtures}tiny-sd1/tiny-sd1.${ending}`, join(models, 'checkpoints', `tiny.${ending}`));
  await copyFile(`${fixtures}adapters/lora_kohya.safetensors`, join(models, 'loras', 'style.safetensors'));
  await server.studio.library.refresh();
});
afterAll(async () => await server.dispose());

const post = async (path: string, body: object): Promise<Answered> =>
  await (await server.call('POST', `/api/v1${path}?wait=true`, body)).json();

it('merge, convert and extract, each into the folder of its kind', async () => {
  const { job: merged } = await post('/merges', { a: 'tiny', loras: ['style:0.7'], name: 'baked' });
  expect(merged).toMatchObject({ kind: 'merge', state: 'done', result: { file: 'checkpoints/baked.safetensors' } });
  const { job: extracted } = await post('/extractions', { tuned: 'baked', base: 'tiny', rank: 4, name: 'again' });
  expect(extracted).toMatchObject({ state: 'done', result: { file: 'loras/again.safetensors' } });
  expect(extracted.warnings).toEqual([expect.stringContaining('of their difference')]);
  const { job: converted } = await post('/conversions', { model: 'again', dtype: 'f32', name: 'again32' });
  expect(converted).toMatchObject({ state: 'done', result: { file: 'loras/again32.safetensors' } });
  const { models } = await server.json('GET', '/api/v1/models?kind=lora');
  expect(models.map(({ name }: Answered) => name)).toEqual(['again', 'again32', 'style']);
  expect(models[0].card.baseModel).toBe('sd_v1');
}, 60_000);

it('refuse what cannot be before anything is queued', async () => {
  const refused = async (path: string, body: object) => (await post(path, body)).error?.message;
  expect(await refused('/merges', { a: 'tiny', b: 'gone', name: 'x' })).toContain('no checkpoint called "gone"');
  expect(await refused('/merges', { a: 'tiny', loras: ['gone:1'], name: 'x' })).toContain('no lora called "gone"');
  expect(await refused('/merges', { a: 'tiny', b: 'tiny', name: '../x' })).toContain('is no name for a file');
  expect(await refused('/conversions', { model: 'tiny', name: 'tiny' })).toContain('tiny.safetensors is there already');
  const { job } = await post('/conversions', { model: 'tiny', layout: 'gguf', dtype: 'fp8', name: 'x' });
  expect(job).toMatchObject({ state: 'failed', error: { code: 'convert.form' } });
});
