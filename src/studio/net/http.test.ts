/** Redirects into private networks: 127.0.0.1 stands for the public internet here, all else on this machine does not. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { httpGet, readBody } from './http.ts';

vi.mock('./address.ts', () => ({ isPrivateAddress: (address: string) => address !== '127.0.0.1' }));

let server: Server;
let port: number;
let location = '';
let seen: string[] = [];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request.url ?? '');
    if (request.url === '/redirect') response.writeHead(302, { location }).end();
    else response.end('secret');
  });
  // All of this machine's addresses, so that a redirect that was followed would arrive.
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(() => void server.close());

it('follows a redirect to a public address', async () => {
  location = `http://127.0.0.1:${port}/there`;
  const response = await httpGet(`http://127.0.0.1:${port}/redirect`);
  expect(Buffer.from(await readBody(response, 100)).toString()).toBe('secret');
  expect(seen).toEqual(['/redirect', '/there']);
});

it.each([
  ['number', 'http://127.0.0.2:PORT/', 'net.private-address'],
  ['number in hexadecimal', 'http://0x7f000002:PORT/', 'net.private-address'],
  ['number in decimal', 'http://2130706434:PORT/', 'net.private-address'],
  ['mapped IPv6 address', 'http://[::ffff:127.0.0.2]:PORT/', 'net.private-address'],
  ['metadata service', 'http://169.254.169.254/latest/meta-data', 'net.private-address'],
  ['address without a host', '//127.0.0.2:PORT/', 'net.private-address'],
  ['file', 'file:///etc/passwd', 'net.url'],
  ['address with a password', 'http://a:b@127.0.0.1:PORT/', 'net.url'],
])('does not follow a redirect to a private %s', async (_, to, code) => {
  location = to.replace('PORT', String(port));
  await expect(httpGet(`http://127.0.0.1:${port}/redirect`)).rejects.toMatchObject({ code });
  expect(seen).toEqual(['/redirect']);
});

it('reads no more of an answer than is allowed, whatever its length says', async () => {
  const response = await httpGet(`http://127.0.0.1:${port}/`);
  await expect(readBody(response, 3)).rejects.toMatchObject({ code: 'net.too-large' });
});

it('lets through the private hosts that were named, and no others', async () => {
  const get = (host: string, allowPrivate: string[]) => httpGet(`http://${host}:${port}/`, { allowPrivate });
  expect((await get('127.0.0.2', [`127.0.0.2:${port}`])).status).toBe(200);
  expect((await get('127.0.0.2', ['127.0.0.2'])).status).toBe(200);
  await expect(get('127.0.0.3', ['127.0.0.2'])).rejects.toMatchObject({ code: 'net.private-address' });
  await expect(get('127.0.0.2', [`127.0.0.2:${port + 1}`])).rejects.toMatchObject({ code: 'net.private-address' });
});
