/** Clients of the event socket that say what they should not, say it without end, or never listen (RFC 6455). */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../http-client.ts';

const path = '/api/v1/ws';

/** What is done to the server at an address; each leaves no connection behind. */
export const hostileSockets: Readonly<Record<string, (url: string) => Promise<void>>> = {
  '500 of one client': async (url) => await withSockets(url, 500, async () => {}),
  '200 that never read': async (url) => await withSockets(url, 200, async () => await longEvents(url, 40)),
  '200 streams of events that nobody reads': async (url) =>
    await withSockets(url, 200, async () => await longEvents(url, 40), stream(url)),
  '40,000 pings of one that never reads': async (url) =>
    await withSockets(url, 1, async ([socket]) => await flood(socket!, frame(9, Buffer.alloc(125)), 40_000)),
  'half a million pings of one that never reads': async (url) =>
    await withSockets(url, 1, async ([socket]) => await flood(socket!, frame(9, Buffer.alloc(125)), 500_000)),
  '100,000 pongs that nobody asked for': async (url) =>
    await withSockets(url, 1, async ([socket]) => await flood(socket!, frame(10, Buffer.alloc(0)), 100_000)),
  '100,000 small messages': async (url) =>
    await withSockets(url, 1, async ([socket]) => await flood(socket!, frame(1, Buffer.from('a')), 100_000)),
  '200,000 pieces of one message': async (url) =>
    await withSockets(url, 1, async ([socket]) => {
      socket!.write(frame(1, Buffer.from('a'), { ends: false }));
      await flood(socket!, frame(0, Buffer.alloc(0), { ends: false }), 200_000);
    }),
  'messages longer than there may be': rawFrames([4097, 65_536, 2 ** 20].map((size) => frame(1, Buffer.alloc(size)))),
  'lengths that no message has': rawFrames(
    [2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n].map((says) => frame(1, Buffer.alloc(8), { says })),
  ),
  'frames against the rules': rawFrames([
    frame(1, Buffer.from('a'), { masked: false }),
    frame(0, Buffer.from('a')),
    ...[3, 7, 11, 15].map((code) => frame(code, Buffer.from('a'))),
    frame(9, Buffer.alloc(126)),
    frame(9, Buffer.alloc(5), { ends: false }),
    frame(1, Buffer.from([0xff, 0xfe])),
    frame(8, Buffer.from([3])),
    frame(8, Buffer.from([0, 1])),
    Buffer.from([0xf1, 0x80, 0, 0, 0, 0]),
    randomBytes(4096),
    Buffer.from([0x81]),
  ]),
  '300 upgrades that are none': async (url) => {
    for (let i = 0; i < 300; i++) {
      const socket = await opened(url);
      socket.write(head(url, i % 3 === 0 ? 'a'.repeat(8000) : '').slice(0, i % 2 === 0 ? 120 : undefined));
      socket.destroy();
    }
  },
};

async function opened(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function head(url: string, key = randomBytes(16).toString('base64')): string {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${new URL(url).host}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  return [...lines, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n');
}

/** Server-sent events. */
const stream = (url: string) => `GET /api/v1/events HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`;

/** Sockets that are answered and read nothing from then on. */
async function withSockets(
  url: string,
  count: number,
  work: (sockets: Socket[]) => Promise<void>,
  says = head(url),
): Promise<void> {
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const socket = await opened(url);
      sockets.push(socket);
      socket.write(says);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      if (!/^HTTP\/1\.1 (101|200)/.test(answer.toString('latin1'))) throw new Error(`no socket: ${String(answer)}`);
      socket.pause();
    }
    await work(sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** As fast as they are taken; ends when the server hangs up or takes nothing for a while. */
async function send(socket: Socket, bytes: Buffer, count: number): Promise<void> {
  const at = 500;
  const some = Buffer.concat(Array.from({ length: at }, () => bytes));
  for (let sent = 0; sent < count && !socket.destroyed; sent += at) {
    if (socket.write(some)) continue;
    // Hung up on, it is done too.
    const hungUp = once(socket, 'close').catch(() => {});
    await Promise.race([once(socket, 'drain').catch(() => {}), hungUp, delay(3000)]);
  }
  await delay(300);
}

/** A flood is hung up on: with a close frame and its reason, or a reset where the flooder never reads. */
async function flood(socket: Socket, bytes: Buffer, count: number): Promise<void> {
  await send(socket, bytes, count);
  for (let waited = 0; waited < 3000 && !socket.destroyed; waited += 100) {
    // What was sent to it is read, or its end would not be seen.
    socket.resume();
    await delay(100);
  }
  if (!socket.destroyed) throw new Error('the server went on listening to a flood');
}

function rawFrames(frames: readonly Buffer[]): (url: string) => Promise<void> {
  return async (url) => {
    for (const bytes of frames) {
      await withSockets(url, 1, async ([socket]) => {
        socket!.write(bytes);
        await delay(30);
      });
    }
  };
}

interface FrameFacts {
  readonly ends?: boolean;
  readonly masked?: boolean;
  /** A length that is not that of what follows. */
  readonly says?: bigint;
}

function frame(code: number, data: Buffer, { ends = true, masked = true, says }: FrameFacts = {}): Buffer {
  const wide = says !== undefined || data.length > 65_535;
  const short = data.length < 126;
  const length = Buffer.alloc(wide ? 8 : short ? 0 : 2);
  if (wide) length.writeBigUInt64BE(says ?? BigInt(data.length));
  else if (!short) length.writeUInt16BE(data.length);
  const first = [(ends ? 0x80 : 0) | code, (masked ? 0x80 : 0) | (wide ? 127 : short ? data.length : 126)];
  // A mask of zeros leaves the bytes as they are.
  return Buffer.concat([Buffer.from(first), length, Buffer.alloc(masked ? 4 : 0), data]);
}

/** Jobs whose events are long. */
async function longEvents(url: string, count: number): Promise<void> {
  const prompt = 'word '.repeat(19_000);
  for (let i = 0; i < count; i++) {
    await ask(url, { method: 'POST', path: '/api/v1/jobs', body: { prompt, negativePrompt: prompt, steps: 1 } });
  }
  await delay(500);
}
