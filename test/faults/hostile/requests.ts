/** Bodies, forms, lists and texts that are long work for a server which takes them as they come. */

import { gzipSync } from 'node:zlib';
import type { Question } from '../http-client.ts';
import { hostileLists } from './lists.ts';
import { hostileTexts } from './texts.ts';

const mebibyte = 2 ** 20;
const json = { 'content-type': 'application/json' };

export interface HostileRequest extends Question {
  readonly name: string;
}

/** Where bodies go that may be large, and one where they may not. */
const doors = ['/api/v1/jobs', '/sdapi/v1/img2img', '/v1/images/generations', '/api/v1/images/trash'] as const;

/** Made one at a time, since some are large. */
export function* hostileRequests(): Generator<HostileRequest> {
  yield* bodies();
  yield* forms();
  yield* prompts();
  yield* textsElsewhere();
  yield* lists();
  yield* hostileLists();
  yield* queries();
  yield* heads();
}

function* bodies(): Generator<HostileRequest> {
  const huge = 120 * mebibyte;
  const small: Record<string, () => string | Uint8Array> = {
    '500,000 nested lists': () => '['.repeat(500_000),
    '500,000 nested objects': () => '{"a":'.repeat(180_000),
    'nested and closed lists': () => '['.repeat(400_000) + ']'.repeat(400_000),
    'a list of 400,000 zeros': () => `[${'0,'.repeat(400_000)}0]`,
    'an object of 90,000 names': () => `{${names(90_000)}}`,
    'one name 100,000 times': () => `{${'"a":1,'.repeat(99_000)}"a":1}`,
    'a number of a million digits': () => `{"seed":${'9'.repeat(1_000_000)}}`,
    'a text of escapes': () => `{"prompt":"${'\\u0000'.repeat(170_000)}"}`,
    'a text of quotes': () => `{"prompt":"${'\\"'.repeat(500_000)}"}`,
    'a text of backslashes': () => `{"prompt":"${'\\\\'.repeat(260_000)}"}`,
    'separators in texts': () => `{"prompt":"${',[{'.repeat(300_000)}"}`,
    'a list of empty objects': () => `[${'{},'.repeat(99_000)}{}]`,
    'no UTF-8': () => Buffer.alloc(1_000_000, 0xff),
  };
  for (const path of doors) {
    for (const [name, make] of Object.entries(small)) {
      yield {
        name: `${path}: ${name}`,
        method: 'POST',
        path,
        headers: json,
        get body() {
          return make();
        },
      };
    }
  }
  const large: Record<string, () => string | Uint8Array> = {
    '120 MiB of base64': () => `{"prompt":"a","init":"${'A'.repeat(huge)}"}`,
    '120 MiB of base64 with line breaks': () => `{"init_images":["${`${'A'.repeat(76)}\\n`.repeat(huge / 78)}"]}`,
    '120 MiB of a prompt': () => `{"prompt":"${'a b '.repeat(huge / 4)}"}`,
    '120 MiB of spaces': () => Buffer.alloc(huge, ' '),
    '120 MiB of digits': () => Buffer.alloc(huge, '7'),
    '120 MiB of brackets': () => Buffer.alloc(huge, '['),
    '120 MiB of zeros in a list': () => `[${'0,'.repeat(huge / 2)}0]`,
    '120 MiB of escapes': () => `{"prompt":"${'\\u0041'.repeat(huge / 6)}"}`,
    '120 MiB that is no UTF-8': () =>
      Buffer.concat([Buffer.from('{"prompt":"'), Buffer.alloc(huge, 0xc3), Buffer.from('"}')]),
    '120 MiB of texts of 60 kB': () => `{"init_images":[${`"${'A'.repeat(60_000)}",`.repeat(huge / 60_010)}"A"]}`,
    '130 MiB': () => Buffer.alloc(130 * mebibyte, ' '),
    '100 pictures of a mebibyte': () => `{"init_images":[${`"${'A'.repeat(mebibyte)}",`.repeat(100)}"A"]}`,
  };
  for (const path of doors.slice(0, 3)) {
    for (const [name, make] of Object.entries(large)) {
      yield {
        name: `${path}: ${name}`,
        method: 'POST',
        path,
        headers: json,
        get body() {
          return make();
        },
      };
    }
  }
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":${i}`).join(',');

function* forms(): Generator<HostileRequest> {
  const headers = { 'content-type': 'multipart/form-data; boundary=edge' };
  const part = (head: string, content: string) =>
    `--edge\r\ncontent-disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
  const end = '--edge--\r\n';
  const shapes: Record<string, () => string | Uint8Array> = {
    '40,000 fields of one name': () => part('name="a"', 'x').repeat(40_000) + end,
    '40,000 files of one name': () => part('name="image[]"; filename="a"', 'x').repeat(40_000) + end,
    '900 fields': () => part('name="prompt"', 'x').repeat(900) + end,
    '900 files': () => part('name="image[]"; filename="a"', 'x').repeat(900) + end,
    'a file of 100 MiB': () => part('name="init"; filename="a"', 'x'.repeat(100 * mebibyte)) + end,
    'a field of 100 MiB': () => part('name="prompt"', 'x'.repeat(100 * mebibyte)) + end,
    'a request of 100 MiB of brackets': () => part('name="request"', '['.repeat(100 * mebibyte)) + end,
    'nearly the edge, 4 million times': () => part('name="prompt"', '\r\n--edg'.repeat(4_000_000)) + end,
    'the edge without dashes, a million times': () => '--edge\r\n'.repeat(1_000_000),
    'no end': () => part('name="prompt"', 'x'.repeat(5 * mebibyte)).slice(0, -2),
    'a header of 5 MiB': () => part(`name="${'n'.repeat(5 * mebibyte)}"`, 'x') + end,
    'a million header lines': () => `--edge\r\n${'a: b\r\n'.repeat(1_000_000)}\r\nx\r\n${end}`,
    'quotes in a header': () => part(`name="${'\\"'.repeat(500_000)}"`, 'x') + end,
    'line breaks alone': () => '\r\n'.repeat(5_000_000),
  };
  for (const path of ['/api/v1/jobs', '/v1/images/edits']) {
    for (const [name, make] of Object.entries(shapes)) {
      yield {
        name: `${path}: ${name}`,
        method: 'POST',
        path,
        headers,
        get body() {
          return make();
        },
      };
    }
  }
}

function* prompts(): Generator<HostileRequest> {
  for (const [name, text] of Object.entries(hostileTexts(99_000))) {
    const native = { prompt: text, negativePrompt: text, steps: 1 };
    yield { name: `a prompt: ${name}`, method: 'POST', path: '/api/v1/jobs', body: native };
    const a1111 = { prompt: text, negative_prompt: text, steps: 1 };
    yield { name: `A1111's prompt: ${name}`, method: 'POST', path: '/sdapi/v1/txt2img', body: a1111 };
    const fields = { infotext: text.slice(0, 400_000), prompt: '', steps: 1 };
    yield { name: `an infotext: ${name}`, method: 'POST', path: '/sdapi/v1/txt2img', body: fields };
  }
  const long = { prompt: 'a '.repeat(49_000), negativePrompt: 'b '.repeat(49_000), steps: 1 };
  yield {
    name: '400 jobs of long prompts',
    method: 'POST',
    path: '/api/v1/jobs/batch',
    body: { jobs: Array(400).fill(long) },
  };
}

/** The same texts by every other door that takes one. */
function* textsElsewhere(): Generator<HostileRequest> {
  const at = '/api/v1';
  const doors: Record<string, (text: string) => Omit<HostileRequest, 'name'>> = {
    'a prompt to measure': (text) => ({
      method: 'POST',
      path: `${at}/prompts/measure`,
      body: { text: text.slice(0, 20_000) },
    }),
    'parameters to read': (text) => ({ method: 'POST', path: `${at}/parameters/read`, body: { text } }),
    'a style to keep': (text) => ({
      method: 'PUT',
      path: `${at}/styles/hostile`,
      body: { prompt: text.slice(0, 99_000), negativePrompt: text.slice(0, 99_000) },
    }),
    'a style that is asked for': (text) => ({
      method: 'POST',
      path: `${at}/jobs`,
      body: { prompt: text.slice(0, 50_000), styles: ['hostile'], steps: 1 },
    }),
    'a sheet of styles': (text) => ({ method: 'POST', path: `${at}/styles/import`, body: { sheet: text } }),
    'lines of prompts': (text) => ({ method: 'POST', path: `${at}/series/prompts`, body: { lines: text, steps: 1 } }),
    'parts of a matrix': (text) => ({ method: 'POST', path: `${at}/series/matrix`, body: { prompt: text, steps: 1 } }),
    'values of a plot': (text) => ({
      method: 'POST',
      path: `${at}/series/plot`,
      body: { prompt: 'a', x: 'prompt', xValues: text.slice(0, 99_000), steps: 1 },
    }),
    'a data set': (text) => ({ method: 'POST', path: `${at}/datasets`, body: { name: text.slice(0, 300) } }),
    "a prompt of OpenAI's": (text) => ({
      method: 'POST',
      path: '/v1/images/generations',
      body: { prompt: text.slice(0, 99_000) },
    }),
  };
  for (const [name, text] of Object.entries(hostileTexts(300_000)))
    for (const [door, ask] of Object.entries(doors)) yield { name: `texts: ${door}: ${name}`, ...ask(text) };
  yield { name: 'texts: no style any more', method: 'DELETE', path: `${at}/styles/hostile` };
}

function* lists(): Generator<HostileRequest> {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i.toString(36).padStart(16, 'a'));
  for (const path of [
    '/api/v1/images/trash',
    '/api/v1/images/restore',
    '/api/v1/images/purge',
    '/api/v1/boards/aaaaaaaaaaaaaaaa/add',
  ]) {
    yield { name: `${path}: 1,000 unknown pictures`, method: 'POST', path, body: { ids: ids(1000) } };
    yield { name: `${path}: 50,000 unknown pictures`, method: 'POST', path, body: { ids: ids(50_000) } };
  }
  const names = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`option_${i}`, i]));
  yield {
    name: 'overrides of 30,000 names',
    method: 'POST',
    path: '/sdapi/v1/txt2img',
    body: { override_settings: names, steps: 1 },
  };
  yield { name: '30,000 options', method: 'POST', path: '/sdapi/v1/options', body: names };
  yield { name: '30,000 unknown fields', method: 'POST', path: '/sdapi/v1/txt2img', body: { ...names, steps: 1 } };
  yield {
    name: '90,000 styles',
    method: 'POST',
    path: '/sdapi/v1/txt2img',
    body: { styles: Array(90_000).fill('a'), steps: 1 },
  };
  yield {
    name: '90,000 script arguments',
    method: 'POST',
    path: '/sdapi/v1/txt2img',
    body: { script_args: Array(90_000).fill(0), steps: 1 },
  };
  yield {
    name: '10,000 scripts',
    method: 'POST',
    path: '/sdapi/v1/txt2img',
    body: {
      alwayson_scripts: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`s${i}`, { args: [i] }])),
      steps: 1,
    },
  };
  yield {
    name: '1,000 small jobs',
    method: 'POST',
    path: '/api/v1/jobs/batch',
    body: { jobs: Array(1000).fill({ prompt: 'a', steps: 1 }) },
  };
  const long = { prompt: '\u3042'.repeat(99_000), negativePrompt: 'b'.repeat(99_000), steps: 1 };
  for (let i = 0; i < 12; i++) {
    yield {
      name: `12 jobs of long prompts, ${i + 1} of 12 times`,
      method: 'POST',
      path: '/api/v1/jobs/batch',
      body: { jobs: Array(12).fill(long) },
    };
  }
  for (const path of ['/api/v1/queue/cancel', '/api/v1/queue/retry', '/api/v1/queue/clear']) {
    yield { name: `${path}: all of them`, method: 'POST', path, body: {} };
  }
  yield {
    name: '64 pictures at once',
    method: 'POST',
    path: '/sdapi/v1/txt2img',
    body: { prompt: 'a', steps: 1, n_iter: 64, width: 1024, height: 1024 },
  };
}

/** What stands before a body, and bodies that say they are something else. */
function* heads(): Generator<HostileRequest> {
  const many = (count: number, name: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}-${i}`, 'a']));
  const heads: Record<string, Record<string, string>> = {
    '1,500 headers': many(1500, 'x-a'),
    'a header of 15 kB': { 'x-a': 'a'.repeat(15_000) },
    '3,000 cookies': { cookie: 'a=b; '.repeat(3000) },
    'a cookie of separators': { cookie: ';=,'.repeat(4000) },
    'a token of 15 kB': { authorization: `Bearer ${'a'.repeat(15_000)}` },
    'a name and password of 12 kB': { authorization: `Basic ${Buffer.alloc(9000, 'a:').toString('base64')}` },
    'a last event that none had': { 'last-event-id': '9'.repeat(15_000) },
    'ranges without end': { range: `bytes=${'0-,'.repeat(4000)}` },
    'languages and types without end': { accept: '*/*,'.repeat(3000), 'accept-language': 'a,'.repeat(2000) },
    'hosts forwarded without end': { 'x-forwarded-for': '1.1.1.1,'.repeat(1800), forwarded: 'for=a;'.repeat(100) },
  };
  for (const [name, headers] of Object.entries(heads))
    yield { name: `heads: ${name}`, method: 'GET', path: '/api/v1/jobs', headers };
  const packed = gzipSync(Buffer.alloc(200 * mebibyte, ' '), { level: 9 });
  for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip']) {
    const headers = { ...json, 'content-encoding': encoding };
    yield { name: `heads: 200 MiB packed as ${encoding}`, method: 'POST', path: '/api/v1/jobs', headers, body: packed };
  }
  const types = [
    'application/x-www-form-urlencoded',
    'text/xml',
    'multipart/form-data',
    `application/${'a'.repeat(9000)}`,
  ];
  for (const type of types) {
    const headers = { 'content-type': type };
    const body = 'prompt=a&'.repeat(100_000);
    yield { name: `heads: a body of ${type.slice(0, 40)}`, method: 'POST', path: '/api/v1/jobs', headers, body };
  }
}

function* queries(): Generator<HostileRequest> {
  const get = (name: string, path: string): HostileRequest => ({ name, method: 'GET', path });
  yield get('all jobs at once', '/api/v1/jobs?limit=1000');
  yield get('the line at once', '/api/v1/queue/line?limit=1000');
  yield get('all events again', '/api/v1/events?after=0');
  yield get('all pictures at once', '/api/v1/images?limit=500');
  yield get('a search of 200 words', `/api/v1/images?text=${'a+'.repeat(200)}`);
  yield get('a search of 200 words without', `/api/v1/images?text=${'-a+'.repeat(160)}`);
  yield get('a search of phrases', `/api/v1/images?text=${'%22a+b%22'.repeat(50)}`);
  yield get('a search of marks', `/api/v1/images?text=${'%25_%E3%81%82'.repeat(100)}`);
  yield get('a search of one sign', `/api/v1/images?text=${'%E3%81%82+'.repeat(50)}`);
  yield get('a search of operators', `/api/v1/images?text=${'NEAR(+OR+AND+NOT+'.repeat(80)}`);
  yield get('a search of stars and quotes', `/api/v1/images?text=${'*+%22+a*+^a+{a}:+'.repeat(60)}`);
  yield get(
    'a cursor of 12 kB',
    `/api/v1/images?cursor=${Buffer.from(`[${'1,'.repeat(4000)}1]`).toString('base64url')}`,
  );
  yield get('a cursor of brackets', `/api/v1/jobs?cursor=${Buffer.from('['.repeat(8000)).toString('base64url')}`);
  yield get('a cursor of a text for a time', `/api/v1/images?cursor=${Buffer.from('["a","b"]').toString('base64url')}`);
  for (const id of [
    '%00',
    '..%2f..%2fetc%2fpasswd',
    'a'.repeat(12_000),
    '%F0%9F%A6%8A',
    '%ED%A0%80',
    '__proto__',
    "'--",
  ]) {
    yield get(`an id of ${id.slice(0, 20)}`, `/api/v1/images/${id}`);
    yield get(`a job of ${id.slice(0, 20)}`, `/api/v1/jobs/${id}`);
    yield get(`a model of ${id.slice(0, 20)}`, `/api/v1/models/${id}/metadata`);
  }
  yield get('2,000 parameters', `/api/v1/jobs?${'state=done&'.repeat(1200)}`);
  yield get('a query of signs', `/api/v1/jobs?${'%'.repeat(12_000)}`);
  yield get('a path of slashes', `/${'/'.repeat(12_000)}`);
  yield get('a path of dots', `/${'../'.repeat(4000)}`);
  yield get('the description', '/api/openapi.json');
  yield get('the page of the description', '/api');
  yield get('all models', '/api/v1/models');
  yield get("A1111's models", '/sdapi/v1/sd-models');
  yield get("A1111's adapters", '/sdapi/v1/loras');
  yield get('the choices', '/api/v1/families');
  yield get('the metrics', '/metrics');
}
