import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answered, startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

interface Event {
  id: number;
  event: string;
  data: { at: number; data: Answered };
}

/** Reads events until `enough` says so, then hangs up. */
async function readEvents(path: string, headers: Record<string, string>, enough: (events: Event[]) => boolean) {
  const response = await server.call('GET', path, undefined, headers);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const events: Event[] = [];
  let text = '';
  while (!enough(events)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
      if (fields.data) events.push({ id: Number(fields.id), event: fields.event!, data: JSON.parse(fields.data) });
    }
  }
  await reader.cancel();
  return events;
}

const submit = async (prompt: string) => (await server.json('POST', '/api/v1/jobs', { prompt, steps: 2 })).job;

describe('events', () => {
  it('tells what happens to a job, and lets a client that was away catch up', async () => {
    const listening = readEvents('/api/v1/events', {}, (events) => events.some((e) => e.event === 'image.added'));
    const job = await submit('a');
    const first = await listening;
    const types = first.map((event) => event.event);
    expect(types).toContain('job.added');
    expect(types.indexOf('job.added')).toBeLessThan(types.indexOf('image.added'));
    expect(first.find((event) => event.event === 'job.added')!.data.data).toMatchObject({ id: job.id, inputs: [] });
    await server.studio.wait(job.id);
    const lastSeen = first.find((event) => event.event === 'job.added')!.id;
    const isDone = (event: Event) => event.event === 'job.changed' && event.data.data.state === 'done';
    const resumed = await readEvents('/api/v1/events', { 'last-event-id': String(lastSeen) }, (events) =>
      events.some(isDone),
    );
    expect(resumed[0]!.id).toBeGreaterThan(lastSeen);
    expect(resumed.filter((event) => event.event === 'image.added')).toHaveLength(1);
    expect(server.studio.events.listenerCount).toBe(1);
  });

  it('says so when what was missed is gone', async () => {
    const [event] = await readEvents('/api/v1/events', { 'last-event-id': '99999999' }, (events) => events.length > 0);
    expect(event!.event).toBe('reset');
  });

  it('lets go a client that does not read', async () => {
    await server.studio.queue.pause();
    const readers = () => server.studio.events.listenerCount;
    const before = readers();
    const response = await server.call('GET', '/api/v1/events');
    await expect.poll(readers).toBe(before + 1);
    const prompt = 'word '.repeat(19_000);
    for (let n = 0; n < 200 && readers() > before; n++) await server.json('POST', '/api/v1/jobs', { prompt, steps: 2 });
    expect(readers()).toBe(before);
    await response.body!.cancel();
    // Nor does one that asks for more of what was kept than may wait.
    const late = await server.call('GET', '/api/v1/events?after=0');
    await expect.poll(readers).toBe(before);
    const texts = [];
    for await (const bytes of late.body!) texts.push(Buffer.from(bytes).toString());
    expect(texts.join('').length).toBeGreaterThan(4_000_000);
  });

  it('filters by type and job', async () => {
    const path = (id: string) => `/api/v1/events?type=job.changed&job=${id}&after=0`;
    const a = await submit('a');
    const b = await submit('b');
    await server.studio.wait(b.id);
    const isDone = (events: Event[]) => events.some((event) => event.data.data.state === 'done');
    const events = await readEvents(path(b.id), {}, isDone);
    expect(new Set(events.map((event) => `${event.event} ${event.data.data.id}`))).toEqual(
      new Set([`job.changed ${b.id}`]),
    );
    expect(a.id).not.toBe(b.id);
  });
});

describe('studio over HTTP', () => {
  it('offers families and controls as data', async () => {
    const { families, samplers, schedulers, request } = await server.json('GET', '/api/v1/families');
    expect(families).toContainEqual(expect.objectContaining({ id: 'sd1' }));
    expect(samplers.map((sampler: { name: string }) => sampler.name)).toContain('Euler a');
    expect(schedulers.map((scheduler: { name: string }) => scheduler.name)).toContain('Karras');
    expect(request.properties.steps).toMatchObject({ default: 20, minimum: 1, description: expect.any(String) });
  });

  it('changes settings within their bounds, and nothing that says where files go', async () => {
    expect(await server.json('PATCH', '/api/v1/settings', { previewEvery: 2 })).toMatchObject({
      previewEvery: 2,
      outputFormat: 'png',
    });
    for (const patch of [{ outputQuality: 0 }, { outputsDir: '/etc' }, { nonsense: 1 }]) {
      expect((await server.call('PATCH', '/api/v1/settings', patch)).status).toBe(400);
    }
    expect((await server.call('PATCH', '/api/v1/settings', { defaultModel: 'nope' })).status).toBe(404);
    expect(await server.json('GET', '/api/v1/settings')).toMatchObject({ previewEvery: 2, defaultModel: '' });
  });

  it('lists models and downloads', async () => {
    expect(await server.json('GET', '/api/v1/models?kind=checkpoint')).toEqual({ models: [] });
    expect((await server.call('GET', '/api/v1/models/none')).status).toBe(404);
    expect((await server.call('POST', '/api/v1/jobs', { model: 'none' })).status).toBe(404);
    expect((await server.call('POST', '/api/v1/pulls', { source: 'not a source' })).status).toBe(400);
  });

  it('reports status, health and figures', async () => {
    const job = await submit('a');
    await server.studio.wait(job.id);
    expect(await server.json('GET', '/api/v1/status')).toMatchObject({
      version: '0.0.0-test',
      user: { name: 'local' },
    });
    expect(await server.json('GET', '/healthz')).toMatchObject({ status: 'ok' });
    // Anybody may ask: it names no folder.
    await server.studio.queue.pause({ reason: '/home/ann is full' } as never);
    expect(await server.json('GET', '/readyz')).toEqual({ status: 'ready', paused: true });
    const text = await (await server.call('GET', '/metrics')).text();
    expect(text).toContain('darkroom_http_requests_total{method="POST",route="/api/v1/jobs",status="201"} 1');
    expect(text).toContain('darkroom_jobs{state="done"} 1');
    expect(text).toContain('darkroom_images_total 1');
    server.close();
    expect((await server.call('GET', '/readyz')).status).toBe(503);
    expect((await server.call('GET', '/api/v1/jobs')).status).toBe(503);
  });

  it('writes one line for each request, with its id', async () => {
    const response = await server.call('GET', '/api/v1/queue', undefined, { 'x-request-id': 'mine-1' });
    expect(response.headers.get('x-request-id')).toBe('mine-1');
    expect(server.lines.at(-1)).toMatchObject({ request: 'mine-1', path: '/api/v1/queue', status: 200, user: 'local' });
    const bad = await server.call('GET', '/api/v1/queue', undefined, { 'x-request-id': 'a b' });
    expect(bad.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('describes every route in OpenAPI and on a page', async () => {
    const document = await server.json('GET', '/api/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values<Record<string, Answered>>(document.paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBeGreaterThan(40);
    expect(new Set(operations.map((each) => each.operationId)).size).toBe(operations.length);
    expect(document.paths['/api/v1/jobs'].post.requestBody.content['multipart/form-data']).toBeDefined();
    const page = await (await server.call('GET', '/api')).text();
    for (const path of Object.keys(document.paths)) expect(page).toContain(path);
    for (const path of ['/nothing', '/api/v1/nothing']) expect((await server.call('GET', path)).status).toBe(404);
  });
});
