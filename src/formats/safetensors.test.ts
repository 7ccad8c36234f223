import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ByteSource, bytesSource } from './byte-source.ts';
import { fileDTypes, readFileTensor } from './file-dtype.ts';
import { FormatError } from './format-error.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';
import type { SafetensorsErrorKind } from './safetensors-error.ts';
import { planSafetensors, type TensorSpec, writeSafetensors } from './safetensors-writer.ts';
import { encodeUtf8 } from './text.ts';

const goldens = new URL('../../test/goldens/data/models/ckpt/', import.meta.url);

interface ManifestRow {
  readonly file: string;
  readonly expect: 'load' | 'reject' | 'load-or-reject';
  readonly kind: string | null;
}

/** The golden's kinds, and which of ours state the same fact. */
const equivalents: Readonly<Record<string, readonly SafetensorsErrorKind[]>> = {
  truncated: ['header-too-small'],
  'bad-json': ['invalid-header-deserialization'],
  'bad-header': ['invalid-header-deserialization'],
  'bad-number': ['invalid-header-deserialization'],
  'unknown-dtype': ['invalid-header-deserialization'],
  'header-length': ['invalid-header-length'],
  'header-too-large': ['header-too-large'],
  'not-utf8': ['invalid-header'],
  overlap: ['invalid-offset'],
  hole: ['invalid-offset'],
  'bad-offsets': ['invalid-offset'],
  'out-of-range': ['metadata-incomplete-buffer', 'tensor-invalid-info'],
  'trailing-bytes': ['metadata-incomplete-buffer'],
  'shape-mismatch': ['tensor-invalid-info'],
  overflow: ['validation-overflow', 'tensor-invalid-info'],
  'duplicate-key': ['duplicate-key'],
};

function fileBytes(header: string | Uint8Array, dataLength: number): Uint8Array {
  const text = typeof header === 'string' ? encodeUtf8(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function read(header: string | Uint8Array, dataLength: number): Promise<SafetensorsHeader> {
  return readSafetensorsHeader(bytesSource('x.safetensors', fileBytes(header, dataLength)));
}

async function kindOf(result: Promise<unknown>): Promise<string> {
  try {
    await result;
    return 'accepted';
  } catch (error) {
    if (error instanceof FormatError) return error.kind;
    throw error;
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((c) => [...c]));
}

const f32 = (shape: string, offsets: string, more = ''): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}${more}}`;

describe('readSafetensorsHeader against the golden files', () => {
  const manifest = JSON.parse(readFileSync(new URL('safetensors/manifest.json', goldens), 'utf8')) as {
    files: ManifestRow[];
  };

  it('covers every file of the folder', () => {
    const files = readdirSync(new URL('safetensors/', goldens)).filter((f) => f.endsWith('.safetensors'));
    expect(manifest.files.map((f) => f.file).sort()).toEqual(files.sort());
  });

  it.each(manifest.files)('$file: $expect ($kind)', async ({ file, expect: want, kind }) => {
    const bytes = new Uint8Array(readFileSync(new URL(`safetensors/${file}`, goldens)));
    const got = await kindOf(readSafetensorsHeader(bytesSource(file, bytes)));
    if (want === 'load') expect(got).toBe('accepted');
    else if (want === 'reject') expect(equivalents[kind!]).toContain(got);
    else expect(['accepted', ...(kind === null ? [] : equivalents[kind]!)]).toContain(got);
  });
});

describe('the rules of the reference', () => {
  it.each<[string, string, number]>([
    ['white space around the object', ` \t\r\n{"a":${f32('[1]', '[0,4]')}}\n\t `, 4],
    ['metadata null', '{"__metadata__":null}', 0],
    ['an unknown extra field', `{"a":${f32('[1]', '[0,4]', ',"extra":{"x":[1.5e3,null,true]},"extra":1')}}`, 4],
    ['a duplicate metadata key', '{"__metadata__":{"k":"1","k":"2"}}', 0],
    ['a scalar', `{"a":${f32('[]', '[0,4]')}}`, 4],
    ['a zero before a huge size', `{"a":${f32('[0,9223372036854775808,4]', '[0,0]')}}`, 0],
    ['unaligned data', `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":${f32('[1]', '[1,5]')}}`, 5],
    [
      'an empty name and unicode names',
      `{"":${f32('[0]', '[0,0]')},"\\ud83d\\ude00é\\u0000":${f32('[1]', '[0,4]')}}`,
      4,
    ],
    ['1000 dimensions', `{"a":${f32(`[${new Array(1000).fill(1)}]`, '[0,4]')}}`, 4],
    ['whole bytes of 4-bit floats', '{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}}', 3],
    ['whole bytes of 6-bit floats', '{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}', 3],
    ['127 levels of nesting', `{"a":${f32('[1]', '[0,4]', `,"x":${'['.repeat(125)}${']'.repeat(125)}`)}}`, 4],
    ['names like paths', `{"../../x":${f32('[0]', '[0,0]')},"C:\\\\x":${f32('[0]', '[0,0]')}}`, 0],
  ])('accepts %s', async (_, header, length) => {
    expect(await kindOf(read(header, length))).toBe('accepted');
  });

  const json = 'invalid-header-deserialization';
  it.each<[string, string, number, SafetensorsErrorKind]>([
    ['a string', '"a"', 0, json],
    ['null', 'null', 0, json],
    ['NUL after the object', '{}\0', 0, json],
    ['a byte order mark', '\ufeff{}', 0, json],
    ['a comment', '{}//', 0, json],
    ['NaN', `{"a":${f32('[1]', '[0,4]', ',"x":NaN')}}`, 4, json],
    ['a number without end', `{"a":${f32('[1]', '[0,4]', ',"x":1e999')}}`, 4, json],
    ['a leading zero', `{"a":${f32('[01]', '[0,4]')}}`, 4, json],
    ['minus zero', `{"a":${f32('[-0]', '[0,0]')}}`, 0, json],
    ['a trailing comma', `{"a":${f32('[1,]', '[0,4]')}}`, 4, json],
    ['a control character in a name', `{"\n":${f32('[1]', '[0,4]')}}`, 4, json],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'duplicate-key'],
    ['metadata value null', '{"__metadata__":{"k":null}}', 0, json],
    ['metadata value object', '{"__metadata__":{"k":{}}}', 0, json],
    ['no shape', '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4, json],
    ['lower-case dtype', '{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}', 4, json],
    ['dtype "toString"', '{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}', 4, json],
    ['2e0', `{"a":${f32('[2e0]', '[0,8]')}}`, 8, json],
    ['shape null', `{"a":${f32('null', '[0,4]')}}`, 4, json],
    ['a size of 2^64', `{"a":${f32('[18446744073709551616]', '[0,4]')}}`, 4, json],
    ['one offset', `{"a":${f32('[1]', '[0]')}}`, 4, json],
    ['an overflow before a zero', `{"a":${f32('[9223372036854775808,4,0]', '[0,0]')}}`, 0, 'validation-overflow'],
    ['2^60 of F32', `{"a":${f32('[1152921504606846976]', '[0,0]')}}`, 0, 'validation-overflow'],
    ['half a byte', '{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}', 1, 'misaligned-slice'],
    ['a lone surrogate', `{"\\ud800":${f32('[1]', '[0,4]')}}`, 4, json],
    ['128 levels of nesting', `{"a":${f32('[1]', '[0,4]', `,"x":${'['.repeat(126)}${']'.repeat(126)}`)}}`, 4, json],
    ['one byte too few', `{"a":${f32('[2]', '[0,8]')}}`, 7, 'metadata-incomplete-buffer'],
    ['tensors where there is no room', `{"a":${f32('[2]', '[0,8]')}}`, 0, 'metadata-incomplete-buffer'],
  ])('refuses %s', async (_, header, length, kind) => {
    expect(await kindOf(read(header, length))).toBe(kind);
  });

  it('refuses more tensors than any model has', async () => {
    const header = `{${Array.from({ length: 200_001 }, (_, i) => `"${i}":${f32('[0]', '[0,0]')}`)}}`;
    expect(await kindOf(read(header, 0))).toBe('too-many-tensors');
  });

  it('names tensor, got and expected, and says what another file is', async () => {
    const misfit = read(`{"w":${f32('[5]', '[0,16]')}}`, 16);
    await expect(misfit).rejects.toMatchObject({
      code: 'safetensors.tensor-invalid-info',
      place: 'tensor "w"',
      file: 'x.safetensors',
      message: expect.stringMatching(
        /x\.safetensors, tensor "w": got .*16 bytes.*expected 20 bytes for F32 of shape \[5\]/,
      ),
    });
    const pointer = encodeUtf8('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4265380512\n');
    await expect(readSafetensorsHeader(bytesSource('p', pointer))).rejects.toThrow(/Git LFS pointer/);
  });
});

describe('readSafetensorsHeader', () => {
  it('gives absolute ranges, and reads nothing beyond the header', async () => {
    const header = `{"__metadata__":{"__proto__":"p"},"a":${f32('[1,2]', '[0,8]')},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}`;
    const bytes = fileBytes(header, 10);
    const inner = bytesSource('m', bytes);
    let furthest = 0;
    const huge: ByteSource = {
      ...inner,
      read(offset, length) {
        if (length > 64) furthest = Math.max(furthest, offset + length);
        return inner.read(offset, length);
      },
    };
    const got = await readSafetensorsHeader(huge);
    expect(got.dataStart).toBe(8 + header.length);
    expect(furthest).toBe(got.dataStart);
    expect(Object.entries(got.metadata)).toEqual([['__proto__', 'p']]);
    expect([...got.tensors.values()]).toEqual([
      { name: 'a', dtype: 'F32', shape: [1, 2], offset: got.dataStart, byteLength: 8 },
      { name: 'b', dtype: 'F16', shape: [], offset: got.dataStart + 8, byteLength: 2 },
    ]);
  });

  it('reads the header of a file far beyond 4 GiB', async () => {
    const elements = 3 * 2 ** 31;
    const start = fileBytes(
      `{"a":${f32(`[${elements}]`, `[0,${elements * 4}]`)},"b":${f32('[1]', `[${elements * 4},${elements * 4 + 4}]`)}}`,
      0,
    );
    const source: ByteSource = {
      name: 'big',
      size: start.length + elements * 4 + 4,
      read: async (offset, length) => start.slice(offset, offset + length),
    };
    const { tensors } = await readSafetensorsHeader(source);
    expect(tensors.get('b')!.offset).toBe(start.length + elements * 4);
  });
});

describe('planSafetensors and writeSafetensors', () => {
  it.each(['expected.safetensors', 'expected-shared.safetensors', 'expected-noncontiguous.safetensors'])(
    'writes %s again, byte for byte, whatever the order of the tensors',
    async (file) => {
      const bytes = new Uint8Array(readFileSync(new URL(file, goldens)));
      const source = bytesSource(file, bytes);
      const header = await readSafetensorsHeader(source);
      const tensors = [...header.tensors.values()].reverse();
      const withData = await Promise.all(
        tensors.map(async (t) => ({ ...t, data: await source.read(t.offset, t.byteLength) })),
      );
      const hasMetadata = Object.keys(header.metadata).length > 0;
      const chunks = writeSafetensors(withData, hasMetadata ? header.metadata : undefined);
      expect(concat(chunks)).toEqual(bytes);
    },
  );

  it('orders by alignment and then by code points, and pads the header to 8 bytes', async () => {
    const specs = [
      ...fileDTypes.map((dtype) => ({ name: `t.${dtype}`, dtype, shape: [8] })),
      { name: '\u{1f600}', dtype: 'F32' as const, shape: [] },
      { name: '\uffee', dtype: 'F32' as const, shape: [0, 3] },
      { name: '\\ "\u0001', dtype: 'F32' as const, shape: [1] },
    ];
    const plan = planSafetensors(specs, { note: 'ü' });
    expect(plan.header.length % 8).toBe(0);
    const names = plan.order.map((t) => t.name);
    const f32s = ['\\ "\u0001', 't.F32', '\uffee', '\u{1f600}'];
    const others = [...fileDTypes].reverse().map((d) => (d === 'F32' ? f32s : [`t.${d}`]));
    expect(names).toEqual(others.flat());
    const file = concat([plan.header, new Uint8Array(plan.size - plan.header.length)]);
    const header = await readSafetensorsHeader(bytesSource('plan', file));
    expect([...header.tensors.values()]).toEqual(plan.order);
    expect({ ...header.metadata }).toEqual({ note: 'ü' });
  });

  it.each<[string, TensorSpec[]]>([
    [
      'a name twice',
      [
        { name: 'a', dtype: 'F32', shape: [1] },
        { name: 'a', dtype: 'F16', shape: [1] },
      ],
    ],
    ['the name __metadata__', [{ name: '__metadata__', dtype: 'F32', shape: [1] }]],
    ['half a byte', [{ name: 'a', dtype: 'F4', shape: [1] }]],
    ['a negative size', [{ name: 'a', dtype: 'F32', shape: [-1] }]],
    ['a fraction', [{ name: 'a', dtype: 'F32', shape: [1.5] }]],
    ['a lone surrogate', [{ name: '\ud800', dtype: 'F32', shape: [1] }]],
  ])('refuses %s', (_, specs) => {
    expect(() => planSafetensors(specs)).toThrow(FormatError);
  });

  it('refuses data of another length', () => {
    const tensor = { name: 'a', dtype: 'F32' as const, shape: [2], data: new Uint8Array(7) };
    expect(() => writeSafetensors([tensor])).toThrow(/7 bytes.*expected 8/);
  });
});

describe('readFileTensor', () => {
  it('gives host tensors of the core dtypes, also at odd offsets, and refuses others by name', async () => {
    const [header, ...data] = writeSafetensors([
      { name: 'h', dtype: 'F16', shape: [1], data: Uint8Array.of(0x00, 0x3c) },
      { name: 'q', dtype: 'F8_E4M3', shape: [1], data: Uint8Array.of(1) },
      { name: 'f', dtype: 'F32', shape: [1, 1], data: new Uint8Array(Float32Array.of(2.5).buffer) },
    ]);
    const file = concat([Uint8Array.of(0), header!, ...data]).subarray(1);
    const source = bytesSource('m', file);
    const { tensors } = await readSafetensorsHeader(source);
    expect(await readFileTensor(source, tensors.get('f')!)).toEqual({
      dtype: 'f32',
      shape: [1, 1],
      data: Float32Array.of(2.5),
    });
    expect((await readFileTensor(source, tensors.get('h')!)).data).toEqual(Uint16Array.of(0x3c00));
    await expect(readFileTensor(source, tensors.get('q')!)).rejects.toThrow(/"q".*F8_E4M3/);
  });
});
