/**
 * GET over HTTP for addresses that users give: private networks are refused by default, at the moment of connecting,
 * so that no name can resolve to one thing when checked and another when used; redirects are followed by hand, without
 * the credentials once the origin changes.
 *
 * Left out: proxies, compressed bodies (models do not compress), HTTP/2.
 */

import { lookup as resolveName } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
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
  /** Lets addresses of this machine and the local network through; default false. */
  readonly allowPrivate?: boolean;
  readonly maxRedirects?: number;
}

export interface HttpResponse {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Headers of the redirects on the way, first to last (Hugging Face says the hash there). */
  readonly redirects: readonly IncomingMessage['headers'][];
  /** Read it to the end or destroy it. */
  readonly body: IncomingMessage;
}

/**
 * The answer's head, whatever its status. `body` is an async iterable of bytes.
 * @throws UserError `net.url`, `net.private-address`, `net.redirects`; DarkroomError `net.connection` when it broke
 */
export async function httpGet(address: string, options: GetOptions = {}): Promise<HttpResponse> {
  const redirects: IncomingMessage['headers'][] = [];
  let url = parseUrl(address);
  const first = url.origin;
  for (let hops = 0; hops <= (options.maxRedirects ?? 10); hops++) {
    const headers: Record<string, string> = { 'user-agent': 'darkroom', ...options.headers };
    if (options.authorization !== undefined && url.origin === first) headers.authorization = options.authorization;
    const body = await send(url, headers, options);
    const location = body.headers.location;
    const status = body.statusCode ?? 0;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
      return { url: url.href, status, headers: body.headers, redirects, body };
    }
    body.destroy();
    redirects.push(body.headers);
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
    response.body.destroy();
  }
  return Buffer.concat(chunks);
}

/** Held in memory at most while the disk is slower than the line. */
const maxQueuedBytes = 8 * 2 ** 20;

/**
 * The chunks of a body, those included that had come before the connection broke (a plain iteration drops them). Call
 * it as soon as the head is there.
 */
export function bodyChunks(body: IncomingMessage): AsyncIterable<Buffer> {
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

/** What broke a transfer, as a DarkroomError `net.connection`; DarkroomErrors and aborts are returned as they are. */
export function connectionError(error: unknown, url: string): unknown {
  if (error instanceof DarkroomError || (error as Error).name === 'AbortError') return error;
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

function send(url: URL, headers: Record<string, string>, options: GetOptions): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!options.allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) return Promise.reject(privateAddress(host));
  const stallMs = options.stallMs ?? 30_000;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(connectionError(error, url.href));
    const module = url.protocol === 'https:' ? https : http;
    const request = module.get(
      url,
      {
        headers,
        agent: false,
        lookup: options.allowPrivate ? undefined : publicLookup,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      resolve,
    );
    request.setTimeout(stallMs, () => request.destroy(new Error(`nothing came for ${stallMs / 1000} seconds`)));
    request.on('error', fail);
  });
}

/** Resolves a name and refuses it when any of its addresses is private. */
const publicLookup: LookupFunction = (name, options, callback) => {
  resolveName(name, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const hidden = addresses.find(({ address }) => isPrivateAddress(address));
    if (hidden) return callback(privateAddress(name) as unknown as NodeJS.ErrnoException, []);
    if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

function privateAddress(host: string): UserError {
  return new UserError(
    'net.private-address',
    `${host} is an address of this machine or a local network; it is not fetched.`,
  );
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
