/**
 * Malformed requests from an OpenAPI document: a request that would fit, and then one thing wrong with it. Values that
 * may happen to fit are small, so that no accepted request asks for hours of work.
 */

import type { Question } from './http-client.ts';
import type { Random } from './random.ts';

type Json = Record<string, unknown>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Json;
}

export interface Operation {
  readonly method: string;
  /** With placeholders. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Json | undefined;
  readonly multipart: boolean;
}

/** Everything a document describes. */
export function operationsOf(document: Json): Operation[] {
  return Object.entries(document.paths as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const content = ((operation.requestBody as Json | undefined)?.content ?? {}) as Record<string, { schema: Json }>;
      return {
        method: method.toUpperCase(),
        path,
        parameters: (operation.parameters ?? []) as Parameter[],
        body: content['application/json']?.schema ?? content['multipart/form-data']?.schema,
        multipart: content['multipart/form-data'] !== undefined,
      };
    }),
  );
}

/** What was done to a request, for the report. */
export interface Malformed extends Question {
  readonly fault: string;
}

interface Draft {
  method: string;
  path: string;
  query: [string, string][];
  headers: Record<string, string | string[]>;
  body: unknown;
}

type Fault = (draft: Draft, operation: Operation, random: Random) => void;

const faults: Readonly<Record<string, Fault>> = {
  'wrong type': (draft, { body }, random) => alterField(draft, body, random, wrongValue(random)),
  'missing field': (draft, { body }, random) => {
    if (isRecord(draft.body)) delete draft.body[nameOf(draft.body, body, random)];
    else draft.body = undefined;
  },
  'unknown field': (draft, _operation, random) => {
    if (isRecord(draft.body)) draft.body = { ...draft.body, [oddText(random)]: wrongValue(random) };
    else draft.query.push([oddText(random), oddText(random)]);
  },
  'prototype keys': (draft, _operation, random) => {
    const key = random.pick(['__proto__', 'constructor', 'prototype']);
    const rest = isRecord(draft.body) ? JSON.stringify(draft.body).slice(1, -1) : '';
    draft.body = `{${rest}${rest === '' ? '' : ','}"${key}":{"role":"admin","isAdmin":true,"steps":1}}`;
    draft.headers['content-type'] = 'application/json';
  },
  'huge value': (draft, { body }, random) => alterField(draft, body, random, hugeValue(random)),
  'odd text': (draft, { body }, random) => alterField(draft, body, random, oddText(random)),
  'deep JSON': (draft, { body }, random) => {
    const depth = random.pick([200, 5000, 100_000]);
    const [open, close, core] = random.pick([
      ['[', ']', ''],
      ['{"a":', '}', '1'],
    ] as const);
    const deep = open.repeat(depth) + core + close.repeat(random.pick([depth, depth, 0]));
    const name = JSON.stringify(isRecord(draft.body) ? nameOf(draft.body, body, random) : 'a');
    draft.body = random.next() < 0.5 ? deep : `{${name}:${deep}}`;
    draft.headers['content-type'] = 'application/json';
  },
  'no JSON': (draft, _operation, random) => {
    draft.body = random.pick<string | Uint8Array>([
      '',
      '{',
      '{"prompt":"a"',
      'null',
      'true',
      '7',
      '"text"',
      '[]',
      'NaN',
      "{'prompt':'a'}",
      '\ufeff{}',
      '{"a":1}{"b":2}',
      '\0\0\0',
      new Uint8Array([0xff, 0xfe, 0x00, 0xd8, 0x80]),
      'a=b&c=d',
    ]);
    draft.headers['content-type'] = 'application/json';
  },
  'content type': (draft, _operation, random) => {
    draft.body = isRecord(draft.body) ? JSON.stringify(draft.body) : 'x';
    draft.headers['content-type'] = random.pick([
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'multipart/form-data; boundary="',
      'application/json; charset=utf-16',
      'image/png',
      ';',
      'a'.repeat(2000),
    ]);
  },
  'broken multipart': (draft, operation, random) => breakMultipart(draft, operation, random),
  query: (draft, { parameters }, random) => {
    const known = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    const name = known.length > 0 && random.next() < 0.8 ? random.pick(known) : oddText(random);
    const values = random.pick([1, 1, 1, 2, 200]);
    for (let i = 0; i < values; i++)
      draft.query.push([name, random.pick([oddText(random), '-1', '1e99', '[]', '{"a":'])]);
  },
  path: (draft, _operation, random) => {
    draft.path = random.pick([
      draft.path.replace(/[^/]+$/, () => oddSegment(random)),
      draft.path.replace(/\/[^/]+\//, () => `/${oddSegment(random)}/`),
      `${draft.path}/${oddSegment(random)}`,
      `/${oddSegment(random)}${draft.path}`,
      draft.path.replaceAll('/', '//'),
      `${draft.path}/..;/..;/settings`,
      `${draft.path}%`,
      draft.path.toUpperCase(),
    ]);
  },
  method: (draft, _operation, random) => {
    draft.method = random.pick([
      'GET',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'HEAD',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'PURGE',
    ]);
  },
  header: (draft, _operation, random) => {
    const [name, value] = random.pick<readonly [string, string | string[]]>([
      ['host', 'evil.example'],
      ['host', ''],
      ['host', '127.0.0.1:99999999'],
      ['host', '[::1'],
      ['origin', 'https://evil.example'],
      ['origin', 'null'],
      ['origin', 'not an origin'],
      ['sec-fetch-site', 'cross-site'],
      ['authorization', 'Basic ====='],
      ['authorization', `Bearer ${'x'.repeat(4000)}`],
      ['cookie', `darkroom_session=%E0%A4%A; ${'a=b; '.repeat(500)}`],
      ['x-request-id', '\u00e9'.repeat(50)],
      ['last-event-id', '99999999999999999999'],
      ['range', 'bytes=9-1,-,a-b'],
      ['if-none-match', '"'.repeat(100)],
      ['accept', '*/*;q=a, '.repeat(200)],
      ['content-encoding', 'gzip'],
      ['expect', '200-maybe'],
      ['x-forwarded-for', '127.0.0.1, ::1, %s%n'],
      ['upgrade', 'websocket'],
      ['x-many', Array.from({ length: 200 }, () => 'v')],
    ]);
    draft.headers[name] = value;
  },
};

export const faultNames: readonly string[] = Object.keys(faults);

export function malformed(operation: Operation, random: Random): Malformed {
  const draft: Draft = {
    method: operation.method,
    path: operation.path.replaceAll(/\{(\w+)\}/g, () => random.pick(['1', 'aaaaaaaaaaaaaaaa', 'init', 'local'])),
    query: [],
    headers: {},
    body: operation.body && fitting(operation.body, random),
  };
  const fault = random.pick(faultNames);
  faults[fault]!(draft, operation, random);
  const query = draft.query.map(([name, value]) => `${percent(name)}=${percent(value)}`).join('&');
  const path = wirePath(draft.path) + (query === '' ? '' : `?${query}`);
  return { fault, method: draft.method, path, headers: draft.headers, body: draft.body };
}

/** A small value that a JSON Schema takes, mostly without what may be left out. */
function fitting(schema: Json, random: Random): unknown {
  const options = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
  if (options) return fitting(random.pick(options), random);
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return random.pick(schema.enum as unknown[]);
  switch (schema.type) {
    case 'object': {
      const required = new Set((schema.required ?? []) as string[]);
      const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
      const chosen = properties.filter(([name]) => required.has(name) || random.next() < 0.15);
      return Object.fromEntries(chosen.map(([name, property]) => [name, fitting(property, random)]));
    }
    case 'array':
      return Array.from({ length: Math.max(1, Number(schema.minItems ?? 1)) }, () =>
        fitting((schema.items ?? {}) as Json, random),
      );
    case 'integer':
    case 'number':
      return Math.max(Number(schema.minimum ?? 1), 1);
    case 'boolean':
      return random.next() < 0.5;
    case 'null':
      return null;
    default:
      return random.pick(['a', 'a picture of a fox', 'none']);
  }
}

function wrongValue(random: Random): unknown {
  return random.pick<unknown>([
    null,
    true,
    -1,
    0,
    0.5,
    -1e308,
    2 ** 31,
    2 ** 53,
    '',
    'NaN',
    '-Infinity',
    [],
    [[]],
    [null, 1, 'a'],
    {},
    { a: { b: null } },
    { length: -1, toString: 1 },
    'data:image/png;base64,AAAA',
    'image:none',
    'http://127.0.0.1:9/x.png',
    'file:///etc/passwd',
  ]);
}

function hugeValue(random: Random): unknown {
  const size = random.pick([10_000, 200_000, 1_100_000]);
  return random.pick<() => unknown>([
    () => 'a'.repeat(size),
    () => '('.repeat(size),
    () => '\u{1f98a}'.repeat(size / 4),
    () => Array.from({ length: size / 4 }, (_, i) => i),
    () => Array.from({ length: size / 40 }, () => ({ a: 1 })),
    () => Object.fromEntries(Array.from({ length: size / 40 }, (_, i) => [`k${i}`, i])),
    () => 1e308,
    () => Number.MAX_SAFE_INTEGER,
  ])();
}

const oddTexts: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\udfff\ud800',
  '\u202egnp.exe',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  'e\u0301'.repeat(50),
  '\uffff\ufffe',
  '\r\nset-cookie: a=b',
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  'CON',
  "'; DROP TABLE jobs; --",
  '" OR ""="',
  '%s%n%x',
  '{{7*7}}#{7*7}',
  '<script>alert(1)</script>',
  '<lora:x:1>',
  '[a:b:nan]',
  '(a:1e999)',
  '\u001b[2J\u001b]0;x\u0007',
  '__proto__',
  '*',
  '-1',
  '9'.repeat(400),
];

function oddText(random: Random): string {
  return random.pick(oddTexts);
}

function oddSegment(random: Random): string {
  return random.pick([
    '..',
    '.',
    '..;',
    '%2e%2e',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '%252e%252e',
    '%c0%ae%c0%ae',
    '%00',
    '%ff',
    '%',
    '%u0041',
    'CON',
    '~',
    '*',
    ':id',
    '{id}',
    'a'.repeat(6000),
    encodeURIComponent('\u{1f98a}\u202e'),
    '%0d%0aset-cookie:%20a=b',
    '..%5c..%5c',
  ]);
}

function alterField(draft: Draft, schema: Json | undefined, random: Random, value: unknown): void {
  if (!isRecord(draft.body)) {
    draft.body = draft.method === 'GET' ? undefined : value;
    return;
  }
  const name = nameOf(draft.body, schema, random);
  draft.body = random.next() < 0.05 ? value : { ...draft.body, [name]: value };
}

function nameOf(body: Json, schema: Json | undefined, random: Random): string {
  const names = [...Object.keys(schema?.properties ?? {}), ...Object.keys(body)];
  return names.length === 0 ? 'a' : random.pick(names);
}

function breakMultipart(draft: Draft, { body }: Operation, random: Random): void {
  const name = isRecord(draft.body) ? nameOf(draft.body, body, random) : 'image';
  const part = (head: string, content: string) => `--edge\r\n${head}\r\n\r\n${content}\r\n`;
  const field = part(`content-disposition: form-data; name="${name}"`, 'x');
  const file = part(`content-disposition: form-data; name="${name}"; filename="../a.png"`, '\x89PNG\r\n\x1a\n');
  draft.headers['content-type'] = random.pick([
    'multipart/form-data; boundary=edge',
    'multipart/form-data; boundary=edge',
    'multipart/form-data; boundary=other',
    'multipart/form-data; boundary="edge',
    'Multipart/Form-Data; Boundary=edge; boundary=edge',
  ]);
  draft.body = random.pick([
    '',
    '--edge--\r\n',
    field,
    `${file}--edge--\r\n`,
    `${field}${file}--edge--\r\n`,
    `${file}${file}${file}--edge--\r\n`,
    `${field.slice(0, -9)}`,
    `${part('content-disposition: form-data', 'x')}--edge--\r\n`,
    `${part('content-type: text/plain', 'x')}--edge--\r\n`,
    `${part(`content-disposition: form-data; name="${'n'.repeat(20_000)}"`, 'x')}--edge--\r\n`,
    `${field.repeat(5000)}--edge--\r\n`,
    `${part('content-disposition: form-data; name="request"', '{')}--edge--\r\n`,
    `${part('content-disposition: form-data; name="__proto__"', '{"a":1}')}--edge--\r\n`,
    `--edge\n\n${field}--edge--\n`,
  ]);
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Node refuses to send what no socket could carry; everything else goes out as it is. */
function wirePath(path: string): string {
  return path.replaceAll(/[^\x21-\x7e]/g, (character) => percent(character));
}

function percent(text: string): string {
  // Half of a surrogate pair has no UTF-8.
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
}
