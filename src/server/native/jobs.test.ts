import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

const jobs = '/api/v1/jobs';

describe('jobs over HTTP', () => {
  it('queues a job, makes it, and hands out the picture with its parameters inside', async () => {
    const body = { prompt: 'a fox', steps: 2, seed: 5, width: 96, label: 'mine' };
    const { job, images } = await server.json('POST', `${jobs}?wait=true`, body);
    expect(job).toMatchObject({ state: 'done', label: 'mine', user: 'local', total: 1, delivered: 1 });
    expect(job.request).toMatchObject({ prompt: 'a fox', steps: 2, seed: 5, sampler: 'DPM++ 2M', cfgScale: 7 });
    const file = await server.call('GET', images[0].url);
    expect(file.headers.get('content-type')).toBe('image/png');
    const decoded = await decodeImage(new Uint8Array(await file.arrayBuffer()));
    expect(decoded.image).toEqual(picture({ width: 96 }, 5));
    expect(decoded.infotext).toBe(images[0].infotext);
    expect(await server.json('GET', `${jobs}/${job.id}`)).toEqual({ job, images });
  });

  it('takes pictures as base64, as data addresses, from the gallery and as files', async () => {
    const source = picture({ width: 64, height: 64 }, 3);
    const png = Buffer.from(await encodeImage(source, 'png'));
    const first = await server.json('POST', `${jobs}?wait=true`, { init: png.toString('base64'), steps: 1 });
    const fromGallery = {
      init: `image:${first.images[0].id}`,
      mask: `data:image/png;base64,${png.toString('base64')}`,
      steps: 1,
    };
    const second = await server.json('POST', jobs, fromGallery);
    expect(second.job.inputs).toEqual(['init', 'mask']);
    const form = new FormData();
    form.set('init', new Blob([png]), '../../../escaped.png');
    form.set('prompt', '123');
    form.set('steps', '2');
    form.set('maskInvert', 'true');
    const third = await server.json('POST', jobs, form);
    expect(third.job).toMatchObject({ inputs: ['init'], request: { prompt: '123', steps: 2, maskInvert: true } });
    const written = readdirSync(server.root, { recursive: true }).concat(readdirSync(dirname(server.root)));
    expect(written.filter((name) => String(name).includes('escaped'))).toEqual([]);
    const input = await server.call('GET', `${jobs}/${third.job.id}/inputs/init`);
    expect((await decodeImage(new Uint8Array(await input.arrayBuffer()))).image).toEqual(source);
  });

  it.each([
    [{ steps: 0 }, 'steps'],
    [{ width: 10 }, 'width'],
    [{ promt: 'typo' }, 'promt'],
    [{ prompt: 7 }, 'prompt'],
    [{ sampler: 4 }, 'sampler'],
    [{ mask: 'AAAA' }, 'mask: a mask needs a picture'],
    [{ init: '<svg>' }, 'base64'],
    [{ init: Buffer.from('hello there').toString('base64') }, 'PNG'],
    [{ init: 'http://127.0.0.1:1/x.png' }, 'local network'],
    [{ init: 'http://169.254.169.254/latest' }, 'local network'],
    [{ init: 'http://localhost/x.png' }, 'local network'],
    [[], 'body'],
    ['text', 'body'],
    [null, 'body'],
  ])('refuses %j with a sentence that names the fault', async (body, names) => {
    const response = await server.call('POST', jobs, body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string; code: string; requestId: string } };
    expect(error.message).toMatch(new RegExp(names));
    expect(error.requestId).toBe(response.headers.get('x-request-id'));
    expect((await server.studio.queue.state()).counts.queued).toBe(0);
  });

  it('refuses bodies that are no JSON, no form, or too large', async () => {
    const send = async (body: string, type: string) =>
      await server.app.request(jobs, { method: 'POST', body, headers: { 'content-type': type } });
    expect((await send('{"prompt": ', 'application/json')).status).toBe(400);
    expect((await send('nothing', 'multipart/form-data; boundary=x')).status).toBe(400);
    const large = await server.app.request(`${jobs}/x/cancel`, { method: 'POST', body: ' '.repeat(2 ** 20 + 1) });
    expect(large.status).toBe(413);
  });

  it('pauses, reorders, cancels, retries and clears', async () => {
    await server.json('POST', '/api/v1/queue/pause', { reason: 'maintenance' });
    const { jobs: batch } = await server.json('POST', `${jobs}/batch`, {
      jobs: ['a', 'b', 'c'].map((prompt) => ({ prompt, steps: 1 })),
    });
    const ids = batch.map((job: { id: string }) => job.id) as string[];
    const order = async () => {
      const page = await server.json('GET', `${jobs}?order=next`);
      return page.jobs.map((job: { request: { prompt: string } }) => job.request.prompt).join('');
    };
    expect(await order()).toBe('abc');
    await server.json('POST', `${jobs}/${ids[2]}/move`, { to: 'front' });
    await server.json('POST', `${jobs}/${ids[0]}/move`, { after: ids[1] });
    expect(await order()).toBe('cba');
    await server.json('POST', `${jobs}/${ids[0]}/priority`, { priority: 5 });
    expect(await order()).toBe('acb');
    expect(await server.json('POST', `${jobs}/${ids[1]}/pause`)).toMatchObject({ state: 'paused' });
    expect(await server.json('POST', `${jobs}/${ids[2]}/cancel`)).toMatchObject({ state: 'cancelled' });
    expect((await server.call('POST', `${jobs}/${ids[2]}/move`, { to: 'back' })).status).toBe(409);
    expect(await server.json('POST', `${jobs}/${ids[2]}/retry`)).toMatchObject({ state: 'queued' });
    expect(await server.json('GET', '/api/v1/queue')).toMatchObject({ paused: true, reason: 'maintenance' });
    expect(await server.json('GET', `${jobs}?state=paused&state=running`)).toMatchObject({ jobs: [{ id: ids[1] }] });
    await server.json('POST', '/api/v1/queue/resume');
    await server.studio.wait(ids[0]!);
    await server.studio.wait(ids[2]!);
    expect(await server.json('POST', '/api/v1/queue/cancel')).toEqual({ cancelled: 1 });
    expect(await server.json('POST', '/api/v1/queue/clear')).toEqual({ removed: 3 });
    expect((await server.call('GET', `${jobs}/${ids[0]}`)).status).toBe(404);
  });

  it('says what a job would take, and queues nothing', async () => {
    const plan = async (asked: object) => await server.json('POST', `${jobs}/plan`, { prompt: 'a fox', ...asked });
    expect(await plan({ width: 96, height: 64 })).toEqual({
      memoryBytes: 96 * 64 * 1000,
      freeBytes: 5e9,
      plan: 'as it is',
      warnings: [],
    });
    await server.json('POST', `${jobs}?wait=true`, { prompt: 'an owl', steps: 2 });
    const once = await plan({ steps: 4 });
    expect(once.seconds).toBeGreaterThan(0);
    expect((await plan({ steps: 4, batchSize: 3 })).seconds).toBeCloseTo(3 * once.seconds, 6);
    const init = Buffer.from(await encodeImage(picture({}, 1), 'png', '')).toString('base64');
    const half = await plan({ steps: 4, init, denoisingStrength: 0.5 });
    expect(half.seconds).toBeCloseTo(once.seconds / 2, 6);
    const second = await plan({ steps: 4, hires: true, hiresScale: 2, denoisingStrength: 0.5 });
    expect(second.seconds).toBeCloseTo(3 * once.seconds, 6);
    expect((await plan({ steps: 4, hires: true, hiresWidth: 1024, denoisingStrength: 0.5 })).seconds).toBeCloseTo(
      second.seconds,
      6,
    );
    const refused = await server.call('POST', `${jobs}/plan`, { prompt: 'a fox', model: 'nowhere' });
    expect(refused.status).toBe(404);
    expect((await server.json('GET', jobs)).jobs).toHaveLength(1);
  });

  it('says that a job failed, and why; and what the engine did not do as asked', async () => {
    const warned = await server.json('POST', `${jobs}?wait=true`, { prompt: 'a fox fake:warn', steps: 2 });
    expect(warned.job).toMatchObject({ state: 'done', warnings: ['this is a warning'] });
    const { job } = await server.json('POST', `${jobs}?wait=true`, { prompt: 'fake:mistake', steps: 2 });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'engine.unknown-sampler' } });
  });
});
