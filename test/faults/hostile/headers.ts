/**
 * Model files whose headers lie: counts, sizes and offsets that no file has, values that hold each other, records that
 * overlap, endings in the middle. Small, so that all of them are tried wherever one is.
 */

import { crc32, deflateRawSync } from 'node:zlib';
import { safetensors, u16le, u32le, u64le, zip } from './bytes.ts';

const mebibyte = 2 ** 20;
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const op = (text: string) => Buffer.from(text, 'latin1');

/** By path in the model folder. */
export function lyingModels(): Readonly<Record<string, () => Uint8Array>> {
  return { ...ggufFiles, ...safetensorsFiles, ...pickleFiles, ...zipFiles };
}

const ggufText = (text: string | Uint8Array) => Buffer.concat([u64le(text.length), Buffer.from(text as string)]);

function gguf(tensors: bigint | number, pairs: readonly Uint8Array[], body: readonly Uint8Array[], data = 0): Buffer {
  const counts = [u64le(tensors), u64le(pairs.length)];
  return Buffer.concat([op('GGUF'), u32le(3), ...counts, ...pairs, ...body, Buffer.alloc(32 + data)]);
}

const pair = (key: string, type: number, value: Uint8Array) => Buffer.concat([ggufText(key), u32le(type), value]);
const ggufTensor = (name: string, dims: readonly (bigint | number)[], type = 0, offset: bigint | number = 0) =>
  Buffer.concat([ggufText(name), u32le(dims.length), ...dims.map((d) => u64le(d)), u32le(type), u64le(offset)]);
const most = 2n ** 63n - 1n;
const align = (type: number, value: Uint8Array) => () =>
  gguf(1, [pair('general.alignment', type, value)], [ggufTensor('a', [8])], 64);

const ggufFiles: Record<string, () => Uint8Array> = {
  'Stable-diffusion/lie-dims.gguf': () => gguf(1, [], [ggufTensor('a', [most, most])]),
  'Stable-diffusion/lie-dims-product.gguf': () =>
    gguf(
      1,
      [],
      [
        ggufTensor(
          'a',
          times(4, () => 2 ** 26),
        ),
      ],
    ),
  'Stable-diffusion/lie-dims-nothing.gguf': () => gguf(1, [], [ggufTensor('a', [0, 2 ** 52, 2 ** 52, 2 ** 52])]),
  'Stable-diffusion/lie-dims-many.gguf': () => gguf(1, [], [ggufText('a'), u32le(0xffff_ffff)]),
  'Stable-diffusion/lie-empty-tensors.gguf': () =>
    gguf(
      199_999,
      [],
      times(199_999, (i) => ggufTensor(`layer.${i}.weight`, [0])),
    ),
  'Stable-diffusion/lie-counts.gguf': () => gguf(2n ** 64n - 1n, [], []),
  'Stable-diffusion/lie-overlap.gguf': () => gguf(2, [], [ggufTensor('a', [8]), ggufTensor('b', [8])], 64),
  'Stable-diffusion/lie-offset.gguf': () => gguf(1, [], [ggufTensor('a', [8], 0, most)], 64),
  'Stable-diffusion/lie-beyond.gguf': () => gguf(1, [], [ggufTensor('a', [2 ** 40])], 64),
  'Stable-diffusion/lie-align-0.gguf': align(4, u32le(0)),
  'Stable-diffusion/lie-align-3.gguf': align(4, u32le(3)),
  'Stable-diffusion/lie-align-2-31.gguf': align(4, u32le(2 ** 31)),
  'Stable-diffusion/lie-align-text.gguf': align(8, ggufText('32')),
  'Stable-diffusion/lie-align-nan.gguf': align(6, Buffer.from([0, 0, 0xc0, 0x7f])),
  'Stable-diffusion/lie-type.gguf': () => gguf(1, [], [ggufTensor('a', [8], 999)]),
  'Stable-diffusion/lie-value-type.gguf': () => gguf(0, [pair('a', 77, u32le(0))], []),
  'Stable-diffusion/lie-text.gguf': () => gguf(0, [pair('a', 8, u64le(2 ** 32))], []),
  'Stable-diffusion/lie-key.gguf': () => gguf(0, [u64le(2 ** 32)], []),
  'Stable-diffusion/lie-long-text.gguf': () =>
    gguf(0, [pair('general.architecture', 8, ggufText(Buffer.alloc(60 * mebibyte, 'a')))], []),
  'Stable-diffusion/lie-empty-texts.gguf': () =>
    gguf(0, [pair('a', 9, Buffer.concat([u32le(8), u64le(7_000_000), Buffer.alloc(7_000_000 * 8)]))], []),
  'Stable-diffusion/lie-array.gguf': () => gguf(0, [pair('a', 9, Buffer.concat([u32le(4), u64le(most)]))], []),
  'Stable-diffusion/lie-array-texts.gguf': () => gguf(0, [pair('a', 9, Buffer.concat([u32le(8), u64le(2 ** 52)]))], []),
  'Stable-diffusion/lie-shape.gguf': () => {
    const shape = Buffer.concat([u32le(10), u64le(2), u64le(2n ** 63n), u64le(2n ** 63n)]);
    return gguf(1, [pair('comfy.gguf.orig_shape.a', 9, shape)], [ggufTensor('a', [8])], 64);
  },
  'Stable-diffusion/lie-rows.gguf': () => gguf(1, [], [ggufTensor('a', [31], 8)], 64),
  'Stable-diffusion/lie-cut.gguf': () => gguf(3, [], [ggufTensor('a', [8])]).subarray(0, 50),
};

const tensorJson = (shape: string, from: number | string, to: number | string) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;

const safetensorsFiles: Record<string, () => Uint8Array> = {
  'Stable-diffusion/lie-twice.safetensors': () =>
    safetensors(`{"a":${tensorJson('[1]', 0, 4)},"a":${tensorJson('[1]', 0, 4)}}`, 4),
  'Stable-diffusion/lie-escaped-twice.safetensors': () =>
    safetensors(`{"a":${tensorJson('[1]', 0, 4)},"\\u0061":${tensorJson('[1]', 0, 4)}}`, 4),
  'Stable-diffusion/lie-overlap.safetensors': () =>
    safetensors(`{"a":${tensorJson('[2]', 0, 8)},"b":${tensorJson('[2]', 4, 12)}}`, 12),
  'Stable-diffusion/lie-descending.safetensors': () =>
    safetensors(`{"a":${tensorJson('[1]', 4, 0)},"b":${tensorJson('[1]', 8, 4)}}`, 8),
  ...Object.fromEntries(
    [2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n, 99_999_999n].map((size) => [
      `Stable-diffusion/lie-header-${size}.safetensors`,
      () => safetensors('{}', 0, size),
    ]),
  ),
  'Stable-diffusion/lie-numbers.safetensors': () =>
    safetensors(`{"a":${tensorJson(`[${'9'.repeat(mebibyte)}]`, 0, `4e${'9'.repeat(1000)}`)}}`, 4),
  'Stable-diffusion/lie-zeros.safetensors': () =>
    safetensors(`{"a":${tensorJson(`[0${',9007199254740991'.repeat(200_000)}]`, 0, 0)}}`),
  'Stable-diffusion/lie-deep.safetensors': () =>
    safetensors(`{"__metadata__":${'{"a":'.repeat(2_000_000)}1${'}'.repeat(2_000_000)}}`),
  'Stable-diffusion/lie-deep-lists.safetensors': () =>
    safetensors(`{"a":{"shape":${'['.repeat(5_000_000)}${']'.repeat(5_000_000)}}}`),
  'Stable-diffusion/lie-name.safetensors': () =>
    safetensors(`{"${'a.'.repeat(8 * mebibyte)}":${tensorJson('[1]', 0, 4)}}`, 4),
  'Stable-diffusion/lie-prototype.safetensors': () =>
    safetensors(`{"__proto__":${tensorJson('[1]', 0, 4)},"__metadata__":{"__proto__":"a","toString":"b"}}`, 4),
};

const archive = (body: Uint8Array) => zip([{ name: 'archive/data.pkl', data: body }]);
const protocol4 = Buffer.from([0x80, 4]);
const pickle = (...parts: readonly (string | Uint8Array)[]) =>
  archive(Buffer.concat([protocol4, ...parts.map((part) => (typeof part === 'string' ? op(part) : part)), op('.')]));
const put = (i: number) => Buffer.concat([op('r'), u32le(i)]);
const get = (i: number) => Buffer.concat([op('j'), u32le(i)]);
/** The value that `make` builds, in which each holds the one before it. */
const tower = (start: string, height: number, make: (before: Buffer) => Uint8Array) =>
  Buffer.concat([
    op(start),
    put(0),
    op('0'),
    ...times(height, (i) => Buffer.concat([make(get(i)), put(i + 1), op('0')])),
    get(height),
  ]);
const named = (name: string, value: Uint8Array) =>
  Buffer.concat([op(`U${String.fromCharCode(name.length)}${name}`), value]);

const pickleFiles: Record<string, () => Uint8Array> = {
  // Ten of the one before it, thirty times: a billion billion billion values in a kilobyte.
  'Stable-diffusion/lie-laughs.ckpt': () =>
    pickle(tower(']', 30, (before) => Buffer.concat([op(']('), ...times(10, () => before), op('e')]))),
  'Stable-diffusion/lie-laughing-names.ckpt': () =>
    pickle(tower('}', 40, (before) => Buffer.concat([op('}('), named('a', before), named('b', before), op('u')]))),
  'embeddings/lie-laughing-names.pt': () =>
    pickle(tower('}', 40, (before) => Buffer.concat([op('}('), named('a', before), named('b', before), op('u')]))),
  'Stable-diffusion/lie-deep-names.ckpt': () =>
    pickle(tower('}', 50_000, (before) => Buffer.concat([op('}'), named('a', before), op('s')]))),
  'Stable-diffusion/lie-deep-state-dict.ckpt': () =>
    pickle(tower('}', 50_000, (before) => Buffer.concat([op('}'), named('state_dict', before), op('s')]))),
  'hypernetworks/lie-deep-names.pt': () =>
    pickle(tower('}', 50_000, (before) => Buffer.concat([op('}'), named('a', before), op('s')]))),
  'Stable-diffusion/lie-own-list.ckpt': () => pickle(']', put(0), get(0), 'a'),
  'Stable-diffusion/lie-own-dict.ckpt': () => pickle('}', put(0), named('state_dict', get(0)), 's'),
  'Stable-diffusion/lie-own-tuple.ckpt': () => pickle(']', put(0), '\x85', put(1), '0', get(0), get(1), 'a'),
  'Stable-diffusion/lie-long4.ckpt': () => pickle('\x8b', u32le(0x7fff_ffff)),
  'Stable-diffusion/lie-long4-negative.ckpt': () => pickle('\x8b', u32le(0x8000_0000)),
  'Stable-diffusion/lie-many-long4.ckpt': () =>
    pickle(...times(300, () => Buffer.concat([op('\x8b'), u32le(100_000), Buffer.alloc(100_000, 0x7f), op('0')])), 'N'),
  'Stable-diffusion/lie-bytes8.ckpt': () => pickle('\x8e', u64le(most)),
  'Stable-diffusion/lie-frame.ckpt': () => pickle('\x95', u64le(2n ** 64n - 1n)),
  'Stable-diffusion/lie-memo.ckpt': () => pickle('N', Buffer.concat(times(500_000, (i) => put(i * 9)))),
  'Stable-diffusion/lie-memo-index.ckpt': () => pickle('N', put(0xffff_ffff)),
  'Stable-diffusion/lie-text-index.ckpt': () => pickle(`Np${'9'.repeat(100_000)}\n`),
  'Stable-diffusion/lie-empty-tuples.ckpt': () =>
    pickle(']', ...times(3000, () => Buffer.concat([op('('), Buffer.alloc(9000, op(')')), op('e')]))),
  ...Object.fromEntries(
    ['X\u0008\0\0\0ab', 'c', 'cos', 'cos\nsys', 'G\0\0', '\x8d\u0001', 'h', 'j\0', '(', 'I12', '\x95\0', 'S"abc'].map(
      (cut, i) => [`Stable-diffusion/lie-cut-${i}.ckpt`, () => archive(Buffer.concat([protocol4, op(cut)]))],
    ),
  ),
  // Views of one storage of four bytes that say they are an exbibyte, by strides of nothing.
  'Stable-diffusion/lie-strides.ckpt': () => {
    const storage = `(U\u0007storagectorch\nFloatStorage\nU\u00010U\u0003cpuK\u0001tQ`;
    const view = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\0(${'J\0\0\0\u0040'.repeat(2)}t(K\0K\0t\x89ccollections\nOrderedDict\n)RtR`;
    const tensors = times(1000, (i) => Buffer.concat([named(`model.${i}`, op(view)), op('s')]));
    return zip([
      { name: 'archive/data.pkl', data: Buffer.concat([protocol4, op('}'), ...tensors, op('.')]) },
      { name: 'archive/data/0', data: Buffer.alloc(4) },
    ]);
  },
};

interface LyingEntry {
  /** What the directory says. */
  readonly size?: number;
  readonly packed?: number;
  readonly offset?: number;
  /** Wide numbers in the order of the format: size, packed size, offset. */
  readonly wide?: readonly (bigint | number)[];
}

/** One real member; a directory that says what it likes of it, once for each of `entries`. */
function lyingZip(data: Uint8Array, entries: readonly LyingEntry[], end: readonly Uint8Array[] = []): Buffer {
  const packed = deflateRawSync(data);
  const title = (i: number) => op(i === 0 ? 'archive/data.pkl' : `archive/data/${i}`);
  const head = (size: number, packedSize: number) =>
    Buffer.concat([Buffer.from([45, 0, 0, 0, 8, 0, 0, 0, 0, 0]), u32le(crc32(data)), u32le(packedSize), u32le(size)]);
  const local = Buffer.concat([
    op('PK\x03\x04'),
    head(data.length, packed.length),
    u16le(16),
    u16le(0),
    title(0),
    packed,
  ]);
  const listed = Buffer.concat(
    entries.map(({ size = data.length, packed: says = packed.length, offset = 0, wide = [] }, i) => {
      const extra =
        wide.length === 0
          ? Buffer.alloc(0)
          : Buffer.concat([u16le(1), u16le(8 * wide.length), ...wide.map((n) => u64le(n))]);
      const rest = Buffer.concat([u16le(title(i).length), u16le(extra.length), Buffer.alloc(10), u32le(offset)]);
      return Buffer.concat([op('PK\x01\x02'), u16le(45), head(size, says), rest, title(i), extra]);
    }),
  );
  const sizes = [
    u16le(entries.length & 0xffff),
    u16le(entries.length & 0xffff),
    u32le(listed.length),
    u32le(local.length),
  ];
  return Buffer.concat([local, listed, ...end, op('PK\x05\x06'), Buffer.alloc(4), ...sizes, u16le(0)]);
}

const wide = 0xffff_ffff;
const locator = (at: bigint | number) => Buffer.concat([op('PK\x06\x07'), u32le(0), u64le(at), u32le(1)]);
const end64 = (count: bigint | number, size: bigint | number, offset: bigint | number) =>
  Buffer.concat([
    op('PK\x06\x06'),
    u64le(44),
    u16le(45),
    u16le(45),
    u32le(0),
    u32le(0),
    u64le(count),
    u64le(count),
    u64le(size),
    u64le(offset),
  ]);

const zipFiles: Record<string, () => Uint8Array> = {
  'Stable-diffusion/lie-wide-sizes.ckpt': () =>
    lyingZip(op('N.'), [{ size: wide, packed: wide, offset: wide, wide: [most, most, most] }]),
  'Stable-diffusion/lie-wide-size.ckpt': () => lyingZip(op('N.'), [{ size: wide, wide: [2 ** 40] }]),
  'Stable-diffusion/lie-wide-cut.ckpt': () => lyingZip(op('N.'), [{ size: wide, packed: wide, wide: [2] }]),
  'Stable-diffusion/lie-wide-none.ckpt': () => lyingZip(op('N.'), [{ size: wide, packed: wide, offset: wide }]),
  'Stable-diffusion/lie-end64.ckpt': () => {
    const end = end64(2n ** 64n - 1n, 2n ** 64n - 1n, 0);
    return lyingZip(op('N.'), [{}], [end, locator(2n ** 64n - 1n)]);
  },
  'Stable-diffusion/lie-locator-itself.ckpt': () => lyingZip(op('N.'), [{}], [locator(0)]),
  // Sixty thousand members that are all the same four mebibytes, packed to four kilobytes.
  'Stable-diffusion/lie-quoted.ckpt': () =>
    lyingZip(
      Buffer.alloc(4 * mebibyte),
      times(60_000, () => ({})),
    ),
  'Stable-diffusion/lie-small.ckpt': () => lyingZip(Buffer.alloc(256 * mebibyte), [{ size: 100 }]),
  'Stable-diffusion/lie-bomb.ckpt': () => archive(Buffer.alloc(1024 * mebibyte, op(')'))),
  'Stable-diffusion/lie-long-names.ckpt': () =>
    zip(times(500, (i) => ({ name: `archive/data/${'n'.repeat(60_000)}${i}`, data: Buffer.alloc(0) }))),
};
