/**
 * Pictures in requests: base64, data URI, a picture of the gallery (`image:ID`) or, where it is allowed, an http(s)
 * address. Bounds on size are the codec's; private addresses are refused by the fetcher.
 */

import { UserError } from '#core/errors';
import type { Gallery } from '#studio/gallery/gallery';
import { discard, httpGet, readBody } from '#studio/net/http';
import type { LargeBodies, Upload } from '#studio/reader/large-bodies';
import { type Caller, maySee } from './http/call.ts';

export interface PictureSources {
  readonly gallery: Pick<Gallery, 'get' | 'read'>;
  /** Where pictures of large requests lie. */
  readonly bodies: Pick<LargeBodies, 'pictureOf'>;
  /** Fetching by address; default true. */
  readonly allowUrls?: boolean;
  /** Also from this machine and the local network; default false. */
  readonly allowPrivateUrls?: boolean;
}

const maxPictureBytes = 64 * 2 ** 20;
const fetchTimeoutMs = 30_000;

/** The picture's bytes or file as it came: readers look into them. @throws UserError `image.*`, `net.*` */
export async function pictureOf(
  source: string,
  caller: Caller,
  sources: PictureSources,
  signal?: AbortSignal,
): Promise<Upload> {
  const file = sources.bodies.pictureOf(source);
  if (file) return file;
  if (/^https?:\/\//i.test(source)) return await fetchPicture(source, sources, signal);
  if (source.startsWith('image:')) return await galleryPicture(source.slice('image:'.length), caller, sources);
  return decodeBase64(source);
}

async function fetchPicture(url: string, sources: PictureSources, signal?: AbortSignal): Promise<Uint8Array> {
  if (sources.allowUrls === false) {
    throw new UserError('net.url', 'Pictures are not fetched from addresses here; send the picture itself.');
  }
  const timeout = AbortSignal.timeout(fetchTimeoutMs);
  const response = await httpGet(url, {
    allowPrivate: sources.allowPrivateUrls ?? false,
    stallMs: fetchTimeoutMs,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  }).catch(asUserError);
  if (response.status !== 200) {
    discard(response.body);
    throw new UserError('net.status', `The picture's address answers ${response.status}.`);
  }
  return await readBody(response, maxPictureBytes).catch(asUserError);
}

/** What keeps an address from being fetched is for the one who gave it to mend. */
function asUserError(error: unknown): never {
  if (error instanceof UserError) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  throw new UserError('net.connection', `The picture could not be fetched: ${reason}`, { cause: error });
}

async function galleryPicture(id: string, caller: Caller, { gallery }: PictureSources): Promise<Uint8Array> {
  const image = gallery.get(id);
  if (!maySee(caller, image.user)) throw new UserError('image.unknown', `There is no picture ${id}.`);
  return await gallery.read(id);
}

/** @throws UserError `image.base64` */
export function decodeBase64(text: string): Uint8Array {
  const payload = /^data:[^,]*,/i.test(text.slice(0, 200)) ? text.slice(text.indexOf(',') + 1) : text;
  const clean = payload.replaceAll(/\s+/g, '');
  if (clean === '' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(clean)) {
    throw new UserError('image.base64', 'A picture is given as base64, as a data: address, or as an http(s) address.');
  }
  return Buffer.from(clean, 'base64');
}
