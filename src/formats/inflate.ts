/**
 * Decompression of DEFLATE (RFC 1951) and zlib (RFC 1950) data into bounded memory.
 * Compression is left out: nothing here writes compressed data.
 */

import { FormatError } from './format-error.ts';

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const END_OF_BLOCK = 256;
const MAX_BITS = 15;
/**
 * Ten bytes can ask for tables of 65,536 entries and hold nothing. Encoders write thousands of bytes in a block: a file
 * may ask for so many entries for each byte that it gives, beyond so many for its beginning.
 */
const MAX_TABLES_PER_BYTE = 16;
const MAX_SPARE_TABLES = 2 ** 21;

function malformed(what: string): FormatError {
  return new FormatError('deflate.malformed', `malformed compressed data: ${what}`);
}

/** A prefix code as a table over the next `bits` bits: each entry is `symbol << 4 | length`, 0 where no code fits. */
interface PrefixCode {
  readonly bits: number;
  readonly table: Uint16Array;
}

/** Builds a canonical code from the lengths of its symbols; an incomplete code is allowed, an oversubscribed one not. */
function prefixCode(lengths: Uint8Array): PrefixCode {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  let bits = MAX_BITS;
  while (bits > 1 && counts[bits] === 0) bits--;
  const next = new Uint32Array(MAX_BITS + 2);
  for (let length = 1; length <= MAX_BITS; length++) {
    if (next[length]! + counts[length]! > 1 << length) throw malformed('a prefix code has too many symbols');
    next[length + 1] = (next[length]! + counts[length]!) << 1;
  }
  const table = new Uint16Array(1 << bits);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const step = 1 << length;
    const entry = (symbol << 4) | length;
    for (let at = reverse(next[length]!++, length); at < table.length; at += step) table[at] = entry;
  });
  return { bits, table };
}

function reverse(code: number, length: number): number {
  let out = 0;
  for (let i = 0; i < length; i++) out |= ((code >> i) & 1) << (length - 1 - i);
  return out;
}

class Inflater {
  readonly #input: Uint8Array;
  readonly #limit: number;
  #at = 0;
  #held = 0;
  #heldBits = 0;
  #output: Uint8Array;
  #length = 0;
  /** Entries of the tables built so far. */
  #tables = 0;

  constructor(input: Uint8Array, limit: number) {
    this.#input = input;
    this.#limit = limit;
    this.#output = new Uint8Array(Math.min(limit, Math.max(256, input.length * 3)));
  }

  /** Bytes of input used, rounded up to whole bytes. */
  get consumed(): number {
    return this.#at - (this.#heldBits >> 3);
  }

  run(): Uint8Array {
    let final = false;
    while (!final) {
      final = this.#take(1) === 1;
      const type = this.#take(2);
      if (type === 0) this.#stored();
      else if (type === 1) this.#compressed(...fixedCodes());
      else if (type === 2) this.#compressed(...this.#dynamicCodes());
      else throw malformed('block type 3');
    }
    return this.#output.subarray(0, this.#length);
  }

  /** Holds at least `count` (up to 16) bits; beyond the end of the input they are zero. */
  #fill(count: number): void {
    while (this.#heldBits < count) {
      this.#held |= (this.#input[this.#at] ?? 0) << this.#heldBits;
      this.#at++;
      this.#heldBits += 8;
    }
  }

  #drop(count: number): void {
    this.#held >>>= count;
    this.#heldBits -= count;
    if (this.consumed > this.#input.length) throw malformed('it ends early');
  }

  #take(count: number): number {
    this.#fill(count);
    const value = this.#held & ((1 << count) - 1);
    this.#drop(count);
    return value;
  }

  #symbol({ bits, table }: PrefixCode): number {
    this.#fill(bits);
    const entry = table[this.#held & ((1 << bits) - 1)]!;
    if (entry === 0) throw malformed('bits that are no code');
    this.#drop(entry & 15);
    return entry >> 4;
  }

  #stored(): void {
    this.#drop(this.#heldBits & 7);
    const length = this.#take(16);
    if (this.#take(16) !== (~length & 0xffff)) throw malformed('the length of a stored block fails its check');
    // Whole bytes may still be held; the block continues at the first of them.
    this.#at = this.consumed;
    this.#held = 0;
    this.#heldBits = 0;
    if (this.#at + length > this.#input.length) throw malformed('it ends early');
    this.#reserve(length);
    this.#output.set(this.#input.subarray(this.#at, this.#at + length), this.#length);
    this.#length += length;
    this.#at += length;
  }

  #dynamicCodes(): [PrefixCode, PrefixCode] {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const order = this.#take(4) + 4;
    const lengths = new Uint8Array(19);
    for (let i = 0; i < order; i++) lengths[CODE_LENGTH_ORDER[i]!] = this.#take(3);
    const code = prefixCode(lengths);
    const all = new Uint8Array(literals + distances);
    for (let i = 0; i < all.length; ) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw malformed('a repeat without a length before it');
      const value = symbol === 16 ? all[i - 1]! : 0;
      const count = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + count > all.length) throw malformed('more code lengths than codes');
      all.fill(value, i, i + count);
      i += count;
    }
    const codes: [PrefixCode, PrefixCode] = [prefixCode(all.subarray(0, literals)), prefixCode(all.subarray(literals))];
    this.#tables += codes[0].table.length + codes[1].table.length;
    if (this.#tables > MAX_SPARE_TABLES + MAX_TABLES_PER_BYTE * this.#length)
      throw malformed('blocks that hold nothing');
    return codes;
  }

  #compressed(literals: PrefixCode, distances: PrefixCode): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) {
        if (this.#length === this.#output.length) this.#reserve(1);
        this.#output[this.#length++] = symbol;
        continue;
      }
      const row = symbol - 257;
      if (row >= LENGTH_BASE.length) throw malformed(`length symbol ${symbol}`);
      const length = LENGTH_BASE[row]! + this.#take(LENGTH_EXTRA[row]!);
      this.#copy(this.#distance(distances), length);
    }
  }

  #distance(code: PrefixCode): number {
    const symbol = this.#symbol(code);
    if (symbol >= 30) throw malformed(`distance symbol ${symbol}`);
    const extra = Math.max(0, (symbol >> 1) - 1);
    return (symbol < 2 ? symbol : (2 + (symbol & 1)) << extra) + 1 + this.#take(extra);
  }

  #copy(distance: number, length: number): void {
    if (distance > this.#length) throw malformed('a distance that points before the start');
    this.#reserve(length);
    const out = this.#output;
    let at = this.#length;
    // The ranges may overlap: a copy repeats what it has just written.
    for (let i = 0; i < length; i++, at++) out[at] = out[at - distance]!;
    this.#length = at;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#output.length) return;
    if (needed > this.#limit) {
      throw new FormatError('deflate.too-large', `compressed data expands beyond the limit of ${this.#limit} bytes`);
    }
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#output.length * 2)));
    grown.set(this.#output.subarray(0, this.#length));
    this.#output = grown;
  }
}

/** Built once: a block of ten bits may ask for them. */
let fixed: readonly [PrefixCode, PrefixCode] | undefined;

function fixedCodes(): readonly [PrefixCode, PrefixCode] {
  if (fixed === undefined) {
    const literals = new Uint8Array(288).fill(8);
    literals.fill(9, 144, 256);
    literals.fill(7, 256, 280);
    fixed = [prefixCode(literals), prefixCode(new Uint8Array(30).fill(5))];
  }
  return fixed;
}

/**
 * Decompresses a raw DEFLATE stream; bytes after its final block are ignored.
 * Throws `deflate.malformed`, or `deflate.too-large` as soon as the output would exceed `limit` bytes.
 */
export function inflateRaw(input: Uint8Array, limit: number): Uint8Array {
  return new Inflater(input, limit).run();
}

/** Decompresses a zlib stream and checks its Adler-32. Throws as `inflateRaw` does. */
export function inflateZlib(input: Uint8Array, limit: number): Uint8Array {
  const [cmf = 0, flags = 0] = input;
  if ((cmf & 15) !== 8 || (cmf * 256 + flags) % 31 !== 0 || flags & 32) throw malformed('no zlib header');
  const inflater = new Inflater(input.subarray(2), limit);
  const output = inflater.run();
  const at = 2 + inflater.consumed;
  if (at + 4 > input.length) throw malformed('it ends early');
  const stored = new DataView(input.buffer, input.byteOffset + at, 4).getUint32(0);
  if (stored !== adler32(output)) throw malformed('the checksum does not match');
  return output;
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let i = 0; i < bytes.length; ) {
    // 3854 additions of at most 255 stay below 2^32 before the reduction.
    const end = Math.min(bytes.length, i + 3854);
    for (; i < end; i++) {
      a += bytes[i]!;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}
