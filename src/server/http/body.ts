/**
 * Request bodies: JSON, and multipart forms with files. What is small is read here; what is larger goes to a file as
 * it comes and is read by a reader's process (`studio/reader/large-bodies.ts`).
 */

import { UserError } from '#core/errors';
import { hasMorePartsThan, parseForm } from '#studio/reader/bounded-form';
import { parseJsonInTurns } from '#studio/reader/bounded-json';
import type { LargeBodies, LargeBody } from '#studio/reader/large-bodies';

/** Without pictures inside. */
export const defaultMaxBody = 2 ** 20;
/** With pictures, base64 or multipart. */
export const pictureMaxBody = 128 * 2 ** 20;
/** Read in the server itself. */
const smallBody = 2 ** 20;
/** Of a form; each costs as much as a kilobyte. */
const fewParts = 64;

export interface BodyRules {
  readonly maxBytes: number;
  readonly takesForms: boolean;
  /** Who sends it: an account and an address. */
  readonly senders: readonly string[];
  readonly signal: AbortSignal;
}

/** A body that has been read: JSON as its value, undefined for none, or the parts of a form. */
export interface Body extends LargeBody {
  readonly isForm: boolean;
}

/** @throws UserError `body.*`, `image.too-large`; DarkroomError `disk-full`, `disk.*` */
export async function readBody(request: Request, rules: BodyRules, large: LargeBodies): Promise<Body> {
  const isForm = rules.takesForms && isMultipart(request);
  const type = isForm ? (request.headers.get('content-type') ?? '') : undefined;
  const chunks = chunksOf(request, rules.maxBytes);
  const first = await upTo(smallBody, chunks);
  const bytes = first.done ? Buffer.concat(first.chunks) : undefined;
  if (bytes && !(isForm && hasMorePartsThan(fewParts, bytes))) {
    const value = type === undefined ? await parseJsonInTurns(bytes) : await parseForm(bytes, type);
    return { value, isForm, dispose: async () => {} };
  }
  const all = joined(first.chunks, chunks);
  const { senders, signal } = rules;
  return { ...(await large.read({ chunks: all, form: type, senders, signal })), isForm };
}

export function isMultipart(request: Request): boolean {
  return /^multipart\/form-data\b/i.test(request.headers.get('content-type') ?? '');
}

/** @throws UserError `body.too-large` as soon as that is known, `body.aborted` */
async function* chunksOf(request: Request, maxBytes: number): AsyncGenerator<Uint8Array, undefined> {
  const tooLarge = () => new UserError('body.too-large', `The body may have at most ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (!request.body) return;
  const reader = request.body.getReader();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenOff);
      if (done) return;
      size += value.length;
      if (size > maxBytes) throw tooLarge();
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Chunks until there are more bytes than these. */
async function upTo(bytes: number, chunks: AsyncGenerator<Uint8Array, undefined>) {
  const taken: Uint8Array[] = [];
  for (let size = 0; size <= bytes; ) {
    const { done, value } = await chunks.next();
    if (done) return { done: true, chunks: taken };
    taken.push(value);
    size += value.length;
  }
  return { done: false, chunks: taken };
}

async function* joined(first: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Let go one by one.
  for (let chunk = first.shift(); chunk; chunk = first.shift()) yield chunk;
  yield* rest;
}

function brokenOff(cause: unknown): never {
  throw new UserError('body.aborted', 'The body broke off before its end.', { cause });
}
