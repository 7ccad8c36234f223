import { expect, it } from 'vitest';
import { parseJson } from './body.ts';

const nested = (levels: number) =>
  new TextEncoder().encode(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`);

it('takes values as deep as any client nests them, and no deeper', () => {
  expect(parseJson(nested(100))).toEqual(JSON.parse(new TextDecoder().decode(nested(100))));
  expect(() => parseJson(nested(102))).toThrow('may nest 100 levels');
  expect(() => parseJson(nested(200_000))).toThrow('may nest 100 levels');
});

it.each(['{', '[1,]', 'nothing'])('says what is wrong with %s', (text) => {
  expect(() => parseJson(new TextEncoder().encode(text))).toThrow(/^The body is no JSON: /);
});
