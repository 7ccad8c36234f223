/** Readers of bytes, and bytes of any length that are the worst for each. */

import type { ByteSource } from '#formats/byte-source';
import { openCheckpoint } from '#formats/checkpoint';
import { readExifMakeAndModel, readExifUserComment } from '#formats/exif';
import { readGgufHeader } from '#formats/gguf';
import { readPictureTexts } from '#formats/infotext-file';
import { readSafetensorsHeader } from '#formats/safetensors';
import { readZipDirectory } from '#formats/zip';
import { png, safetensors, textChunk, u32le, u64le, zip } from '../hostile/bytes.ts';
import type { Reader, Shapes } from './reader.ts';

const fill = (piece: string | Uint8Array, size: number): Buffer => Buffer.alloc(size, piece);
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

function sourceOf(bytes: Uint8Array): ByteSource {
  return { name: 'grown', size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A TIFF structure whose directory has so many entries of one tag, and then the bytes. */
function tiff(entries: number, rest: Uint8Array): Buffer {
  const directory = Buffer.alloc(2 + entries * 12);
  directory.writeUInt16LE(entries & 0xffff);
  for (let i = 0; i < entries; i++) directory.writeUInt16LE(0x100, 2 + i * 12);
  return Buffer.concat([latin1('II*\0'), u32le(8), directory, rest]);
}

function comment(text: Uint8Array): Buffer {
  const entry = Buffer.alloc(14);
  entry.writeUInt16LE(1);
  entry.writeUInt16LE(0x9286, 2);
  entry.writeUInt16LE(7, 4);
  entry.writeUInt32LE(text.length, 6);
  entry.writeUInt32LE(22, 10);
  return Buffer.concat([latin1('II*\0'), u32le(8), entry, text]);
}

const exifs: Shapes<Uint8Array> = (size) => ({
  NULs: comment(Buffer.alloc(size)),
  'spaces without a code': comment(fill(' ', size)),
  'a mark and NULs': comment(Buffer.concat([latin1('UNICODE\0'), Buffer.alloc(size)])),
  letters: comment(Buffer.concat([latin1('UNICODE\0'), fill('a\0', size)])),
  'no UTF-8': comment(Buffer.concat([latin1('ASCII\0\0\0'), fill(Uint8Array.of(0xc3), size)])),
  entries: tiff(65_535, Buffer.alloc(size)),
  'a directory in itself': Buffer.concat([latin1('II*\0'), u32le(8), fill(u32le(8), size)]),
});

const riff = (body: Uint8Array) => Buffer.concat([latin1('RIFF'), u32le(body.length + 4), latin1('WEBP'), body]);
const box = (type: string, body: Uint8Array) => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const ftyp = box('ftyp', latin1('avif\0\0\0\0avif'));
const gif = (body: Uint8Array) => Buffer.concat([latin1('GIF89a'), Buffer.alloc(7), body]);
const jpeg = (body: Uint8Array) => Buffer.concat([Buffer.from([0xff, 0xd8]), body]);

const pictures: Shapes<Uint8Array> = (size) => ({
  'PNG: empty chunks': png({}, times(size / 12, () => textChunk('a', '')).slice(0, size / 14)),
  'PNG: many texts': png(
    {},
    times(size / 40, (i) => textChunk(`k${i}`, 'aaaaaaaaaaaaaaaa')),
  ),
  'PNG: one text': png({}, [textChunk('parameters', 'a'.repeat(size))]),
  'PNG: NULs in a text': png({}, [textChunk('parameters', '\0'.repeat(size))]),
  'JPEG: fill bytes': jpeg(Buffer.concat([fill(Uint8Array.of(0xff), size), Buffer.from([0xda])])),
  'JPEG: empty segments': jpeg(fill(Uint8Array.of(0xff, 0xe5, 0, 2), size)),
  'JPEG: comments': jpeg(fill(Uint8Array.of(0xff, 0xfe, 0, 2), size)),
  'WebP: empty chunks': riff(fill(latin1('abcd\0\0\0\0'), size - (size % 8))),
  'WebP: a comment of NULs': riff(Buffer.concat([latin1('EXIF'), u32le(size + 22), comment(Buffer.alloc(size))])),
  'AVIF: empty boxes': Buffer.concat([ftyp, fill(Uint8Array.of(0, 0, 0, 8, 97, 97, 97, 97), size - (size % 8))]),
  'AVIF: items': Buffer.concat([
    ftyp,
    box(
      'meta',
      Buffer.concat([
        Buffer.alloc(4),
        box('iinf', Buffer.concat([Buffer.alloc(6), fill(box('infe', Buffer.from('\x02\0\0\0\0\x01\0\0jpeg')), size)])),
        box('iloc', Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff]), Buffer.alloc(size)])),
      ]),
    ),
  ]),
  'GIF: blocks of one': gif(Buffer.concat([Buffer.from([0x21, 0xfe]), fill(Uint8Array.of(1, 97), size)])),
  'GIF: empty extensions': gif(fill(Uint8Array.of(0x21, 0xf9, 0), size)),
});

const tensor = (i: number) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
const headers: Shapes<Uint8Array> = (size) => ({
  spaces: safetensors(`{${' '.repeat(size)}}`),
  tensors: safetensors(`{${times(size / 60, tensor).join(',')}}`),
  'a long name': safetensors(`{"${'a'.repeat(size)}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
  dimensions: safetensors(`{"a":{"dtype":"F32","shape":[${'1,'.repeat(size / 2)}1],"data_offsets":[0,4]}}`, 4),
  'large dimensions': safetensors(
    `{"a":{"dtype":"F32","shape":[${'4294967295,'.repeat(size / 11)}0],"data_offsets":[0,0]}}`,
  ),
  digits: safetensors(`{"a":{"dtype":"F32","shape":[${'9'.repeat(size)}],"data_offsets":[0,0]}}`),
  metadata: safetensors(`{"__metadata__":{${times(size / 14, (i) => `"k${i}":"v"`).join(',')}}}`),
  'numbers as keys': safetensors(`{"__metadata__":{${times(size / 12, (i) => `"${i}":"v"`).join(',')}}}`),
  escapes: safetensors(`{"__metadata__":{"a":"${'\\u0041'.repeat(size / 6)}"}}`),
  fields: safetensors(`{"a":{${times(size / 10, (i) => `"k${i}":1`).join(',')}}}`),
});

const pickle = (body: Uint8Array) =>
  zip([{ name: 'archive/data.pkl', data: Buffer.concat([Buffer.from([0x80, 2]), body, latin1('.')]) }]);
const orderedDict = latin1('ccollections\nOrderedDict\n');
const pickles: Shapes<Uint8Array> = (size) => ({
  'pairs taken again and again': pickle(
    Buffer.concat([
      latin1('](K\u0001K\u0001\u0086q\u0001'),
      fill(latin1('h\u0001'), size / 2 - ((size / 2) % 2)),
      latin1('eq\u0002'),
      ...times(size / 60, () => Buffer.concat([orderedDict, latin1('h\u0002\u0085R0')])),
    ]),
  ),
  'nested tuples': pickle(fill(latin1(')\u0085'), size - (size % 2))),
  'one in the other': pickle(Buffer.concat([latin1(')'), fill(latin1('\u0085'), size)])),
  'twice in the other': pickle(Buffer.concat([latin1(')'), fill(latin1('2\u0086'), size - (size % 2))])),
  memos: pickle(Buffer.concat([latin1(']'), ...times(size / 5, (i) => Buffer.concat([latin1('r'), u32le(i)]))])),
  marks: pickle(fill('(', size)),
  'marks and ends': pickle(Buffer.concat([fill('(', size / 2), fill('1', size / 2)])),
  'values and ends': pickle(Buffer.concat([fill('N', size / 2), fill('(1', size / 2)])),
  'lists appended to': pickle(Buffer.concat([latin1(']'), fill('Na', size - (size % 2))])),
  'a dictionary of one key': pickle(Buffer.concat([latin1('}'), fill('NNs', size - (size % 3))])),
  'a number of digits': pickle(latin1(`I${'9'.repeat(size)}\n`)),
  'numbers of bytes': pickle(Buffer.concat([Buffer.from([0x8b]), u32le(size), fill(Uint8Array.of(0x7f), size)])),
  'lines without end': pickle(fill('S', size)),
  'texts of escapes': pickle(latin1(`S'${'\\n'.repeat(size / 2)}'\n`)),
  'escaped lines': pickle(latin1(`V${'\\u0041'.repeat(size / 6)}\n`)),
  legacy: Buffer.concat([latin1('(dp0\n'), fill('S"a"\nI1\ns', size), latin1('.')]),
});

const archives: Shapes<Uint8Array> = (size) => ({
  members: zip(times(size / 100, (i) => ({ name: `archive/data/${i}`, data: Buffer.alloc(0) }))),
  'long names': zip(times(size / 60_000, (i) => ({ name: `${i}${'a'.repeat(60_000)}`, data: Buffer.alloc(0) }))),
  'ends without end': fill(latin1('PK\u0005\u0006'), size - (size % 4)),
  'one name': zip(times(size / 100, () => ({ name: 'a', data: Buffer.alloc(0) }))),
});

const ggufText = (text: string) => Buffer.concat([u64le(text.length), Buffer.from(text)]);
const gguf = (tensors: number, pairs: number, ...body: readonly Uint8Array[]) =>
  Buffer.concat([latin1('GGUF'), u32le(3), u64le(tensors), u64le(pairs), ...body]);
const ggufs: Shapes<Uint8Array> = (size) => ({
  pairs: gguf(
    0,
    Math.floor(size / 30),
    ...times(size / 30, (i) => Buffer.concat([ggufText(`k${i}`), u32le(4), u32le(i)])),
  ),
  'a text': gguf(0, 1, ggufText('a'), u32le(8), ggufText('a'.repeat(size))),
  'an array of bytes': gguf(0, 1, ggufText('a'), u32le(9), u32le(0), u64le(size), Buffer.alloc(size)),
  'an array of texts': gguf(0, 1, ggufText('a'), u32le(9), u32le(8), u64le(Math.floor(size / 8)), Buffer.alloc(size)),
  tensors: gguf(
    Math.floor(size / 40),
    0,
    ...times(size / 40, (i) => Buffer.concat([ggufText(`t${i}`), u32le(1), u64le(0), u32le(0), u64le(0)])),
  ),
  'a long name': gguf(1, 0, ggufText('a'.repeat(size)), u32le(0)),
});

const bytes = (
  name: string,
  shapes: Shapes<Uint8Array>,
  read: (bytes: Uint8Array) => unknown,
  most?: number,
): Reader => ({
  name,
  most,
  shapes: (size) => Object.entries(shapes(size)).map(([shape, input]) => [shape, () => read(input)]),
});

export const byteReaders: readonly Reader[] = [
  bytes('EXIF', exifs, (exif) => [readExifUserComment(exif), readExifMakeAndModel(exif)]),
  bytes('pictures', pictures, async (picture) => await readPictureTexts(picture, ['prompt', 'workflow', 'Comment'])),
  bytes('safetensors', headers, async (file) => await readSafetensorsHeader(sourceOf(file))),
  bytes('pickle', pickles, async (file) => await openCheckpoint(sourceOf(file))),
  bytes('zip directory', archives, async (file) => await readZipDirectory(sourceOf(file))),
  bytes('GGUF header', ggufs, async (file) => await readGgufHeader(sourceOf(file))),
];
