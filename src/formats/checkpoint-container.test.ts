import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesSource } from './byte-source.ts';
import { concatBytes } from './bytes.ts';
import { openCheckpoint } from './checkpoint.ts';
import { crc32 } from './crc32.ts';
import { PickleDict } from './pickle-value.ts';
import { encodeLatin1 } from './text.ts';

interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflate?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly localName?: string;
}

interface Layout {
  /** Put sizes and offsets into zip64 fields. */
  readonly wide?: boolean;
  readonly prefix?: Uint8Array;
  readonly suffix?: Uint8Array;
}

function record(signature: number, fields: [width: 2 | 4 | 8, value: number][], ...tail: Uint8Array[]): Uint8Array {
  const bytes = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 4));
  bytes.writeUInt32LE(signature);
  let at = 4;
  for (const [width, value] of fields) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, width);
    at += width;
  }
  return concatBytes([new Uint8Array(bytes), ...tail]);
}

function zip(
  members: readonly Member[],
  { wide = false, prefix = new Uint8Array(), suffix = new Uint8Array() }: Layout = {},
) {
  const parts: Uint8Array[] = [prefix];
  const directory: Uint8Array[] = [];
  let at = prefix.length;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    at += part.length;
  };
  for (const { name, data, deflate = false, flags = 0, method = deflate ? 8 : 0, localName = name } of members) {
    const body = deflate ? new Uint8Array(deflateRawSync(data)) : data;
    const crc = crc32(data);
    const raw = new Uint8Array(Buffer.from(name));
    const local = new Uint8Array(Buffer.from(localName));
    const offset = at;
    add(
      record(
        0x04034b50,
        [
          [2, 20],
          [2, flags],
          [2, method],
          [4, 0],
          [4, crc],
          [4, body.length],
          [4, data.length],
          [2, local.length],
          [2, 0],
        ],
        local,
        body,
      ),
    );
    const extra = wide
      ? record(0, [
          [8, data.length],
          [8, body.length],
          [8, offset],
        ])
      : new Uint8Array();
    if (wide) extra.set([1, 0, 24, 0]);
    const size = (n: number): number => (wide ? 0xffffffff : n);
    directory.push(
      record(
        0x02014b50,
        [
          [2, 20],
          [2, 20],
          [2, flags],
          [2, method],
          [4, 0],
          [4, crc],
          [4, size(body.length)],
          [4, size(data.length)],
          [2, raw.length],
          [2, extra.length],
          [2, 0],
          [2, 0],
          [2, 0],
          [4, 0],
          [4, size(offset)],
        ],
        raw,
        extra,
      ),
    );
  }
  const start = at;
  for (const entry of directory) add(entry);
  const length = at - start;
  if (wide) {
    const end = at;
    add(
      record(0x06064b50, [
        [8, 44],
        [2, 45],
        [2, 45],
        [4, 0],
        [4, 0],
        [8, members.length],
        [8, members.length],
        [8, length],
        [8, start],
      ]),
    );
    add(
      record(0x07064b50, [
        [4, 0],
        [8, end],
        [4, 1],
      ]),
    );
  }
  const narrow = (n: number, most: number): number => (wide ? most : n);
  add(
    record(0x06054b50, [
      [2, 0],
      [2, 0],
      [2, narrow(members.length, 0xffff)],
      [2, narrow(members.length, 0xffff)],
      [4, narrow(length, 0xffffffff)],
      [4, narrow(start, 0xffffffff)],
      [2, 0],
    ]),
  );
  return concatBytes([...parts, suffix]);
}

const latin1 = (text: string): Uint8Array => encodeLatin1(text)!;

/** `{'w': float32 tensor of shape [2, 3] with strides [1, 2]}` on a storage of six elements. */
const pickled = latin1(
  '}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x06tQK\x00K\x02K\x03\x86K\x01K\x02\x86\x89NtRs.',
);
const values = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
/** Row-major. */
const want = new Uint8Array(Float32Array.of(0, 2, 4, 1, 3, 5).buffer);

function swapped(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.from(bytes).swap32());
}

function members(
  root: string,
  changes: { data?: Uint8Array; deflate?: boolean; order?: string; version?: string } = {},
): Member[] {
  const { data = values, deflate = false, order, version = '3\n' } = changes;
  return [
    { name: `${root}/data.pkl`, data: pickled, deflate },
    ...(order === undefined ? [] : [{ name: `${root}/byteorder`, data: latin1(order) }]),
    { name: `${root}/data/0`, data, deflate },
    { name: `${root}/version`, data: latin1(version) },
  ];
}

async function load(bytes: Uint8Array): Promise<Uint8Array> {
  const checkpoint = await openCheckpoint(bytesSource('t.ckpt', bytes));
  return checkpoint.readBytes(checkpoint.tensors.get('w')!.view);
}

describe('the zip container', () => {
  it.each<[string, Uint8Array]>([
    ['stored members', zip(members('archive'))],
    ['deflated members', zip(members('archive', { deflate: true }))],
    ['a root of any name', zip(members('größe', {}).map((m) => ({ ...m, flags: 0x800 })))],
    ['zip64 fields', zip(members('archive'), { wide: true })],
    ['little-endian by statement', zip(members('archive', { order: 'little' }))],
    ['big-endian data', zip(members('archive', { order: 'big', data: swapped(values) }))],
  ])('reads %s', async (_, bytes) => {
    expect(await load(bytes)).toEqual(want);
  });

  it.each<[string, Uint8Array, string]>([
    ['a comment that holds a second end record', zip(members('a'), { suffix: zip([]) }), 'zip.malformed'],
    ['bytes in front', zip(members('a'), { prefix: latin1('PK\x03\x04') }).subarray(4), 'zip.malformed'],
    ['bytes behind', zip(members('a'), { suffix: Uint8Array.of(0) }), 'zip.truncated'],
    ['encryption', zip(members('a').map((m) => ({ ...m, flags: 1 }))), 'zip.unsupported'],
    ['another compression', zip(members('a').map((m) => ({ ...m, method: 12 }))), 'zip.unsupported'],
    [
      'another local name',
      zip(members('a').map((m) => ({ ...m, localName: m.name.replace('a', 'b') }))),
      'zip.malformed',
    ],
    ['no folder', zip([{ name: 'data.pkl', data: pickled }]), 'checkpoint.malformed'],
    ['TorchScript', zip([...members('a'), { name: 'a/constants.pkl', data: pickled }]), 'checkpoint.unsupported'],
    ['a newer version', zip(members('a', { version: '11' })), 'checkpoint.unsupported'],
    ['a byte order that is none', zip(members('a', { order: 'middle' })), 'checkpoint.malformed'],
    ['a short storage', zip(members('a', { data: values.subarray(4) })), 'checkpoint.bad-tensor'],
    [
      '70,000 members',
      zip(Array.from({ length: 65_500 }, (_, i) => ({ name: `a/${i}`, data: new Uint8Array() }))),
      'zip.too-large',
    ],
  ])('refuses %s', async (_, bytes, code) => {
    await expect(load(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(/^t\.ckpt: /) });
  });

  it('verifies the checksum of the data, which torch does not', async () => {
    const bytes = zip(members('archive'));
    bytes[bytes.findIndex((_, i) => values.every((b, k) => bytes[i + k] === b)) + 5]! ^= 1;
    await expect(load(bytes)).rejects.toMatchObject({ code: 'zip.crc' });
  });

  it('refuses every cut, and reports a damaged byte or reads what it read before', async () => {
    const bytes = zip(members('archive', { deflate: true }));
    for (let n = 0; n < bytes.length; n += 3) {
      await expect(load(bytes.subarray(0, n))).rejects.toMatchObject({
        code: expect.stringMatching(/^(zip|checkpoint)\./),
      });
      const damaged = bytes.slice();
      damaged[n]! ^= 0x55;
      const got = await load(damaged).catch((error: { code: string }) => error.code);
      if (typeof got === 'string') expect(got).toMatch(/^(zip|checkpoint|pickle|source)\./);
      else expect(got).toEqual(want);
    }
  });
});

describe('the legacy container', () => {
  const magic = '\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.';
  const info = (little: boolean): string => `}U\rlittle_endian${little ? '\x88' : '\x89'}s.`;
  const legacy = ({
    version = 'M\xe9\x03.',
    little = true,
    keys = ']U\x010a.',
    count = 6,
    data = values,
  } = {}): Uint8Array => {
    const size = record(0, [[8, count]]).subarray(4);
    return concatBytes([latin1(magic + version + info(little)), pickled, latin1(keys), size, data]);
  };

  it('reads storages behind five pickles', async () => {
    expect(await load(legacy())).toEqual(want);
  });

  it('reads pickles beyond the first portion of the file', async () => {
    const filler = `}U\x04noteX${String.fromCharCode(0, 0, 32, 0)}${'x'.repeat(2 ** 21)}s`;
    const root = concatBytes([latin1(filler), pickled.subarray(1, -1), latin1('.')]);
    const bytes = concatBytes([
      latin1(`${magic}M\xe9\x03.${info(true)}`),
      root,
      legacy().subarray(legacy().length - 38),
    ]);
    expect(await load(bytes)).toEqual(want);
  });

  it.each<[string, Uint8Array, string]>([
    ['another version', legacy({ version: 'K\x01.' }), 'checkpoint.unsupported'],
    ['big-endian data', legacy({ little: false }), 'checkpoint.unsupported'],
    ['another count of elements', legacy({ count: 5 }), 'checkpoint.bad-tensor'],
    ['data that ends early', legacy({ data: values.subarray(1) }), 'checkpoint.truncated'],
    ['a storage that is not listed', legacy({ keys: '].' }), 'checkpoint.bad-tensor'],
    ['a storage that is listed twice', legacy({ keys: '](U\x010U\x010e.' }), 'checkpoint.malformed'],
    ['keys that are no list', legacy({ keys: 'N.' }), 'checkpoint.malformed'],
    ['a pickle of something else', latin1('\x80\x02K\x01.'), 'checkpoint.unrecognised'],
  ])('refuses %s', async (_, bytes, code) => {
    await expect(load(bytes)).rejects.toMatchObject({ code });
  });

  it('refuses a tar checkpoint with advice', async () => {
    const tar = new Uint8Array(1024);
    tar.set(latin1('ustar'), 257);
    await expect(load(tar)).rejects.toThrow(/torch 0\.1; save it again/);
  });
});

describe('openCheckpoint', () => {
  const tensor = Buffer.from(pickled.subarray(4, -2)).toString('latin1');
  const open = (pickle: string) =>
    openCheckpoint(
      bytesSource(
        't',
        zip([
          { name: 'a/data.pkl', data: latin1(pickle) },
          { name: 'a/data/0', data: values },
        ]),
      ),
    );

  it('finds the tensors inside wrappers, and keeps everything else in the root', async () => {
    const inner = `}U\x01w${tensor}s`;
    for (const key of ['state_dict', 'model', 'params_ema']) {
      const name = String.fromCharCode(key.length) + key;
      const { root, tensors } = await open(`}(U${name}${inner}U\x05epochK\x06u.`);
      expect([...tensors.keys()]).toEqual(['w']);
      expect((root as PickleDict).get('epoch')).toBe(6);
    }
  });

  it('names the other tables of weights where there are several', async () => {
    const inner = `}U\x01w${tensor}s`;
    const { choices, tensors } = await open(`}(U\x03ema${inner}U\x05model${inner}U\x09optimizer${inner}u.`);
    expect([choices, [...tensors.keys()]]).toEqual([['model', 'ema'], ['w']]);
    expect((await open(`}U\x05model${inner}s.`)).choices).toEqual([]);
  });

  it('opens nested dictionaries without a table of tensors (embeddings, hypernetworks)', async () => {
    const { root, tensors } = await open(`}K\x10]${tensor}as.`);
    expect(tensors.size).toBe(0);
    expect(root).toBeInstanceOf(PickleDict);
  });

  it('refuses a file without any tensor', async () => {
    await expect(open('}.')).rejects.toThrow(/no tensors/);
  });
});
