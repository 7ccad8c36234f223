/**
 * The directory of a zip archive and bounded reading of its members (PKWARE APPNOTE 6.3.10), strict where readers are
 * known to disagree: an archive that two readers could understand differently is refused.
 *
 * Refused: bytes before the archive or between it and its directory, several end records, encryption, several disks,
 * compression other than deflate, names that are taken or leave the archive, members that overlap, a local header
 * that states another name. CRC-32 is always checked. Writing is left out.
 */

import type { ByteSource } from './byte-source.ts';
import { viewOf } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { FormatError, inPlace } from './format-error.ts';
import { inflateRaw } from './inflate.ts';
import { quoteName } from './quote-name.ts';
import { decodeLatin1, decodeUtf8 } from './text.ts';

export interface ZipMember {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  readonly crc: number;
  /** Bytes in the file, from `offset`, and when decompressed. */
  readonly offset: number;
  readonly compressedSize: number;
  readonly size: number;
}

/** A record: its signature, its bytes without names and other tails, and its numbers as [byte, width]. */
interface Layout {
  readonly signature: number;
  readonly bytes: number;
  readonly numbers: Readonly<Record<string, readonly [at: number, width: 2 | 4 | 8]>>;
}

type RecordOf<L extends Layout> = { readonly [Name in keyof L['numbers']]: number };

const endRecord = {
  signature: 0x06054b50,
  bytes: 22,
  numbers: { disk: [4, 2], firstDisk: [6, 2], count: [10, 2], size: [12, 4], offset: [16, 4], comment: [20, 2] },
} as const satisfies Layout;
const locator64 = { signature: 0x07064b50, bytes: 20, numbers: { end: [8, 8] } } as const satisfies Layout;
const endRecord64 = {
  signature: 0x06064b50,
  bytes: 56,
  numbers: { count: [32, 8], size: [40, 8], offset: [48, 8] },
} as const satisfies Layout;
const directoryEntry = {
  signature: 0x02014b50,
  bytes: 46,
  numbers: {
    flags: [8, 2],
    method: [10, 2],
    crc: [16, 4],
    compressedSize: [20, 4],
    size: [24, 4],
    name: [28, 2],
    extra: [30, 2],
    comment: [32, 2],
    localOffset: [42, 4],
  },
} as const satisfies Layout;
const localHeader = {
  signature: 0x04034b50,
  bytes: 30,
  numbers: { method: [8, 2], name: [26, 2], extra: [28, 2] },
} as const satisfies Layout;

const MAX_COMMENT = 0xffff;
const MAX_MEMBERS = 65_000;
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;
const ENCRYPTED = 0x0001;
const UTF8_NAME = 0x0800;
/** In the place of a number that stands in a zip64 field. */
const WIDE = 0xffffffff;

type ZipFault = 'malformed' | 'truncated' | 'too-large' | 'unsafe-name' | 'unsupported' | 'crc';

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

interface Entry extends Omit<ZipMember, 'offset'> {
  readonly rawName: Uint8Array;
  readonly localOffset: number;
}

/** What is wrong with an archive; the two readers add the file and the member. */
function zipError(kind: ZipFault, what: string, cause?: unknown): FormatError {
  return new FormatError(`zip.${kind}`, what, { cause });
}

/** Reads the directory and every local header. Throws FormatError. */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipMember>> {
  return await inPlace({ file: source.name }, async () => {
    const directory = await findDirectory(source);
    const entries = parseEntries(directory, await source.read(directory.offset, directory.size));
    const members = new Map<string, ZipMember>();
    let previousEnd = 0;
    for (const entry of entries.sort((a, b) => a.localOffset - b.localOffset)) {
      if (entry.localOffset < previousEnd)
        throw zipError('malformed', `member ${quoteName(entry.name)} overlaps another`);
      const member = await locate(source, entry, directory.offset);
      previousEnd = member.offset + member.compressedSize;
      members.set(member.name, member);
    }
    return members;
  });
}

/**
 * The bytes of a member, decompressed and with their CRC checked; `limit` bounds the memory taken.
 * Throws FormatError (`too-large`, `crc`, `malformed`).
 */
export async function readZipMember(source: ByteSource, member: ZipMember, limit: number): Promise<Uint8Array> {
  const { name, method, size, offset, compressedSize } = member;
  return await inPlace({ file: source.name, place: `member ${quoteName(name)}` }, async () => {
    if (size > limit) throw zipError('too-large', `takes ${size} bytes, at most ${limit} are read`);
    const raw = await source.read(offset, compressedSize);
    const bytes = method === 'stored' ? raw : await inflateRaw(raw, size).catch(damaged);
    if (bytes.length !== size) throw zipError('malformed', `has ${bytes.length} bytes, its header states ${size}`);
    const crc = crc32(bytes);
    if (crc === member.crc) return bytes;
    const [got, expected] = [crc, member.crc].map((n) => n.toString(16).padStart(8, '0'));
    throw zipError('crc', `is damaged: its CRC-32 is ${got}, expected ${expected}; download the file again`);
  });
}

function damaged(cause: unknown): never {
  throw zipError('malformed', `is damaged (${cause instanceof Error ? cause.message : String(cause)})`, cause);
}

/** The end record stands at the very end, after it only its comment. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const start = Math.max(0, source.size - endRecord.bytes - MAX_COMMENT);
  const tail = viewOf(await source.read(start, source.size - start));
  const found: { readonly at: number; readonly end: RecordOf<typeof endRecord> }[] = [];
  for (let at = tail.byteLength - endRecord.bytes; at >= 0; at--) {
    const end = recordAt(endRecord, tail, at);
    if (end && at + endRecord.bytes + end.comment === tail.byteLength) found.push({ at: start + at, end });
  }
  const [last, other] = found;
  if (!last) throw zipError('truncated', 'the zip archive has no end record; the file is cut short, download it again');
  if (other) throw zipError('malformed', 'the zip archive has several end records');
  const { disk, firstDisk } = last.end;
  if (disk + firstDisk !== 0) throw zipError('unsupported', 'the zip archive spans several disks');
  const { at, end } = (await findWideEnd(source, last.at)) ?? last;
  return checkDirectory(end, at);
}

/** The zip64 end record, when a locator for it precedes the end record at `before`. */
async function findWideEnd(source: ByteSource, before: number) {
  const from = before - locator64.bytes;
  const locator = from < 0 ? undefined : await readRecord(locator64, source, from);
  if (!locator) return undefined;
  const at = locator.end;
  if (at + endRecord64.bytes > from) throw zipError('malformed', 'the zip64 end record is not where its locator says');
  const end = await readRecord(endRecord64, source, at);
  if (!end) throw zipError('malformed', 'there is no zip64 end record');
  return { at, end };
}

function checkDirectory({ offset, size, count }: Directory, end: number): Directory {
  if (count > MAX_MEMBERS || size > MAX_DIRECTORY_BYTES)
    throw zipError('too-large', `the zip archive has ${count} members, at most ${MAX_MEMBERS} are read`);
  if (offset + size !== end)
    throw zipError('malformed', `the zip directory ends at byte ${offset + size}, expected ${end}`);
  return { offset, size, count };
}

function parseEntries({ count }: Directory, bytes: Uint8Array): Entry[] {
  const view = viewOf(bytes);
  const entries = new Map<string, Entry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const record = recordAt(directoryEntry, view, at);
    if (!record) throw zipError('malformed', `the zip directory has ${i} entries, its end record states ${count}`);
    const tail = at + directoryEntry.bytes;
    at = tail + record.name + record.extra + record.comment;
    if (at > bytes.length) throw zipError('malformed', 'the zip directory ends inside an entry');
    const entry = parseEntry(record, bytes.subarray(tail, at));
    if (entries.has(entry.name)) throw zipError('malformed', `two members are named ${quoteName(entry.name)}`);
    entries.set(entry.name, entry);
  }
  if (at !== bytes.length) throw zipError('malformed', 'there are unknown bytes in the zip directory');
  return [...entries.values()];
}

/** @param tail name, extra fields and comment */
function parseEntry(record: RecordOf<typeof directoryEntry>, tail: Uint8Array): Entry {
  const { flags, method, crc } = record;
  const rawName = tail.subarray(0, record.name);
  const name = safeName(rawName, flags);
  if (flags & ENCRYPTED) throw zipError('unsupported', `member ${quoteName(name)} is encrypted`);
  if (method !== 0 && method !== 8)
    throw zipError('unsupported', `member ${quoteName(name)} has compression ${method}`);
  const extra = tail.subarray(record.name, record.name + record.extra);
  const narrow = [record.size, record.compressedSize, record.localOffset] as const;
  const [size, compressedSize, localOffset] = widened(narrow, extra);
  return { name, rawName, method: method === 0 ? 'stored' : 'deflated', crc, compressedSize, size, localOffset };
}

type Sizes = readonly [size: number, compressedSize: number, localOffset: number];

/** What 32 bits do not hold stands, in this order, in the zip64 extra field. */
function widened(sizes: Sizes, extra: Uint8Array): Sizes {
  const view = viewOf(extra);
  for (let at = 0; sizes.includes(WIDE) && at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) !== 1 || end > extra.length) {
      at = end;
      continue;
    }
    let next = at + 4;
    return sizes.map((size) => {
      if (size !== WIDE) return size;
      if (next + 8 > end) throw zipError('malformed', 'a zip64 field is cut short');
      next += 8;
      return numberAt(view, next - 8, 8);
    }) as unknown as Sizes;
  }
  return sizes;
}

function safeName(raw: Uint8Array, flags: number): string {
  const name = flags & UTF8_NAME ? decodeUtf8(raw) : decodeLatin1(raw);
  if (name === undefined) throw zipError('malformed', 'a member name is not UTF-8');
  const leaves = /[\0\\]|^\/|^[A-Za-z]:/.test(name) || name.split('/').some((part) => part === '..' || part === '.');
  if (!leaves && name !== '') return name;
  const what = `the member name ${quoteName(name)} could leave the archive; the file is hostile or damaged`;
  throw zipError('unsafe-name', what);
}

/** Finds where a member's data begins, and checks its local header against the directory. */
async function locate(source: ByteSource, entry: Entry, limit: number): Promise<ZipMember> {
  const { rawName, localOffset, ...member } = entry;
  const { method, compressedSize, size } = member;
  const wrong = (what: string): FormatError => zipError('malformed', `member ${quoteName(entry.name)}: ${what}`);
  const length = localHeader.bytes + rawName.length;
  if (localOffset + length > limit) throw wrong('its header lies beyond the data');
  const bytes = await source.read(localOffset, length);
  const header = recordAt(localHeader, viewOf(bytes), 0);
  const isNamed = header?.name === rawName.length && rawName.every((b, i) => bytes[localHeader.bytes + i] === b);
  if (!isNamed) throw wrong('its local header has another name');
  if (header.method !== (method === 'stored' ? 0 : 8)) throw wrong('its local header has another compression');
  const offset = localOffset + length + header.extra;
  const there = Math.max(0, limit - offset);
  if (offset + compressedSize > limit) throw wrong(`it claims ${compressedSize} bytes, ${there} are there`);
  if (method === 'stored' && size !== compressedSize) throw wrong('it is stored but states two sizes');
  return { ...member, offset };
}

async function readRecord<L extends Layout>(layout: L, source: ByteSource, at: number) {
  return recordAt(layout, viewOf(await source.read(at, layout.bytes)), 0);
}

/** The numbers of the record at `at`; undefined where there is none. */
function recordAt<L extends Layout>(layout: L, view: DataView, at: number): RecordOf<L> | undefined {
  if (at + layout.bytes > view.byteLength || view.getUint32(at, true) !== layout.signature) return undefined;
  const numbers = Object.entries(layout.numbers);
  return Object.fromEntries(
    numbers.map(([name, [from, width]]) => [name, numberAt(view, at + from, width)]),
  ) as RecordOf<L>;
}

/** A number of 64 bits as a double; what no file has becomes 2^52, so that sums stay exact. */
function numberAt(view: DataView, at: number, width: 2 | 4 | 8): number {
  if (width === 2) return view.getUint16(at, true);
  if (width === 4) return view.getUint32(at, true);
  const value = view.getBigUint64(at, true);
  return value > 2n ** 52n ? 2 ** 52 : Number(value);
}
