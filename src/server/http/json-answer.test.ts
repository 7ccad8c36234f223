import { expect, it, vi } from 'vitest';
import { jsonAnswer, jsonPieces } from './json-answer.ts';

const long = 'a \u{1f98a} "quoted" \\ \n \0 '.repeat(20_000);
const values: Record<string, unknown> = {
  'a long text': long,
  'a text of pairs, parted at every place': `a${'\u{1f98a}'.repeat(40_000)}`,
  'many jobs': {
    jobs: Array.from({ length: 1000 }, (_, id) => ({ id, prompt: 'a'.repeat(300), seed: null, more: [] })),
  },
  'what has no JSON': {
    a: [undefined, long, () => 1],
    b: undefined,
    c: () => 1,
    d: new Date(0),
    e: Number.NaN,
    f: long,
  },
  'nothing left': [{ a: undefined, b: () => long }, {}, [], long],
  'names that objects inherit': JSON.parse(`{"__proto__": {"a": "${'b'.repeat(200_000)}"}, "constructor": 1}`),
};

it.each(Object.entries(values))('writes %s as the runtime does', async (_, value) => {
  const text = JSON.stringify(value);
  expect(JSON.parse([...jsonPieces(value)].join(''))).toEqual(JSON.parse(text));
  const answer = await jsonAnswer(value, 201);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([201, 'application/json']);
  expect(await answer.json()).toEqual(JSON.parse(text));
});

it('writes no more than some at a time, in turns of the event loop', async () => {
  const value = { texts: Array(20).fill(long), one: long.repeat(10) };
  const written = vi.spyOn(JSON, 'stringify');
  let turns = 0;
  const tick = () => {
    turns++;
    next = setImmediate(tick);
  };
  let next = setImmediate(tick);
  const answer = await jsonAnswer(value, 200);
  clearImmediate(next);
  const longest = Math.max(...written.mock.results.map(({ value: text }) => (text as string).length));
  written.mockRestore();
  const whole = JSON.stringify(value).length;
  // Escapes are up to six times as long as what they stand for.
  expect(longest).toBeLessThan(6 * 2 ** 14);
  expect(turns).toBeGreaterThan(whole / (2 ** 17 + 6 * 2 ** 14) - 1);
  expect(Number(answer.headers.get('content-length'))).toBe((await answer.arrayBuffer()).byteLength);
});
