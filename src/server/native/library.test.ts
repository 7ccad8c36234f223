import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeImage } from '#studio/images/codec';
import { servicesFromEnvironment } from '#studio/pull/services';
import type { StudioEvent } from '#studio/studio';
import { TestHub } from '../../../test/fixtures/test-hub.ts';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';
import type { WireModel, WirePull } from './wire.ts';

const fixture = (path: string): string =>
  fileURLToPath(new URL(`../../../test/goldens/data/models/${path}`, import.meta.url));
const embedding = readFileSync(fixture('adapters/embeddings/goldpt.pt'));
const sha256 = createHash('sha256').update(embedding).digest('hex');

let server: TestServer;
let hub: TestHub;
beforeEach(async () => {
  hub = await TestHub.start();
  server = await startTestServer({ pulls: { ...servicesFromEnvironment({}, '/nowhere'), allowPrivate: true } });
});
afterEach(async () => {
  await server.dispose();
  await hub.stop();
});

const modelsFolder = (): string => join(server.root, 'models');

async function putModels(): Promise<void> {
  const folder = join(modelsFolder(), 'embeddings');
  mkdirSync(folder, { recursive: true });
  copyFileSync(fixture('adapters/embeddings/goldpt.pt'), join(folder, 'gold.pt'));
  copyFileSync(fixture('adapters/embeddings/goldxl.safetensors'), join(folder, 'goldxl.safetensors'));
  writeFileSync(join(folder, 'gold.json'), JSON.stringify({ 'activation text': 'gold, shiny' }));
  const image = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
  writeFileSync(join(folder, 'gold.png'), await encodeImage(image, 'png'));
  await server.json('POST', '/api/v1/models/refresh');
}

const list = async (query = ''): Promise<WireModel[]> => (await server.json('GET', `/api/v1/models${query}`)).models;

describe('models over HTTP', () => {
  it('are listed with what their headers and cards say, and filtered', async () => {
    await putModels();
    const [gold] = await list('?text=shiny');
    expect(gold).toMatchObject({ kind: 'embedding', name: 'gold', hasPreview: true, embedded: false });
    expect(gold!.card.triggerWords).toEqual(['gold', 'shiny']);
    expect(gold!.path).toBe(join(modelsFolder(), 'embeddings/gold.pt'));
    expect((await list('?family=sdxl')).map(({ name }) => name)).toEqual(['goldxl']);
    expect(await list('?kind=vae')).toEqual([]);
    expect((await server.call('GET', '/api/v1/models?kind=nonsense')).status).toBe(400);
  });

  it('are looked for in a folder that an admin adds, and new ones still go where they went', async () => {
    const other = join(server.root, 'webui', 'models');
    mkdirSync(join(other, 'embeddings'), { recursive: true });
    copyFileSync(fixture('adapters/embeddings/goldpt.pt'), join(other, 'embeddings', 'theirs.pt'));
    const add = async (folder: string) => await server.json('POST', '/api/v1/models/folders', { folder });
    expect(await add(other)).toEqual({ folder: other, models: 1 });
    expect((await list('?text=theirs')).map(({ path }) => path)).toEqual([join(other, 'embeddings', 'theirs.pt')]);
    expect(server.studio.library.roots[0]).toBe(modelsFolder());
    for (const none of ['nowhere', 'a\0b', 'n'.repeat(300)])
      await expect(add(join(server.root, none))).rejects.toThrow('models.folder');
  });

  it('stand with what they prefer for what a request leaves open; A1111’s routes keep upstream’s defaults', async () => {
    const folder = join(modelsFolder(), 'Stable-diffusion');
    mkdirSync(folder, { recursive: true });
    for (const part of ['safetensors', 'yaml'])
      copyFileSync(fixture(`tiny-sd1/tiny-sd1.${part}`), join(folder, `tiny.${part}`));
    writeFileSync(
      join(folder, 'tiny.json'),
      JSON.stringify({ preferred: { cfgScale: 3, steps: 2, sampler: 'Euler' } }),
    );
    await server.json('POST', '/api/v1/models/refresh');
    const draw = async (fields: object) =>
      (await server.json('POST', '/api/v1/jobs?wait=true', { prompt: 'a fox', model: 'tiny', ...fields })).job.request;
    expect(await draw({})).toMatchObject({ cfgScale: 3, steps: 2, sampler: 'Euler', scheduler: 'Automatic' });
    expect(await draw({ cfgScale: 7, steps: 1 })).toMatchObject({ cfgScale: 7, steps: 1, sampler: 'Euler' });
    const plot = { xAxis: 'steps', xValues: '1, 3', prompt: 'a fox', model: 'tiny' };
    const { job } = await server.json('POST', '/api/v1/series/plot', plot);
    expect(job.request).toMatchObject({ cfgScale: 3, sampler: 'Euler' });
    const body = { prompt: 'a fox', override_settings: { sd_model_checkpoint: 'tiny' } };
    const { info } = await server.json('POST', '/sdapi/v1/txt2img', body);
    expect(JSON.parse(info)).toMatchObject({ cfg_scale: 7, steps: 50, sampler_name: 'Euler' });
  });

  it('show previews and metadata, and take cards', async () => {
    await putModels();
    const [gold] = await list('?text=shiny');
    const preview = await server.call('GET', `/api/v1/models/${gold!.id}/preview`);
    expect(preview.headers.get('content-type')).toBe('image/png');
    const card = { description: 'Mine.', tags: ['metal'] };
    await server.json('PATCH', `/api/v1/models/${gold!.id}/card`, card);
    expect((await list('?text=metal'))[0]!.card).toMatchObject({
      description: 'Mine.',
      triggerWords: ['gold', 'shiny'],
    });
    const [xl] = await list('?family=sdxl');
    expect((await server.call('GET', `/api/v1/models/${xl!.id}/preview`)).status).toBe(404);
    expect(await server.json('GET', `/api/v1/models/${xl!.id}/metadata`)).toBeTypeOf('object');
  });

  it('are hashed on demand, told while it goes, and found by hash', async () => {
    await putModels();
    const events: StudioEvent[] = [];
    server.studio.events.subscribe((event) => events.push(event));
    const [gold] = await list('?text=shiny');
    const hashed = await server.json<WireModel>('POST', `/api/v1/models/${gold!.id}/hash`);
    expect(hashed).toMatchObject({ sha256, shortHash: sha256.slice(0, 10) });
    expect(events.find(({ type }) => type === 'library.hashing')!.data).toMatchObject({ id: gold!.id });
    expect((await list(`?hash=${sha256.slice(0, 10)}`)).map(({ name }) => name)).toEqual(['gold']);
    expect(await list('?hash=00000000')).toEqual([]);
  });
});

describe('downloads over HTTP', () => {
  const pulls = async (): Promise<WirePull[]> => (await server.json('GET', '/api/v1/pulls')).pulls;

  it('install a model, which is then listed; watchers learn of it without paths', async () => {
    hub.serve('/gold.pt', { body: embedding });
    const response = await server.call('GET', '/api/v1/events?type=pull.changed&type=library.changed');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const added = await server.json<WirePull>('POST', '/api/v1/pulls', { source: `${hub.url}/gold.pt`, sha256 });
    let seen = '';
    while (!/"state":"done"/.test(seen) || !/library\.changed/.test(seen)) seen += (await reader.read()).value;
    await reader.cancel();
    expect(seen).not.toContain(server.root);
    expect(seen).toContain(`"done":${embedding.length}`);
    expect(await pulls()).toMatchObject([{ id: added.id, state: 'done', total: embedding.length }]);
    expect((await list()).map(({ name, kind }) => [name, kind])).toEqual([['gold', 'embedding']]);
    await server.json('DELETE', `/api/v1/pulls/${added.id}`);
    expect(await pulls()).toEqual([]);
  });

  it('tell nobody what an address holds besides the file', async () => {
    const address = hub.url.replace('//', '//ann:secret@');
    await server.json('POST', '/api/v1/pulls', { source: `${address}/none.pt?token=hidden&version=7` });
    await expect.poll(async () => (await pulls())[0]!.state).toBe('failed');
    const told = JSON.stringify(await pulls());
    expect(told).toContain('/none.pt?token=***&version=7');
    expect(told).not.toMatch(/hidden|secret/);
  });

  it('are held, go on and end when told to', async () => {
    hub.serve('/gold.pt', { body: embedding, stallAfter: 1000 });
    const { id } = await server.json<WirePull>('POST', '/api/v1/pulls', { source: `${hub.url}/gold.pt` });
    while ((await pulls())[0]!.done === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await server.json('POST', `/api/v1/pulls/${id}/pause`)).toMatchObject({ state: 'paused' });
    expect((await server.call('DELETE', `/api/v1/pulls/${id}`)).status).toBe(409);
    await server.json('POST', `/api/v1/pulls/${id}/resume`);
    expect(await server.studio.pulls.wait(id)).toMatchObject({ state: 'done' });
    hub.serve('/other.pt', { body: embedding, stallAfter: 1000 });
    const other = await server.json<WirePull>('POST', '/api/v1/pulls', { source: `${hub.url}/other.pt` });
    expect(await server.json('POST', `/api/v1/pulls/${other.id}/cancel`)).toMatchObject({ state: 'cancelled' });
    expect((await server.call('POST', '/api/v1/pulls/none/pause')).status).toBe(404);
  });

  it('fail with a reason', async () => {
    const { id } = await server.json<WirePull>('POST', '/api/v1/pulls', { source: `${hub.url}/none.pt` });
    await server.studio.pulls.wait(id);
    expect((await pulls())[0]).toMatchObject({ state: 'failed', error: { code: 'pull.not-found' } });
    for (const body of [{}, { source: 'x', root: '/etc' }, { source: `${hub.url}/a.pt`, sha256: '1' }]) {
      expect((await server.call('POST', '/api/v1/pulls', body)).status).toBe(400);
    }
  });

  it('are for admins, and the starters for all', async () => {
    const { starters } = await server.json('GET', '/api/v1/pulls/starters');
    expect(starters.length).toBeGreaterThan(3);
    expect(starters[0]).toMatchObject({
      source: expect.stringMatching(/^hf:/),
      sha256: expect.stringMatching(/^\w{64}$/),
      memory: { usual: expect.any(Number), least: expect.any(Number) },
    });
    const document = await server.json('GET', '/api/openapi.json');
    for (const path of ['/pulls', '/pulls/{id}/pause', '/models/{id}/hash', '/models/{id}/card']) {
      expect(document.paths).toHaveProperty([`/api/v1${path}`]);
    }
  });
});

it('moves models to the trash and back', async () => {
  await putModels();
  const [gold] = await list('?text=shiny');
  const removed = await server.json('DELETE', `/api/v1/models/${gold!.id}`);
  expect(removed).toMatchObject({ name: 'gold', kind: 'embedding' });
  expect((await server.call('GET', `/api/v1/models/${gold!.id}`)).status).toBe(404);
  expect((await server.json('GET', '/api/v1/models/trash')).models).toEqual([removed]);
  await server.json('POST', `/api/v1/models/trash/${removed.id}/restore`);
  expect((await server.json('GET', `/api/v1/models/${gold!.id}`)).name).toBe('gold');
  expect((await server.call('DELETE', `/api/v1/models/trash/${removed.id}`)).status).toBe(404);
  const again = await server.json('DELETE', `/api/v1/models/${gold!.id}`);
  expect((await server.call('DELETE', `/api/v1/models/trash/${again.id}`)).status).toBe(204);
  expect((await server.json('GET', '/api/v1/models/trash')).models).toEqual([]);
});
