/**
 * JSON that anybody may send: bounded in values, names and depth before or while anything is made of it. What is made
 * can be told as text by whoever refuses it.
 */

import { randomInt } from 'node:crypto';
import { UserError } from '#core/errors';
import { nextTurn } from '../events/next-turn.ts';
import { wellFormed } from './well-formed.ts';

/** Levels of arrays and objects; what walks a value by recursion is safe below. */
const deepestJson = 100;
/** Values of a body; a thousand jobs with all their fields have half as many. */
const mostValues = 100_000;
/** Different names of fields: each one that is new costs many times one that is known. */
const mostNames = 2000;

/** The value, or undefined for an empty body. @throws UserError `body.json`, `body.names`, `body.too-deep`, `body.too-many` */
export function parseJson(bytes: Uint8Array): unknown {
  const steps = parsing(bytes);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in several turns of the event loop, so that others come in between. @throws as parseJson */
export async function parseJsonInTurns(bytes: Uint8Array): Promise<unknown> {
  if (bytes.length < inOneTurn) return parseJson(bytes);
  const steps = parsing(bytes);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await nextTurn();
  }
}

/** Bytes that are read in a few milliseconds. */
const inOneTurn = 64 * 1024;

function* parsing(bytes: Uint8Array): Generator<void, unknown> {
  if (bytes.length === 0) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasMoreValuesThan(mostValues, buffer))
    throw new UserError('body.too-many', `The body may have ${mostValues} values; send it in parts.`);
  yield;
  if (hasMoreNamesThan(mostNames, buffer))
    throw new UserError('body.too-many', `The body may have ${mostNames} different names of fields; send it in parts.`);
  yield;
  const value = parsed(yield* decoding(bytes));
  yield;
  checkContainers(value);
  yield;
  return mayHaveHalves(buffer) ? wellFormed(value) : value;
}

/** Every value but the first follows one of these, so that there are no more values than they; texts may have some too. */
const separators = [',', '[', '{'] as const;

/** Counted by the runtime's own search, before anything is made of them. */
function hasMoreValuesThan(most: number, buffer: Buffer): boolean {
  let count = 0;
  for (const separator of separators) {
    for (let at = buffer.indexOf(separator); at >= 0; at = buffer.indexOf(separator, at + 1)) {
      if (++count > most) return true;
    }
  }
  return false;
}

/** A name stands in quotes before a colon; texts with colons may count too. Looks at no byte more than a few times. */
function hasMoreNamesThan(most: number, buffer: Buffer): boolean {
  const hashes = new Set<number>();
  let from = 0;
  for (let at = buffer.indexOf(colon); at >= 0; at = buffer.indexOf(colon, at + 1)) {
    let end = at - 1;
    while (end > from && isSpace(buffer[end]!)) end--;
    if (buffer[end] !== quote) continue;
    hashes.add(hashBackwards(buffer, end - 1, from));
    if (hashes.size > most) return true;
    from = at + 1;
  }
  return false;
}

const colon = 0x3a;
const quote = 0x22;
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
/** Nobody outside knows it, so that nobody can choose names that fall together. */
const hashStart = randomInt(2 ** 32);

/** FNV-1a of what stands before `at`, to a quote or to `from`. */
function hashBackwards(buffer: Buffer, at: number, from: number): number {
  let hash = hashStart;
  for (let i = at; i >= from && buffer[i] !== quote; i--) hash = Math.imul(hash ^ buffer[i]!, 0x0100_0193);
  return hash;
}

/** UTF-8 has no halves of surrogate pairs: they come as escapes. */
const mayHaveHalves = (buffer: Buffer): boolean => buffer.includes('\\ud') || buffer.includes('\\uD');

/** Letters beyond Latin take six milliseconds a mebibyte. */
const decodedAtOnce = 2 ** 19;

function* decoding(bytes: Uint8Array): Generator<void, string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for (let at = 0; at < bytes.length; at += decodedAtOnce) {
      const stream = at + decodedAtOnce < bytes.length;
      text += decoder.decode(bytes.subarray(at, at + decodedAtOnce), { stream });
      yield;
    }
  } catch (cause) {
    throw new UserError('body.json', 'The body is no JSON: it is no UTF-8 text', { cause });
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new UserError('body.json', `The body is no JSON: ${(cause as SyntaxError).message}`, { cause });
  }
}

/** An object with one of these of its own cannot be turned into a text: the attempt throws, wherever it is made. */
const waysToText = ['toString', 'valueOf', 'toJSON'] as const;

function checkContainers(value: unknown): void {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === deepestJson)
      throw new UserError('body.too-deep', `The body may nest ${deepestJson} levels of arrays and objects.`);
    const name = waysToText.find((each) => level.some((container) => Object.hasOwn(container, each)));
    if (name !== undefined) throw new UserError('body.names', `No field is called ${name}.`);
    if (level.some((container) => !Object.keys(container).every((key) => key.isWellFormed())))
      throw new UserError('body.names', 'No name of a field has half of a surrogate pair.');
    level = level.flatMap((container) => Object.values(container).filter(isContainer));
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;
