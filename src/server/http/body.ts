/** Request bodies, read up to a limit: JSON, and multipart forms with files. */

import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { UserError } from '#core/errors';
import type { MultipartBody } from './route.ts';

/** Without pictures inside. */
export const defaultMaxBody = 2 ** 20;
/** With pictures, base64 or multipart. */
export const pictureMaxBody = 128 * 2 ** 20;

/** @throws UserError `body.too-large` */
export function limitBody(maxBytes: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: maxBytes,
    onError() {
      throw new UserError('body.too-large', `The body may have at most ${maxBytes} bytes.`);
    },
  });
}

/** @throws UserError `body.aborted` */
async function readBytes(request: Request): Promise<Uint8Array> {
  return new Uint8Array(await request.arrayBuffer().catch(brokenOff));
}

function brokenOff(cause: unknown): never {
  throw new UserError('body.aborted', 'The body broke off before its end.', { cause });
}

/** Levels of arrays and objects; what walks a value by recursion is safe below. */
const deepestJson = 100;
/** Values of a body; a thousand jobs with all their fields have half as many. */
const mostValues = 100_000;
/** Fields and files of a form. */
const mostParts = 1000;

/** The value, or undefined for an empty body. @throws UserError `body.json`, `body.too-deep`, `body.too-many`, `body.aborted` */
export async function readJson(request: Request): Promise<unknown> {
  return parseJson(await readBytes(request));
}

export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  if (hasMoreThan(mostValues, bytes))
    throw new UserError('body.too-many', `The body may have ${mostValues} values; send it in parts.`);
  const value = parsed(bytes);
  if (isDeeperThan(deepestJson, value))
    throw new UserError('body.too-deep', `The body may nest ${deepestJson} levels of arrays and objects.`);
  return value;
}

/** Every value but the first follows one of these, so that there are no more values than they; texts may have some too. */
const separators = [',', '[', '{'] as const;

/** Counted by the runtime's own search, before anything is made of them. */
function hasMoreThan(most: number, bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (const separator of separators) {
    for (let at = buffer.indexOf(separator); at >= 0; at = buffer.indexOf(separator, at + 1)) {
      if (++count > most) return true;
    }
  }
  return false;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'it is no UTF-8 text';
    throw new UserError('body.json', `The body is no JSON: ${reason}`, { cause });
  }
}

function isDeeperThan(levels: number, value: unknown): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === levels) return true;
    level = level.flatMap((container) => Object.values(container).filter(isContainer));
  }
  return false;
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;

export function isMultipart(request: Request): boolean {
  return /^multipart\/form-data\b/i.test(request.headers.get('content-type') ?? '');
}

/** @throws UserError `body.multipart`, `body.aborted` */
export async function readMultipart(request: Request): Promise<MultipartBody> {
  const bytes = await readBytes(request);
  if (hasManyParts(bytes)) throw new UserError('body.too-many', `A form may have ${mostParts} fields and files.`);
  const headers = { 'content-type': request.headers.get('content-type') ?? '' };
  const form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData().catch((cause: unknown) => {
    throw new UserError('body.multipart', 'The body is no well-formed multipart form.', { cause });
  });
  const fields = new Map<string, string[]>();
  const files = new Map<string, Uint8Array[]>();
  for (const [name, value] of form.entries()) {
    if (typeof value === 'string') listAt(fields, name).push(value);
    else listAt(files, name).push(new Uint8Array(await value.arrayBuffer()));
  }
  return { fields, files };
}

/** A part has one or two headers that begin so. */
function hasManyParts(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(partHeader); at >= 0; at = buffer.indexOf(partHeader, at + 1)) {
    if (++count > 2 * mostParts) return true;
  }
  return false;
}

const partHeader = 'ontent-';

function listAt<T>(lists: Map<string, T[]>, name: string): T[] {
  const known = lists.get(name);
  if (known) return known;
  const list: T[] = [];
  lists.set(name, list);
  return list;
}
