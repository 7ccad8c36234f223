/**
 * The directory of a zip archive and bounded reading of its members (PKWARE APPNOTE 6.3.10), strict where readers are
 * known to disagree: an archive that two readers could understand differently is refused.
 *
 * Refused: bytes before the archive or between it and its directory, several end records, encryption, several disks,
 * compression other than deflate, names that are taken or leave the archive, members that overlap, a local header
 * that states another name. CRC-32 is always checked. Writing is left out.
 */

import type { ByteSource } from './byte-source.ts';
import { crc32 } from './crc32.ts';
import { FormatError } from './format-error.ts';
import { inflateRaw } from './inflate.ts';
import { quoteName } from './quote-name.ts';
import { decodeLatin1, decodeUtf8 } from './text.ts';

type ZipFault = 'malformed' | 'truncated' | 'too-large' | 'unsafe-name' | 'unsupported' | 'crc';

export interface ZipMember {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  readonly crc: number;
  /** Bytes in the file, from `offset`, and when decompressed. */
  readonly offset: number;
  readonly compressedSize: number;
  readonly size: number;
}

const EOCD = 0x06054b50;
const EOCD64 = 0x06064b50;
const EOCD64_LOCATOR = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const EOCD_BYTES = 22;
const MAX_COMMENT = 0xffff;
const MAX_MEMBERS = 65_000;
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;
const ENCRYPTED = 0x0001;
const UTF8_NAME = 0x0800;

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

interface Entry {
  readonly name: string;
  readonly rawName: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly localOffset: number;
}

/** Reads the directory and every local header. Throws FormatError. */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipMember>> {
  const reader = new ZipReader(source);
  return reader.members();
}

/**
 * The bytes of a member, decompressed and with their CRC checked; `limit` bounds the memory taken.
 * Throws FormatError (`too-large`, `crc`, `malformed`).
 */
export async function readZipMember(source: ByteSource, member: ZipMember, limit: number): Promise<Uint8Array> {
  const fail = (kind: ZipFault, what: string, cause?: unknown): FormatError =>
    new FormatError(`zip.${kind}`, what, { file: source.name, place: `member ${quoteName(member.name)}`, cause });
  if (member.size > limit) throw fail('too-large', `takes ${member.size} bytes, at most ${limit} are read`);
  const raw = await source.read(member.offset, member.compressedSize);
  let bytes = raw;
  if (member.method === 'deflated') {
    try {
      bytes = await inflateRaw(raw, member.size);
    } catch (cause) {
      throw fail('malformed', `is damaged (${cause instanceof Error ? cause.message : cause})`, cause);
    }
  }
  if (bytes.length !== member.size)
    throw fail('malformed', `has ${bytes.length} bytes, its header states ${member.size}`);
  const crc = crc32(bytes);
  if (crc !== member.crc) {
    const hex = (n: number): string => n.toString(16).padStart(8, '0');
    throw fail('crc', `is damaged: its CRC-32 is ${hex(crc)}, expected ${hex(member.crc)}; download the file again`);
  }
  return bytes;
}

class ZipReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async members(): Promise<Map<string, ZipMember>> {
    const directory = await this.#findDirectory();
    const entries = this.#parseEntries(directory, await this.#read(directory.offset, directory.size));
    const members = new Map<string, ZipMember>();
    let previousEnd = 0;
    for (const entry of entries.sort((a, b) => a.localOffset - b.localOffset)) {
      if (entry.localOffset < previousEnd)
        throw this.#error('malformed', `member ${quoteName(entry.name)} overlaps another`);
      const member = await this.#locate(entry, directory.offset);
      previousEnd = member.offset + member.compressedSize;
      members.set(member.name, member);
    }
    return members;
  }

  /** The end record stands at the very end, after it only its comment. */
  async #findDirectory(): Promise<Directory> {
    const { size } = this.#source;
    const start = Math.max(0, size - EOCD_BYTES - MAX_COMMENT);
    const tail = await this.#read(start, size - start);
    const view = viewOf(tail);
    const found: number[] = [];
    for (let at = tail.length - EOCD_BYTES; at >= 0; at--) {
      const fits = view.getUint32(at, true) === EOCD && at + EOCD_BYTES + view.getUint16(at + 20, true) === tail.length;
      if (fits) found.push(at);
    }
    if (found.length === 0) {
      throw this.#error('truncated', 'the zip archive has no end record; the file is cut short, download it again');
    }
    if (found.length > 1) throw this.#error('malformed', 'the zip archive has several end records');
    const at = found[0]!;
    const disks = view.getUint16(at + 4, true) + view.getUint16(at + 6, true);
    const directory = {
      count: view.getUint16(at + 10, true),
      size: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
    const wide = await this.#findDirectory64(start + at);
    return this.#checkDirectory(wide?.directory ?? directory, wide?.end ?? start + at, disks);
  }

  /** The zip64 end record, when a locator for it precedes the end record at `end`. */
  async #findDirectory64(end: number): Promise<{ directory: Directory; end: number } | undefined> {
    if (end < 20) return undefined;
    const locator = viewOf(await this.#read(end - 20, 20));
    if (locator.getUint32(0, true) !== EOCD64_LOCATOR) return undefined;
    const at = this.#size(locator.getBigUint64(8, true));
    if (at + 56 > end - 20) throw this.#error('malformed', 'the zip64 end record is not where its locator says');
    const view = viewOf(await this.#read(at, 56));
    if (view.getUint32(0, true) !== EOCD64) throw this.#error('malformed', 'there is no zip64 end record');
    const [count, size, offset] = [32, 40, 48].map((field) => this.#size(view.getBigUint64(field, true)));
    return { directory: { count: count!, size: size!, offset: offset! }, end: at };
  }

  #checkDirectory(directory: Directory, end: number, disks: number): Directory {
    const { offset, size, count } = directory;
    if (disks !== 0) throw this.#error('unsupported', 'the zip archive spans several disks');
    if (count > MAX_MEMBERS || size > MAX_DIRECTORY_BYTES) {
      throw this.#error('too-large', `the zip archive has ${count} members, at most ${MAX_MEMBERS} are read`);
    }
    if (offset + size !== end) {
      throw this.#error('malformed', `the zip directory ends at byte ${offset + size}, expected ${end}`);
    }
    return directory;
  }

  #parseEntries({ count }: Directory, bytes: Uint8Array): Entry[] {
    const view = viewOf(bytes);
    const entries: Entry[] = [];
    const names = new Set<string>();
    let at = 0;
    for (let i = 0; i < count; i++) {
      if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) {
        throw this.#error('malformed', `the zip directory has ${i} entries, its end record states ${count}`);
      }
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
      const end = at + 46 + nameLength! + extraLength! + commentLength!;
      if (end > bytes.length) throw this.#error('malformed', 'the zip directory ends inside an entry');
      const entry = this.#parseEntry(bytes.subarray(at, end), nameLength!, extraLength!);
      if (names.has(entry.name)) throw this.#error('malformed', `two members are named ${quoteName(entry.name)}`);
      names.add(entry.name);
      entries.push(entry);
      at = end;
    }
    if (at !== bytes.length) throw this.#error('malformed', 'there are unknown bytes in the zip directory');
    return entries;
  }

  #parseEntry(bytes: Uint8Array, nameLength: number, extraLength: number): Entry {
    const view = viewOf(bytes);
    const flags = view.getUint16(8, true);
    const rawName = bytes.subarray(46, 46 + nameLength);
    const name = this.#name(rawName, flags);
    const method = view.getUint16(10, true);
    if (flags & ENCRYPTED) throw this.#error('unsupported', `member ${quoteName(name)} is encrypted`);
    if (method !== 0 && method !== 8)
      throw this.#error('unsupported', `member ${quoteName(name)} has compression ${method}`);
    const extra = bytes.subarray(46 + nameLength, 46 + nameLength + extraLength);
    const [size, compressedSize, localOffset] = this.#wideSizes(
      [view.getUint32(24, true), view.getUint32(20, true), view.getUint32(42, true)],
      extra,
    );
    return {
      name,
      rawName,
      method,
      crc: view.getUint32(16, true),
      compressedSize: compressedSize!,
      size: size!,
      localOffset: localOffset!,
    };
  }

  /** Values of 2^32 - 1 stand, in this order, in the zip64 extra field. */
  #wideSizes(values: readonly number[], extra: Uint8Array): number[] {
    if (!values.includes(0xffffffff)) return [...values];
    const view = viewOf(extra);
    for (let at = 0; at + 4 <= extra.length; ) {
      const end = at + 4 + view.getUint16(at + 2, true);
      if (view.getUint16(at, true) === 1 && end <= extra.length) {
        let field = at + 4;
        return values.map((value) => {
          if (value !== 0xffffffff) return value;
          if (field + 8 > end) throw this.#error('malformed', 'a zip64 field is cut short');
          field += 8;
          return this.#size(view.getBigUint64(field - 8, true));
        });
      }
      at = end;
    }
    return [...values];
  }

  #name(raw: Uint8Array, flags: number): string {
    const name = flags & UTF8_NAME ? decodeUtf8(raw) : decodeLatin1(raw);
    if (name === undefined) throw this.#error('malformed', 'a member name is not UTF-8');
    const unsafe = /[\0\\]|^\/|^[A-Za-z]:/.test(name) || name.split('/').some((part) => part === '..' || part === '.');
    if (unsafe || name === '') {
      throw this.#error(
        'unsafe-name',
        `the member name ${quoteName(name)} could leave the archive; the file is hostile or damaged`,
      );
    }
    return name;
  }

  /** Finds where a member's data begins, and checks its local header against the directory. */
  async #locate(entry: Entry, limit: number): Promise<ZipMember> {
    const { name, rawName, localOffset, compressedSize, size, crc } = entry;
    const wrong = (what: string): FormatError => this.#error('malformed', `member ${quoteName(name)}: ${what}`);
    if (localOffset + 30 + rawName.length > limit) throw wrong('its header lies beyond the data');
    const bytes = await this.#read(localOffset, 30 + rawName.length);
    const view = viewOf(bytes);
    const sameName = view.getUint16(26, true) === rawName.length && rawName.every((b, i) => bytes[30 + i] === b);
    if (view.getUint32(0, true) !== LOCAL || !sameName) throw wrong('its local header has another name');
    if (view.getUint16(8, true) !== entry.method) throw wrong('its local header has another compression');
    const offset = localOffset + bytes.length + view.getUint16(28, true);
    if (offset + compressedSize > limit)
      throw wrong(`it claims ${compressedSize} bytes, ${Math.max(0, limit - offset)} are there`);
    const method = entry.method === 0 ? 'stored' : 'deflated';
    if (method === 'stored' && size !== compressedSize) throw wrong('it is stored but states two sizes');
    return { name, method, crc, offset, compressedSize, size };
  }

  /** A 64-bit number as a double; what no file has becomes 2^52, so that sums stay exact. */
  #size(value: bigint): number {
    return value > 2n ** 52n ? 2 ** 52 : Number(value);
  }

  #read(offset: number, length: number): Promise<Uint8Array> {
    return this.#source.read(offset, length);
  }

  #error(kind: ZipFault, what: string): FormatError {
    return new FormatError(`zip.${kind}`, what, { file: this.#source.name });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
