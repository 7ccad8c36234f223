/**
 * GET over HTTP for addresses that users give: private networks are refused by default, at the moment of connecting,
 * so that no name can resolve to one thing when checked and another when used; redirects are followed by hand, without
 * the credentials once the origin changes.
 *
 * Left out: proxies, compressed bodies (models do not compress), HTTP/2.
 */

import { lookup as resolveName } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { DarkroomError, UserError } from '#core/errors';
import { EventStream } from '../events/event-stream.ts';
import { isPrivateAddress } from './address.ts';

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the first origin only. */
  readonly authorization?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte before the connection is given up; default 30,000. */
  readonly stallMs?: number;
  /** Lets addresses of this machine and the local network through: all, or those of some hosts (`name` or `name:port`). */
  readonly allowPrivate?: boolean | readonly string[];
  readonly maxRedirects?: number;
}

export type Headers = Readonly<Record<string, string | undefined>>;

export interface HttpResponse {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** Read it to the end or destroy it. */
  readonly body: Readable;
}

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/**
 * The answer's head, whatever its status. `body` is an async iterable of bytes.
 * @throws UserError `net.url`, `net.private-address`, `net.redirects`; DarkroomError `net.connection` when it broke
 */
export async function httpGet(address: string, options: GetOptions = {}): Promise<HttpResponse> {
  let url = parseUrl(address);
  const first = url.origin;
  for (let hops = 0; hops <= (options.maxRedirects ?? 10); hops++) {
    const headers: Record<string, string> = { 'user-agent': 'darkroom', ...options.headers };
    if (options.authorization !== undefined && url.origin === first) headers.authorization = options.authorization;
    const response = await send(url, headers, options);
    const { location } = response.headers;
    if (!redirects.includes(response.status) || location === undefined) return response;
    discard(response.body);
    const next = parseUrl(location, url);
    if (url.protocol === 'https:' && next.protocol === 'http:') {
      throw new UserError('net.redirects', `${url.host} redirects to an unprotected address (${next.host}).`);
    }
    url = next;
  }
  throw new UserError('net.redirects', `${address} redirects too many times.`);
}

/**
 * A small answer as bytes.
 * @throws as httpGet; UserError `net.too-large`; DarkroomError `net.connection`
 */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new UserError('net.too-large', `${response.url} answers with more than ${maxBytes} bytes.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(error, response.url);
  } finally {
    discard(response.body);
  }
  return Buffer.concat(chunks);
}

/** Held in memory at most while the disk is slower than the line. */
const maxQueuedBytes = 8 * 2 ** 20;

/**
 * The chunks of a body, those included that had come before the connection broke (a plain iteration drops them). Call
 * it as soon as the head is there.
 */
export function bodyChunks(body: Readable): AsyncIterable<Buffer> {
  const chunks = new EventStream<Buffer>();
  let queued = 0;
  body.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    queued += chunk.length;
    if (queued > maxQueuedBytes) body.pause();
  });
  body.on('end', () => chunks.end());
  body.on('error', (error) => chunks.fail(error));
  body.on('close', () => chunks.fail(new Error('it ended early')));
  return (async function* () {
    for await (const chunk of chunks) {
      queued -= chunk.length;
      if (body.isPaused() && queued < maxQueuedBytes / 2) body.resume();
      yield chunk;
    }
  })();
}

/** Ends a body that is not read to its end; that it ends so is no news. */
export function discard(body: Readable): void {
  body.on('error', () => {});
  body.destroy();
}

/** What broke a transfer, as a DarkroomError `net.connection`; DarkroomErrors and aborts are returned as they are. */
export function connectionError(error: unknown, url: string): unknown {
  if (error instanceof DarkroomError || (error as Error).name === 'AbortError') return error;
  const cause: unknown = (error as Error).cause;
  if (cause instanceof DarkroomError) return cause;
  const why = error instanceof Error ? error.message : String(error);
  return new DarkroomError('net.connection', `The connection to ${hostOf(url)} broke: ${why}`, { cause: error });
}

function parseUrl(address: string, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(address, base);
  } catch {
    throw new UserError('net.url', `${JSON.stringify(address.slice(0, 200))} is no web address.`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UserError('net.url', `Only http and https addresses can be fetched, got ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UserError('net.url', 'An address must not hold a name or password.');
  }
  return url;
}

async function send(url: URL, headers: Record<string, string>, options: GetOptions): Promise<HttpResponse> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isOpen = isAllowed(url, options.allowPrivate);
  // A number is not looked up, so it is checked here.
  if (!isOpen && isIP(host) !== 0 && isPrivateAddress(host)) throw privateAddress(host);
  const { stallMs = 30_000, signal } = options;
  const { request } = await import('undici');
  const dispatcher = await dispatcherFor(isOpen);
  try {
    const answer = await request(url, { dispatcher, headers, signal, headersTimeout: stallMs, bodyTimeout: stallMs });
    return { url: url.href, status: answer.statusCode, headers: plainHeaders(answer.headers), body: answer.body };
  } catch (error) {
    throw connectionError(error, url.href);
  }
}

function isAllowed({ host, hostname }: URL, allow: GetOptions['allowPrivate'] = false): boolean {
  return typeof allow === 'boolean' ? allow : allow.includes(host) || allow.includes(hostname);
}

const dispatchers = new Map<boolean, Dispatcher>();

/** One for all, and one that connects to the public internet only. Connections are not kept: each is looked up anew. */
async function dispatcherFor(isOpen: boolean): Promise<Dispatcher> {
  const known = dispatchers.get(isOpen);
  if (known) return known;
  const { Agent } = await import('undici');
  const agent = new Agent({ pipelining: 0, connect: isOpen ? {} : { lookup: publicLookup } });
  dispatchers.set(isOpen, agent);
  return agent;
}

function plainHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()[0]]));
}

/** Resolves a name and refuses it when any of its addresses is private. */
const publicLookup: LookupFunction = (name, options, callback) => {
  resolveName(name, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const hidden = addresses.find(({ address }) => isPrivateAddress(address));
    if (hidden) return callback(privateAddress(name), []);
    if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

function privateAddress(host: string): UserError {
  return new UserError(
    'net.private-address',
    `${host} is an address of this machine or a local network; it is not fetched. Whoever runs Darkroom may name hosts that are, in DARKROOM_PRIVATE_HOSTS.`,
  );
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
