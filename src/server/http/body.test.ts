import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseJson } from '#studio/reader/bounded-json';
import { LargeBodies, type UploadedFile } from '#studio/reader/large-bodies';
import { wellFormed } from '#studio/reader/well-formed';
import { type BodyRules, readBody } from './body.ts';
import type { MultipartBody } from './route.ts';

let folder: string;
let bodies: LargeBodies;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-body-'));
  bodies = new LargeBodies(folder);
});
afterEach(() => {
  bodies.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const rules: BodyRules = {
  maxBytes: 8 * 2 ** 20,
  takesForms: true,
  senders: ['account ann', 'address ::1'],
  signal: new AbortController().signal,
};

function post(body: string | FormData, headers: Record<string, string> = {}): Request {
  return new Request('http://localhost', { method: 'POST', body, headers });
}

const nested = (levels: number) =>
  new TextEncoder().encode(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`);

it('takes values as deep as any client nests them, and no deeper', () => {
  expect(parseJson(nested(100))).toEqual(JSON.parse(new TextDecoder().decode(nested(100))));
  expect(() => parseJson(nested(102))).toThrow('may nest 100 levels');
  expect(() => parseJson(nested(90_000))).toThrow('may nest 100 levels');
});

it.each(['toString', 'valueOf', 'toJSON'])('takes no field called %s, which no text could tell of', (name) => {
  const body = new TextEncoder().encode(JSON.stringify({ a: [{ [name]: 1 }] }));
  expect(() => parseJson(body)).toThrow(`No field is called ${name}.`);
});

it('puts halves of surrogate pairs right where they come in, as whatever is drawn from them has it', () => {
  const body = (text: string) => new TextEncoder().encode(text);
  const given = parseJson(
    body('{"a":["\\ud800x\\uDC00",{"b":"\\uD83E\\uDD8A \\\\ud800"}],"__proto__":{"c":"\\udfff"}}'),
  );
  expect(JSON.stringify(given)).toBe('{"a":["\ufffdx\ufffd",{"b":"\u{1f98a} \\\\ud800"}],"__proto__":{"c":"\ufffd"}}');
  expect(() => parseJson(body('{"a":{"\\ud800":1}}'))).toThrow('half of a surrogate pair');
  expect(wellFormed({ texts: ['\ud800'], bytes: new Uint8Array(2), none: undefined })).toEqual({
    texts: ['\ufffd'],
    bytes: new Uint8Array(2),
    none: undefined,
  });
});

it.each(['{', '[1,]', 'nothing'])('says what is wrong with %s', (text) => {
  expect(() => parseJson(new TextEncoder().encode(text))).toThrow(/^The body is no JSON: /);
});

it('bounds how many values, names and parts there may be', async () => {
  const list = (count: number) => new TextEncoder().encode(`[${'1,'.repeat(count)}1]`);
  expect(parseJson(list(90_000))).toHaveLength(90_001);
  expect(() => parseJson(list(1_000_000))).toThrow('may have 100000 values');
  const names = (count: number, colon: string) =>
    new TextEncoder().encode(`{${Array.from({ length: count }, (_, i) => `"a:${i}"${colon}1`).join(',')}}`);
  expect(Object.keys(parseJson(names(1900, ':')) as object)).toHaveLength(1900);
  for (const colon of [':', ' : ', '\n:']) expect(() => parseJson(names(2100, colon))).toThrow('2000 different names');
  // The same names again and again cost little.
  const same = new TextEncoder().encode(`[${'{"a":1,"b":2},'.repeat(20_000)}{}]`);
  expect(parseJson(same)).toHaveLength(20_001);
  const form = new FormData();
  for (let i = 0; i < 40_000; i++) form.append('prompt', 'x');
  await expect(readBody(post(form), rules, bodies)).rejects.toThrow('1000 fields and files');
  const small = new FormData();
  for (let i = 0; i < 900; i++) small.append('prompt', String(i));
  const { value } = await readBody(post(small), rules, bodies);
  expect((value as MultipartBody).fields.get('prompt')).toHaveLength(900);
});

const picture = Buffer.alloc(1_500_000, 'a picture ');

it('leaves pictures of a large body in files for as long as the request lasts', async () => {
  const base64 = picture.toString('base64');
  const given = { prompt: 'a fox', init: base64, list: [`data:image/png;base64,${base64}`], steps: 3 };
  const body = await readBody(post(JSON.stringify(given)), rules, bodies);
  const { init, list, ...rest } = body.value as typeof given;
  expect(rest).toEqual({ prompt: 'a fox', steps: 3 });
  for (const token of [init, list[0]!]) {
    // Longer than any text that a field takes: it cannot pass for a prompt.
    expect(token.length).toBeGreaterThan(100_000);
    expect(readFileSync(bodies.pictureOf(token)!.file).equals(picture)).toBe(true);
  }
  expect(bodies.pictureOf(`${init.slice(0, 20)}${init.slice(21)}`)).toBeUndefined();
  await body.dispose();
  expect(bodies.pictureOf(init)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

it('reads a large form in the same way', async () => {
  const form = new FormData();
  form.append('prompt', 'a fox');
  form.append('init', new Blob([picture]), 'a.png');
  const { value, isForm, dispose } = await readBody(post(form), rules, bodies);
  const { fields, files } = value as MultipartBody;
  expect(isForm).toBe(true);
  expect(Object.fromEntries(fields)).toEqual({ prompt: ['a fox'] });
  const [file] = files.get('init') ?? [];
  expect(readFileSync((file as UploadedFile).file).equals(picture)).toBe(true);
  await dispose();
  expect(readdirSync(folder)).toEqual([]);
});

it.each([
  ['a long text that is no picture', `{"prompt":"${'a b '.repeat(500_000)}"}`, 'body.too-long'],
  ['brackets', '['.repeat(2_000_000), 'body.too-many'],
  ['no JSON', 'x'.repeat(2_000_000), 'body.json'],
  ['more than may come', 'x'.repeat(9_000_000), 'body.too-large'],
  ['much besides pictures', `["${`${'a b '.repeat(30_000)}","`.repeat(50)}"]`, 'body.too-large'],
])('refuses %s and leaves nothing behind', async (_, text, code) => {
  await expect(readBody(post(text), rules, bodies)).rejects.toMatchObject({ code });
  expect(readdirSync(folder)).toEqual([]);
});

it('gives an account no more than its share of large requests at once', async () => {
  const text = JSON.stringify({ init: picture.toString('base64') });
  const open = await Promise.all(Array.from({ length: 16 }, async () => await readBody(post(text), rules, bodies)));
  await expect(readBody(post(text), rules, bodies)).rejects.toMatchObject({ code: 'body.busy' });
  const other = { ...rules, senders: ['account bob', 'address ::2'] };
  open.push(await readBody(post(text), other, bodies));
  for (const body of open) await body.dispose();
  await (await readBody(post(text), rules, bodies)).dispose();
  expect(readdirSync(folder)).toEqual([]);
});
