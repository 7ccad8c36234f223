import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Listener, listen } from '#server/listen';
import { startTestServer, type TestServer, type TestServerOptions } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
let listener: Listener;

async function start(options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer(options);
  listener = await listen(server.app, { port: 0 });
}

beforeEach(async () => await start());
afterEach(async () => {
  await listener.close();
  await server.dispose();
});

interface Message {
  readonly id: number;
  readonly type: string;
  readonly at: number;
  readonly data: Record<string, unknown>;
}

function connect(query = '', headers: Record<string, string> = {}): { socket: WebSocket; messages: Message[] } {
  const socket = new WebSocket(`${listener.url.replace('http', 'ws')}/api/v1/ws${query}`, { headers });
  const messages: Message[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as Message));
  return { socket, messages };
}

/** Status of the refusal. */
async function refusal(query: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const { socket } = connect(query, headers);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  socket.on('error', () => {});
  socket.terminate();
  return response.statusCode;
}

const draw = async () => await server.json('POST', '/api/v1/jobs?wait=true', { prompt: 'a fox', steps: 2 });

it('delivers what the event stream delivers, and resumes', async () => {
  const { socket, messages } = connect();
  await once(socket, 'open');
  const { job } = await draw();
  await expect.poll(() => messages.map(({ type }) => type)).toContain('image.added');
  const added = messages.find(({ type }) => type === 'job.added')!;
  expect(added.data).toMatchObject({ id: job.id, state: 'queued' });
  await expect.poll(() => messages.findLast(({ type }) => type === 'job.changed')?.data.state).toBe('done');
  socket.close();
  const again = connect(`?after=${added.id - 1}`);
  await expect.poll(() => again.messages.length).toBeGreaterThan(2);
  expect(again.messages[0]).toEqual(added);
  again.socket.close();
  const pictures = connect(`?after=${added.id - 1}&type=image.added&job=${job.id}`);
  await expect.poll(() => pictures.messages.map(({ type }) => type)).toEqual(['image.added']);
  const nobody = connect(`?after=${added.id - 1}&job=other`);
  await once(nobody.socket, 'open');
  await draw();
  expect(nobody.messages).toEqual([]);
  pictures.socket.close();
  nobody.socket.close();
});

it('keeps pages from elsewhere and mistaken requests out, and says what else asks', async () => {
  expect(await refusal('', { origin: 'https://evil.example' })).toBe(403);
  expect(await refusal('', { host: 'rebound.example' })).toBe(421);
  expect(await refusal('?after=soon')).toBe(400);
  const plain = await fetch(`${listener.url}/api/v1/ws`);
  expect(plain.status).toBe(426);
  expect(await plain.json()).toMatchObject({ error: { code: 'events.upgrade' } });
  // A header without the connection that goes with it.
  const half = request(`${listener.url}/api/v1/ws`, { headers: { upgrade: 'websocket' } }).end();
  expect(((await once(half, 'response')) as [IncomingMessage])[0].statusCode).toBe(426);
  half.destroy();
});

it('asks for the token where one is needed', async () => {
  await listener.close();
  await server.dispose();
  await start({ access: { required: true, token: 'token-of-the-test' } });
  expect(await refusal('')).toBe(401);
  const { socket } = connect('', { authorization: 'Bearer token-of-the-test' });
  await once(socket, 'open');
  socket.close();
});

it('ends with the token that it was opened with', async () => {
  await listener.close();
  await server.dispose();
  await start({ access: { required: true } });
  await server.studio.users.create('ann', 'user');
  const token = server.studio.users.issueToken('ann', 'phone');
  const { socket } = connect('', { authorization: `Bearer ${token}` });
  await once(socket, 'open');
  const closed = once(socket, 'close') as Promise<[number]>;
  server.studio.users.revokeToken(token);
  expect((await closed)[0]).toBe(1008);
});

it('lets go a client that does not read', async () => {
  const { socket } = connect();
  await once(socket, 'open');
  await server.json('POST', '/api/v1/queue/pause', {});
  socket.pause();
  const readers = () => server.studio.events.listenerCount;
  const before = readers();
  const prompt = 'word '.repeat(19_000);
  for (let n = 0; n < 200 && readers() === before; n++) await server.json('POST', '/api/v1/jobs', { prompt, steps: 2 });
  socket.resume();
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(1013);
  await expect.poll(readers).toBe(before - 1);
});

it('closes its sockets when the server stops', async () => {
  const { socket } = connect();
  await once(socket, 'open');
  const closed = once(socket, 'close') as Promise<[number]>;
  await listener.close();
  expect((await closed)[0]).toBe(1001);
});

it('hangs up on a client that says much, with the reason', async () => {
  const readers = () => server.studio.events.listenerCount;
  const before = readers();
  const { socket } = connect();
  await once(socket, 'open');
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  for (let n = 0; n < 50; n++) socket.send('a');
  for (let n = 0; n < 5000; n++) socket.ping();
  const [code, reason] = await closed;
  expect([code, String(reason)]).toEqual([1008, 'too many messages']);
  await expect.poll(readers).toBe(before);
});
