/** Pieces of files, put together by hand so that they may lie. */

import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function u16le(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}

export function u32le(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function u64le(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

const pngStart = Buffer.from('89504e470d0a1a0a', 'hex');

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
}

export interface PngFacts {
  readonly width?: number;
  readonly height?: number;
  /** Deflated rows; default: those of a grey picture of 8 x 8. */
  readonly pixels?: Uint8Array;
  /** Colour type; default 0, grey. */
  readonly colour?: number;
}

const greyRows = deflateSync(Buffer.alloc(8 * 9));

/** A PNG whose header says what it is told to. @param before chunks before the pixels @param after and behind them */
export function png(facts: PngFacts, before: readonly Uint8Array[] = [], after: readonly Uint8Array[] = []): Buffer {
  const { width = 8, height = 8, pixels = greyRows, colour = 0 } = facts;
  const header = Buffer.concat([u32(width), u32(height), Buffer.from([8, colour, 0, 0, 0])]);
  return Buffer.concat([
    pngStart,
    pngChunk('IHDR', header),
    ...before,
    pngChunk('IDAT', pixels),
    ...after,
    pngChunk('IEND', new Uint8Array()),
  ]);
}

export function textChunk(keyword: string, text: string): Buffer {
  return pngChunk('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1'));
}

export function packedChunk(keyword: string, packed: Uint8Array): Buffer {
  return pngChunk('zTXt', Buffer.concat([Buffer.from(`${keyword}\0\0`, 'latin1'), packed]));
}

export function utf8Chunk(keyword: string, packed: Uint8Array): Buffer {
  return pngChunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\u0001\0\0\0`, 'latin1'), packed]));
}

/** A zlib stream of fixed blocks that hold nothing. */
export function emptyBlocks(bytes: number): Buffer {
  // A block that is not the last, of fixed codes, with its end alone: 10 bits, so five bytes for four of them.
  const four = Buffer.from([0x02, 0x08, 0x20, 0x80, 0x00]);
  return Buffer.concat([Buffer.from([0x78, 0x9c]), Buffer.alloc(bytes, four), Buffer.from([0x03, 0x00, 0, 0, 0, 1])]);
}

/** A TIFF structure, little-endian, of one entry after another in IFD 0. */
export function tiff(
  entries: readonly (readonly [tag: number, type: number, count: number, value: number])[],
  tail: Uint8Array,
): Buffer {
  const rows = entries.map(([tag, type, count, value]) => {
    const row = Buffer.alloc(12);
    row.writeUInt16LE(tag, 0);
    row.writeUInt16LE(type, 2);
    row.writeUInt32LE(count >>> 0, 4);
    row.writeUInt32LE(value >>> 0, 8);
    return row;
  });
  const count = Buffer.alloc(2);
  count.writeUInt16LE(Math.min(entries.length, 0xffff));
  return Buffer.concat([Buffer.from('49492a0008000000', 'hex'), count, ...rows, u32le(0), tail]);
}

/** EXIF with a UserComment of these bytes. */
export function exifComment(comment: Uint8Array): Buffer {
  const exifIfd = 8 + 2 + 12 + 4;
  const inner = Buffer.alloc(2 + 12 + 4);
  inner.writeUInt16LE(1, 0);
  inner.writeUInt16LE(0x9286, 2);
  inner.writeUInt16LE(7, 4);
  inner.writeUInt32LE(comment.length, 6);
  inner.writeUInt32LE(exifIfd + inner.length, 10);
  return tiff([[0x8769, 4, 1, exifIfd]], Buffer.concat([inner, comment]));
}

function riffChunk(type: string, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), u32le(data.length), data, Buffer.alloc(data.length % 2)]);
}

/** A WebP with EXIF: the header, then the chunks given. */
export function webp(picture: Uint8Array, exif: readonly Uint8Array[]): Buffer {
  const flags = Buffer.from([0x08, 0, 0, 0, 7, 0, 0, 7, 0, 0]);
  // Of a simple file, what follows its name.
  const chunks = Buffer.concat([
    riffChunk('VP8X', flags),
    picture.subarray(12),
    ...exif.map((e) => riffChunk('EXIF', e)),
  ]);
  return Buffer.concat([Buffer.from('RIFF'), u32le(chunks.length + 4), Buffer.from('WEBP'), chunks]);
}

/** A JPEG with further segments right after its start. */
export function jpeg(picture: Uint8Array, segments: readonly (readonly [marker: number, data: Uint8Array])[]): Buffer {
  const inserted = segments.map(([marker, data]) => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(data.length + 2, 2);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([picture.subarray(0, 2), ...inserted, picture.subarray(2)]);
}

/** A ZIP of stored or deflated members, and a directory that may say something else of them. */
export function zip(
  members: readonly { readonly name: string; readonly data: Uint8Array; readonly says?: number }[],
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, says = data.length } of members) {
    const packed = deflateRawSync(data);
    const [title, sum] = [Buffer.from(name), crc32(data)];
    const common = Buffer.concat([
      Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]),
      u32le(sum),
      u32le(packed.length),
      u32le(says),
    ]);
    const lengths = Buffer.from([title.length & 255, title.length >> 8, 0, 0]);
    parts.push(Buffer.concat([Buffer.from('504b0304', 'hex'), common, lengths, title, packed]));
    const rest = Buffer.concat([Buffer.alloc(10), u32le(offset)]);
    directory.push(Buffer.concat([Buffer.from('504b01021400', 'hex'), common, lengths, rest, title]));
    offset += parts.at(-1)!.length;
  }
  const listed = Buffer.concat(directory);
  const counts = Buffer.alloc(4);
  counts.writeUInt16LE(members.length & 0xffff, 0);
  counts.writeUInt16LE(members.length & 0xffff, 2);
  return Buffer.concat([
    ...parts,
    listed,
    Buffer.from('504b050600000000', 'hex'),
    counts,
    u32le(listed.length),
    u32le(offset),
    Buffer.alloc(2),
  ]);
}

/** A safetensors file of this header and as many zeros as it is to have behind it. */
export function safetensors(header: string | Uint8Array, data = 0, says?: bigint | number): Buffer {
  const text = Buffer.from(header as string);
  return Buffer.concat([u64le(says ?? text.length), text, Buffer.alloc(data)]);
}
