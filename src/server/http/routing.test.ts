import { afterEach, beforeEach, expect, it } from 'vitest';
import { DarkroomError } from '#core/errors';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';
import { failureOf } from './errors.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

it.each(['/api/v1/queue/', '/sdapi/v1/samplers/', '/v1/models/', '/healthz/'])('serves %s', async (path) => {
  expect((await server.call('GET', path)).status).toBe(200);
});

it.each([
  ['DELETE', '/api/v1/jobs', 'GET, HEAD, POST'],
  ['POST', '/api/v1/images/x', 'GET, HEAD, PATCH'],
  ['GET', '/sdapi/v1/txt2img', 'POST'],
  ['PUT', '/v1/images/generations', 'POST'],
])('says which methods there are in place of %s %s', async (method, path, allow) => {
  const response = await server.call(method, path);
  expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
});

it('tells unknown addresses and unknown things apart from wrong methods', async () => {
  for (const path of ['/nothing', '/api/v1/jobs/none', '/api/v1/images/none']) {
    expect((await server.call('GET', path)).status).toBe(404);
  }
});

it('says when it cannot work now, and when to ask again', () => {
  const away = failureOf(new DarkroomError('studio.not-ready', 'The disk is away.'));
  expect(away).toMatchObject({ status: 503, message: 'The disk is away.', headers: { 'retry-after': '5' } });
});

it('takes a client that left for no failure', async () => {
  await server.studio.queue.pause();
  const leave = new AbortController();
  const init = { method: 'POST', body: '{"prompt":"a"}', signal: leave.signal };
  const waiting = Promise.resolve(server.app.request(new Request('http://localhost/api/v1/jobs?wait=true', init)));
  await expect.poll(async () => (await server.studio.queue.state()).counts.queued).toBe(1);
  leave.abort();
  expect((await waiting).status).toBe(499);
  expect(server.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

it('shortens what it tells back', async () => {
  const response = await server.call('POST', '/api/v1/jobs', {
    sampler: 'x'.repeat(500_000),
    prompt: 'a',
    model: 'none',
  });
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect((await response.text()).length).toBeLessThan(3000);
});

it('says where the page should be that it is not built', async () => {
  await server.dispose();
  server = await startTestServer({ pageFolder: '/nowhere' });
  const response = await server.call('GET', '/');
  expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('npm run prepare')]);
});
