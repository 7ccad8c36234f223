/** Guessing, and what becomes of open requests when an account changes. */

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Operation } from '#api/operation';
import { operations } from '#api/operations/index';
import { leastRole } from '#api/rights';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';
import { Guesses } from './guesses.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ access: { required: true, token: 'open-sesame' } });
  await server.studio.users.create('root', 'admin', 'the password of root');
  await server.studio.users.create('ann', 'user', 'the password of ann');
});
afterEach(async () => await server.dispose());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
const status = async (headers: Record<string, string>, path = '/api/v1/queue') =>
  (await server.call('GET', path, undefined, headers)).status;

it('counts guesses that arrive together before it works on any', async () => {
  const flood = await Promise.all(Array.from({ length: 300 }, (_, i) => status(basic(`ann:guess ${i}`))));
  expect(flood.filter((each) => each === 401).length).toBeLessThanOrEqual(10);
  expect(flood.filter((each) => each === 429).length).toBeGreaterThanOrEqual(290);
});

it('lets right credentials in whatever others try', async () => {
  expect(await status(basic('ann:the password of ann'))).toBe(200);
  for (let i = 0; i < 40; i++) await status(bearer(`wrong ${i}`));
  await Promise.all(Array.from({ length: 40 }, (_, i) => status(basic(`ann:guess ${i}`))));
  await Promise.all(Array.from({ length: 40 }, (_, i) => status(basic(`nobody${i}:guess`))));
  expect(await status(bearer('open-sesame'))).toBe(200);
  expect(await status(basic('ann:the password of ann'))).toBe(200);
  expect(await status(basic('root:the password of root'))).toBe(200);
});

it('counts by account and by address apart', async () => {
  let now = 0;
  const guesses = new Guesses(() => now);
  const wrong = async (account: string, address: string) =>
    await guesses
      .check(account, address, async () => undefined)
      .then(
        () => 'tried',
        () => 'refused',
      );
  for (let i = 0; i < 10; i++) expect(await wrong('ann', 'one')).toBe('tried');
  expect(await wrong('ann', 'one')).toBe('refused');
  expect(await wrong('bob', 'one')).toBe('tried');
  // From ten addresses the account has been tried often enough; an address that never failed may still try it.
  for (let i = 0; i < 10; i++) expect(await wrong('ann', `bot ${i}`)).toBe('tried');
  expect(await wrong('ann', 'bot 1')).toBe('refused');
  expect(await guesses.check('ann', 'home', async () => 'ann')).toBe('ann');
  now = 60_000;
  expect(await wrong('ann', 'one')).toBe('tried');
});

it('offers programs Basic beside Bearer, and pages Bearer alone', async () => {
  const offered = async (headers: Record<string, string>) =>
    (await server.call('GET', '/api/v1/queue', undefined, headers)).headers.get('www-authenticate');
  expect(await offered({})).toMatch(/^Bearer .*, Basic /);
  expect(await offered({ 'user-agent': 'Mozilla/5.0' })).toBe('Bearer realm="Darkroom"');
});

it('answers to any name for those who say who they are', async () => {
  const host = 'host.docker.internal:7860';
  expect(await status({ host, ...bearer('open-sesame') })).toBe(200);
  expect(await status({ host, ...bearer('wrong') })).toBe(401);
  expect(await status({ host })).toBe(421);
  expect(await status({ host, ...bearer('open-sesame') }, '/healthz')).toBe(421);
  const session = { cookie: `darkroom_session=${server.studio.users.issueToken('ann', 't')}` };
  expect(await status({ host, ...session })).toBe(421);
});

it.each([
  ['the token', (token: string) => server.studio.users.revokeToken(token)],
  ['the role', () => server.studio.users.setRole('ann', 'viewer')],
  ['the password', async () => await server.studio.users.setPassword('ann', 'another password')],
  ['the account', () => server.studio.users.remove('ann')],
])('ends open streams when %s changes', async (_, change) => {
  const token = server.studio.users.issueToken('ann', 'phone');
  const stream = await server.call('GET', '/api/v1/events', undefined, bearer(token));
  const other = await server.call('GET', '/api/v1/events', undefined, bearer('open-sesame'));
  const ended = stream.body!.pipeTo(new WritableStream());
  await change(token);
  await ended;
  const reader = other.body!.getReader();
  expect((await reader.read()).done).toBe(false);
  await reader.cancel();
});

it('ends a request that waits', async () => {
  const token = server.studio.users.issueToken('ann', 'phone');
  await server.studio.queue.pause();
  const waiting = server.call('POST', '/api/v1/jobs?wait=true', { prompt: 'a' }, bearer(token));
  await expect.poll(async () => (await server.studio.queue.state()).counts.queued).toBe(1);
  server.studio.users.revokeToken(token);
  expect((await waiting).status).toBe(401);
});

it('lets nobody change more than their role may, whatever the operation', async () => {
  const { users } = server.studio;
  await users.create('eve', 'viewer', 'the password of eve');
  const as = { user: bearer(users.issueToken('ann', 't')), viewer: bearer(users.issueToken('eve', 't')) };
  const rows = Object.entries<Operation>(operations).filter(([, { kind }]) => kind !== 'socket');
  const letIn: string[] = [];
  for (const [name, row] of rows) {
    const needed = leastRole(row.changes);
    for (const role of ['user', 'viewer'] as const) {
      if (needed === 'viewer' || needed === role) continue;
      const path = `/api/v1${row.path.replaceAll(/\{\w+\}/g, 'x')}`;
      const { status: answered } = await server.call(row.method.toUpperCase(), path, undefined, as[role]);
      if (answered !== 403) letIn.push(`${role}: ${name} answers ${answered}`);
    }
  }
  expect(letIn).toEqual([]);
});
