/** What reaches the server as bytes on a socket: requests that are slow, endless, huge or nearly none. */

import { connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../test/fixtures/test-server.ts';
import { type Listener, listen } from './listen.ts';

let server: TestServer;
let listener: Listener;

beforeEach(async () => {
  server = await startTestServer();
  const limits = { headersTimeout: 150, requestTimeout: 300, connectionsCheckingInterval: 30 };
  listener = await listen(server.app, { port: 0, limits });
});
afterEach(async () => {
  await listener.close();
  await server.dispose();
});

/** All that is answered until the server hangs up. `drip`: bytes sent one by one, 20 ms apart. */
async function exchange(bytes: string, drip = ''): Promise<string> {
  const { hostname, port } = new URL(listener.url);
  return await new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    let answer = '';
    let sent = 0;
    const timer = setInterval(() => {
      if (sent < drip.length && socket.writable) socket.write(drip[sent++]!);
    }, 20);
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const head = 'host: 127.0.0.1\r\nconnection: close\r\n';
const post = `POST /api/v1/jobs HTTP/1.1\r\n${head}content-type: application/json\r\n`;
const queued = async (): Promise<number> => (await server.studio.queue.list({})).jobs.length;

it.each([
  ['sends nothing', '', ''],
  ['sends its headers byte by byte', 'GET /healthz HTTP/1.1\r\n', `x-slow: ${'a'.repeat(1000)}`],
  ['sends its body byte by byte', `${post}content-length: 900\r\n\r\n`, ' '.repeat(900)],
  ['says that more comes than it sends', `${post}content-length: 500\r\n\r\n{"prompt":"x"}`, ''],
  ['sends chunks without an end', `${post}transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n`, '1\r\n \r\n'.repeat(200)],
])('hangs up on a client that %s', async (_, bytes, drip) => {
  const answer = await exchange(bytes, drip);
  expect([0, 400, 408]).toContain(statusOf(answer));
  expect(await queued()).toBe(0);
  expect((await fetch(`${listener.url}/healthz`)).status).toBe(200);
});

it.each([
  ['huge headers', `GET /healthz HTTP/1.1\r\n${head}x: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
  ['a length and chunks', `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['two hosts', `GET /api/v1/queue HTTP/1.1\r\n${head}host: evil.example\r\n\r\n`, 421],
  ['the host of another page', 'GET /api/v1/queue HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n', 421],
  ['a path that climbs', `GET //..;/..;/api/v1/settings HTTP/1.1\r\n${head}\r\n`, 404],
  ['a length below the body', `${post}content-length: 1\r\n\r\n{"prompt":"x"}`, 400],
  ['a length above what is allowed', `${post}content-length: 999999999999\r\n\r\n{}`, 413],
])('refuses %s', async (_, bytes, status) => {
  expect(statusOf(await exchange(bytes))).toBe(status);
  expect(await queued()).toBe(0);
});

it.each([
  ['a form of another page', 'prompt=x', { origin: 'https://evil.example' }, 403],
  ['a form', 'prompt=x', {}, 400],
  ['a prototype', '{"__proto__":{"steps":3},"constructor":{"x":1},"prompt":"x"}', {}, 400],
  ['a list of a million', `{"prompt":[${'1,'.repeat(1e6)}1]}`, {}, 400],
  ['a list in place of an object', `[${'1,'.repeat(1e6)}1]`, {}, 400],
])('takes no job from %s', async (_, body, headers, status) => {
  const type = body.startsWith('prompt') ? 'application/x-www-form-urlencoded' : 'application/json';
  // One whose patience no large body on a busy machine is too slow for.
  const patient = await listen(server.app, { port: 0 });
  const response = await fetch(`${patient.url}/api/v1/jobs`, {
    method: 'POST',
    body,
    headers: { 'content-type': type, ...headers },
  });
  expect(response.status).toBe(status);
  expect(await queued()).toBe(0);
  expect(({} as { steps?: number }).steps).toBeUndefined();
  await patient.close();
});

it('keeps a connection for longer than those do who mean to use it again', async () => {
  const { headers } = await fetch(`${listener.url}/healthz`);
  expect(Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(60);
});

it('gives an address no more than its share of connections', async () => {
  const few = await listen(server.app, { port: 0, maxConnectionsOfAddress: 3 });
  const { hostname, port } = new URL(few.url);
  const sockets = Array.from({ length: 5 }, () => connect(Number(port), hostname));
  const closed = () => sockets.filter((socket) => socket.destroyed).length;
  for (const socket of sockets) socket.on('error', () => {});
  await expect.poll(closed).toBe(2);
  for (const socket of sockets) socket.destroy();
  await expect
    .poll(
      async () =>
        await fetch(`${few.url}/healthz`).then(
          ({ status }) => status,
          () => 0,
        ),
    )
    .toBe(200);
  await few.close();
});
