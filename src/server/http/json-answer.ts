/**
 * JSON answers. A long one is written some at a time, so that others come in between: a picture's texts, a thousand
 * jobs or pictures as base64 are megabytes, which would hold the event loop for as long as it takes to write them all.
 */

import { nextTurn } from '#studio/events/next-turn';
import { weightOf } from '#studio/events/weight';

/** Characters that are written in a millisecond or two. */
const inOneTurn = 2 ** 17;
/** Written by the runtime's own writer in one go. */
const light = 2 ** 14;

export async function jsonAnswer(value: unknown, status: number): Promise<Response> {
  if (weightOf(value, inOneTurn) <= inOneTurn) return Response.json(value, { status });
  const chunks = await chunksOf(value);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const headers = { 'content-type': 'application/json', 'content-length': String(length) };
  return new Response(streamOf(chunks), { status, headers });
}

async function chunksOf(value: unknown): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let text = '';
  const encoder = new TextEncoder();
  for (const piece of jsonPieces(value)) {
    text += piece;
    if (text.length < inOneTurn) continue;
    chunks.push(encoder.encode(text));
    text = '';
    await nextTurn();
  }
  return [...chunks, encoder.encode(text)];
}

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await nextTurn();
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

/**
 * What `JSON.stringify` makes of a value, in pieces of at most some ten thousand characters before they are escaped.
 * @internal For tests.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  if (typeof value === 'string') yield* piecesOfText(value);
  else if (typeof value !== 'object' || value === null || 'toJSON' in value || weightOf(value, light) <= light)
    yield JSON.stringify(value) ?? 'null';
  else if (Array.isArray(value)) yield* piecesOfList(value);
  else yield* piecesOfObject(value);
}

function* piecesOfList(list: readonly unknown[]): Generator<string> {
  yield '[';
  for (const [i, each] of list.entries()) {
    if (i > 0) yield ',';
    yield* jsonPieces(each);
  }
  yield ']';
}

function* piecesOfObject(value: object): Generator<string> {
  let before = '{';
  for (const [name, each] of Object.entries(value)) {
    if (each === undefined || typeof each === 'function' || typeof each === 'symbol') continue;
    yield `${before}${JSON.stringify(name)}:`;
    yield* jsonPieces(each);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

/** A pair of surrogates that is parted becomes two escapes, which are read as the pair. */
function* piecesOfText(text: string): Generator<string> {
  yield '"';
  for (let at = 0; at < text.length; at += light) yield JSON.stringify(text.slice(at, at + light)).slice(1, -1);
  yield '"';
}
