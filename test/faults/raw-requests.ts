/** What no HTTP client sends: bytes on a socket that are nearly a request. */

import { connect } from 'node:net';
import type { Random } from './random.ts';

const host = 'host: 127.0.0.1\r\n';
const json = 'content-type: application/json\r\n';

/** By name; each is all that is sent before the sender falls silent. */
export const rawRequests: Readonly<Record<string, string>> = {
  nothing: '',
  'no request': 'hello\r\n\r\n',
  TLS: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/9.9': `GET / HTTP/9.9\r\n${host}\r\n`,
  'no host': 'GET /api/v1/queue HTTP/1.1\r\n\r\n',
  'two hosts': `GET /api/v1/queue HTTP/1.1\r\n${host}host: evil.example\r\n\r\n`,
  'address in the path': `GET http://evil.example/api/v1/queue HTTP/1.1\r\n${host}\r\n`,
  'odd path': `GET //..;/..;/api/v1/settings HTTP/1.1\r\n${host}\r\n`,
  'path without a slash': `GET api/v1/queue HTTP/1.1\r\n${host}\r\n`,
  asterisk: `GET * HTTP/1.1\r\n${host}\r\n`,
  'bytes above 127 in the path': `GET /\xff\xfe HTTP/1.1\r\n${host}\r\n`,
  'a space in the path': `GET /api/v1/a b HTTP/1.1\r\n${host}\r\n`,
  tunnel: `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${host}\r\n`,
  'length lies, too long': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}content-length: 500\r\n\r\n{}`,
  'length lies, too short': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}content-length: 1\r\n\r\n{"steps":0}`,
  'length negative': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}content-length: -5\r\n\r\n{}`,
  'length huge': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}content-length: 99999999999999999999\r\n\r\n{}`,
  'two lengths': `POST /api/v1/jobs HTTP/1.1\r\n${host}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`,
  'length and chunks': `POST /api/v1/jobs HTTP/1.1\r\n${host}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunks without end': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n`,
  'chunk of no size': `POST /api/v1/jobs HTTP/1.1\r\n${host}${json}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
  'huge header': `GET / HTTP/1.1\r\n${host}x: ${'a'.repeat(40_000)}\r\n\r\n`,
  'many headers': `GET / HTTP/1.1\r\n${host}${'x: a\r\n'.repeat(4000)}\r\n`,
  'a header folded': `GET / HTTP/1.1\r\n${host}x: a\r\n b\r\n\r\n`,
  'a header with NUL': `GET / HTTP/1.1\r\n${host}x: a\0b\r\n\r\n`,
  'WebSocket of another page': `GET /api/v1/ws HTTP/1.1\r\n${host}origin: https://evil.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n`,
  pipelined: `GET /healthz HTTP/1.1\r\n${host}\r\n`.repeat(50),
  'body after GET': `GET /healthz HTTP/1.1\r\n${host}content-length: 5\r\n\r\nhello`,
};

const names = Object.keys(rawRequests);

export function anyRawRequest(random: Random): string {
  return random.pick(names);
}

/** Sends it, waits for the first answer or `silenceMs`, and hangs up. @returns status, 0 when there was no answer */
export async function sendRaw(base: string, name: string, silenceMs = 100): Promise<number> {
  const { hostname, port } = new URL(base);
  return await new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(Buffer.from(rawRequests[name]!, 'latin1')));
    let text = '';
    const end = () => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0));
    };
    socket.setTimeout(silenceMs, end);
    socket.on('data', (data) => {
      text += data.toString('latin1');
      end();
    });
    socket.on('error', end);
    socket.on('close', end);
  });
}
