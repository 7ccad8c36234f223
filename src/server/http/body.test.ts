import { expect, it } from 'vitest';
import { parseJson, readMultipart } from './body.ts';

const nested = (levels: number) =>
  new TextEncoder().encode(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`);

it('takes values as deep as any client nests them, and no deeper', () => {
  expect(parseJson(nested(100))).toEqual(JSON.parse(new TextDecoder().decode(nested(100))));
  expect(() => parseJson(nested(102))).toThrow('may nest 100 levels');
  expect(() => parseJson(nested(90_000))).toThrow('may nest 100 levels');
});

it.each(['{', '[1,]', 'nothing'])('says what is wrong with %s', (text) => {
  expect(() => parseJson(new TextEncoder().encode(text))).toThrow(/^The body is no JSON: /);
});

it('bounds how many values and parts there may be', async () => {
  const list = (count: number) => new TextEncoder().encode(`[${'1,'.repeat(count)}1]`);
  expect(parseJson(list(90_000))).toHaveLength(90_001);
  expect(() => parseJson(list(1_000_000))).toThrow('may have 100000 values');
  const form = new FormData();
  for (let i = 0; i < 40_000; i++) form.append('prompt', 'x');
  const request = new Request('http://localhost', { method: 'POST', body: form });
  await expect(readMultipart(request)).rejects.toThrow('1000 fields and files');
  const small = new FormData();
  for (let i = 0; i < 900; i++) small.append('prompt', String(i));
  const { fields } = await readMultipart(new Request('http://localhost', { method: 'POST', body: small }));
  expect(fields.get('prompt')).toHaveLength(900);
});
