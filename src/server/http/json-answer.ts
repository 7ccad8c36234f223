/**
 * JSON answers. A long one is written some at a time, so that others come in between: a picture's texts, a thousand
 * jobs or pictures as base64 are megabytes, which would hold the event loop for as long as it takes to write them all.
 */

import { inTurns, nextTurn } from '#studio/events/next-turn';
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
  for await (const piece of inTurns(jsonPieces(value), Number.POSITIVE_INFINITY)) {
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
  let before = '[';
  for (const some of lightRuns(list)) {
    yield before;
    if (some.length === 1) yield* jsonPieces(some[0]);
    else yield JSON.stringify(some).slice(1, -1);
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}

function* piecesOfObject(value: object): Generator<string> {
  let before = '{';
  const fields = Object.entries(value).filter(([, each]) => !withoutJson.has(typeof each));
  for (const some of lightRuns(fields)) {
    yield before;
    if (some.length === 1) {
      yield `${JSON.stringify(some[0]![0])}:`;
      yield* jsonPieces(some[0]![1]);
    } else yield JSON.stringify(Object.fromEntries(some)).slice(1, -1);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

const withoutJson: ReadonlySet<string> = new Set(['undefined', 'function', 'symbol']);

/** Neighbours that are written together; what is not light is by itself. */
function* lightRuns<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  let from = 0;
  let weight = 0;
  for (const [at, item] of items.entries()) {
    const more = weightOf(item, light);
    if (at > from && weight + more > light) {
      yield items.slice(from, at);
      from = at;
      weight = 0;
    }
    weight += more;
  }
  if (from < items.length) yield items.slice(from);
}

/** A pair of surrogates that is parted becomes two escapes, which are read as the pair. */
function* piecesOfText(text: string): Generator<string> {
  yield '"';
  for (let at = 0; at < text.length; at += light) yield JSON.stringify(text.slice(at, at + light)).slice(1, -1);
  yield '"';
}
