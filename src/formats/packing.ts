/**
 * Weights stored in fewer bits than anything computes with: the block types of GGUF, 8-bit floats, 8-bit integers.
 * Block types become codes with a scale (and an offset) for each block, which is also what a runtime's block-quantised
 * product takes; floats and whole tensors become float32.
 *
 * Sources: ggml/src/ggml-quants.c (`dequantize_row_*`, layouts in ggml-common.h); 8-bit floats: "FP8 Formats for Deep
 * Learning", arXiv 2209.05433. Left out: the IQ, TQ, MXFP4 and NVFP4 types, which are told by name (gguf-types.ts).
 */

import { f16ToF32Array } from '#core/half';

/** `value = scale * code + offset`, with one scale and one offset for `size` codes in a row. */
export interface Blocks {
  /** Whether all codes lie in -8..15, so that four bits hold them, or in -128..127. */
  readonly bits: 4 | 8;
  readonly size: number;
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  /** Absent where all are 0. */
  readonly offsets?: Float32Array;
}

interface Target {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  readonly offsets: Float32Array;
}

/** Unpacks stored block `i`, which begins at byte `at`. */
type BlockReader = (bytes: Uint8Array, at: number, i: number, to: Target) => void;

interface PackingRow {
  /** Elements and bytes of one stored block. */
  readonly elements: number;
  readonly bytes: number;
  /** Codes that share a scale; a stored block may hold several such. */
  readonly size: number;
  readonly bits: 4 | 8;
  readonly hasOffsets?: boolean;
  readonly read: BlockReader;
}

const rows = {
  Q4_0: { elements: 32, bytes: 18, size: 32, bits: 4, read: readQ4_0 },
  Q4_1: { elements: 32, bytes: 20, size: 32, bits: 4, hasOffsets: true, read: readQ4_1 },
  Q5_0: { elements: 32, bytes: 22, size: 32, bits: 8, read: readQ5_0 },
  Q5_1: { elements: 32, bytes: 24, size: 32, bits: 8, hasOffsets: true, read: readQ5_1 },
  Q8_0: { elements: 32, bytes: 34, size: 32, bits: 8, read: readQ8_0 },
  Q2_K: { elements: 256, bytes: 84, size: 16, bits: 4, hasOffsets: true, read: readQ2K },
  Q3_K: { elements: 256, bytes: 110, size: 16, bits: 4, read: readQ3K },
  Q4_K: { elements: 256, bytes: 144, size: 32, bits: 4, hasOffsets: true, read: readQ4K },
  Q5_K: { elements: 256, bytes: 176, size: 32, bits: 8, hasOffsets: true, read: readQ5K },
  Q6_K: { elements: 256, bytes: 210, size: 16, bits: 8, read: readQ6K },
} as const satisfies Record<string, PackingRow>;

export type BlockPacking = keyof typeof rows;

export const blockPackings = Object.keys(rows) as readonly BlockPacking[];

/** I8: whole numbers that a scale of the tensor or of each row goes with. */
export type Packing = BlockPacking | 'F8_E4M3' | 'F8_E5M2' | 'I8';

export function isBlockPacking(name: string): name is BlockPacking {
  return Object.hasOwn(rows, name);
}

/** Elements and bytes of the smallest range that can be unpacked by itself. */
export function unitOf(packing: Packing): { readonly elements: number; readonly bytes: number } {
  return isBlockPacking(packing) ? rows[packing] : { elements: 1, bytes: 1 };
}

/** How many codes share a scale, in how many bits they fit, and whether they have offsets. */
export function blockFormOf(packing: BlockPacking): Pick<PackingRow, 'size' | 'bits' | 'hasOffsets'> {
  return rows[packing];
}

/** Whole stored blocks as codes with scales. */
export function unpackBlocks(packing: BlockPacking, bytes: Uint8Array): Blocks {
  const row: PackingRow = rows[packing];
  const count = Math.floor(bytes.length / row.bytes);
  const length = (count * row.elements) / row.size;
  const to: Target = {
    codes: new Int8Array(count * row.elements),
    scales: new Float32Array(length),
    offsets: new Float32Array(row.hasOffsets ? length : 0),
  };
  for (let i = 0; i < count; i++) row.read(bytes, i * row.bytes, i, to);
  const { size, bits } = row;
  return { size, bits, codes: to.codes, scales: to.scales, ...(row.hasOffsets && { offsets: to.offsets }) };
}

/** The values that codes stand for. */
export function valuesOfBlocks({ size, codes, scales, offsets }: Blocks): Float32Array {
  const values = new Float32Array(codes.length);
  for (let block = 0, at = 0; block < scales.length; block++) {
    const scale = scales[block]!;
    const offset = offsets ? offsets[block]! : 0;
    for (const end = at + size; at < end; at++) values[at] = Math.fround(scale * codes[at]!) + offset;
  }
  return values;
}

/** The values of whole units of any packing, before a scale that lies beside them. */
export function unpackValues(packing: Packing, bytes: Uint8Array): Float32Array {
  if (isBlockPacking(packing)) return valuesOfBlocks(unpackBlocks(packing, bytes));
  if (packing === 'I8') return Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  const table = float8Values(packing);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < values.length; i++) values[i] = table[bytes[i]!]!;
  return values;
}

interface Float8Format {
  readonly mantissa: number;
  readonly bias: number;
  /** Value of a byte whose exponent bits are all one; undefined for an ordinary number. */
  special(mantissa: number): number | undefined;
}

const float8Formats = {
  /** `float8_e4m3fn`: no infinities, one NaN of each sign, largest 448. */
  F8_E4M3: { mantissa: 3, bias: 7, special: (m) => (m === 7 ? Number.NaN : undefined) },
  F8_E5M2: { mantissa: 2, bias: 15, special: (m) => (m === 0 ? Number.POSITIVE_INFINITY : Number.NaN) },
} as const satisfies Record<string, Float8Format>;

/** What each of the 256 bytes stands for. */
export function float8Values(packing: keyof typeof float8Formats): Float32Array {
  const { mantissa: bits, bias, special }: Float8Format = float8Formats[packing];
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const sign = byte & 0x80 ? -1 : 1;
    const exponent = (byte & 0x7f) >> bits;
    const mantissa = byte & (2 ** bits - 1);
    const fixed = exponent === 0x7f >> bits ? special(mantissa) : undefined;
    if (fixed !== undefined) return sign * fixed;
    const fraction = mantissa / 2 ** bits;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}

let halves: Float32Array | undefined;

/** The binary16 at a byte. */
function half(bytes: Uint8Array, at: number): number {
  halves ??= f16ToF32Array(Uint16Array.from({ length: 65536 }, (_, i) => i));
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

function readQ8_0(bytes: Uint8Array, at: number, i: number, { codes, scales }: Target): void {
  scales[i] = half(bytes, at);
  const to = 32 * i;
  for (let j = 0; j < 32; j++) codes[to + j] = bytes[at + 2 + j]!;
}

/** 16 bytes of two codes: the low nibbles are the first half of the block, the high ones the second. */
function readNibbles(bytes: Uint8Array, at: number, codes: Int8Array, to: number, zero: number): void {
  for (let j = 0; j < 16; j++) {
    const pair = bytes[at + j]!;
    codes[to + j] = (pair & 15) - zero;
    codes[to + j + 16] = (pair >> 4) - zero;
  }
}

/** The fifth bits of 32 codes. */
function addFifthBits(bytes: Uint8Array, at: number, codes: Int8Array, to: number): void {
  for (let j = 0; j < 32; j++) codes[to + j]! += ((bytes[at + (j >> 3)]! >> (j & 7)) & 1) << 4;
}

function readQ4_0(bytes: Uint8Array, at: number, i: number, { codes, scales }: Target): void {
  scales[i] = half(bytes, at);
  readNibbles(bytes, at + 2, codes, 32 * i, 8);
}

function readQ4_1(bytes: Uint8Array, at: number, i: number, { codes, scales, offsets }: Target): void {
  scales[i] = half(bytes, at);
  offsets[i] = half(bytes, at + 2);
  readNibbles(bytes, at + 4, codes, 32 * i, 0);
}

function readQ5_0(bytes: Uint8Array, at: number, i: number, { codes, scales }: Target): void {
  scales[i] = half(bytes, at);
  readNibbles(bytes, at + 6, codes, 32 * i, 16);
  addFifthBits(bytes, at + 2, codes, 32 * i);
}

function readQ5_1(bytes: Uint8Array, at: number, i: number, { codes, scales, offsets }: Target): void {
  scales[i] = half(bytes, at);
  offsets[i] = half(bytes, at + 2);
  readNibbles(bytes, at + 8, codes, 32 * i, 0);
  addFifthBits(bytes, at + 4, codes, 32 * i);
}

/** scales[16] (scale and minimum in a nibble each), codes[64] of two bits, d, dmin */
function readQ2K(bytes: Uint8Array, at: number, i: number, { codes, scales, offsets }: Target): void {
  const d = half(bytes, at + 80);
  const dmin = half(bytes, at + 82);
  for (let block = 0; block < 16; block++) {
    const packed = bytes[at + block]!;
    scales[16 * i + block] = d * (packed & 15);
    offsets[16 * i + block] = -(dmin * (packed >> 4));
    const from = at + 16 + 32 * (block >> 3) + 16 * (block & 1);
    const shift = 2 * ((block >> 1) & 3);
    const to = 256 * i + 16 * block;
    for (let l = 0; l < 16; l++) codes[to + l] = (bytes[from + l]! >> shift) & 3;
  }
}

/** high bits[32], codes[64] of two bits, scales[12] of six bits, d */
function readQ3K(bytes: Uint8Array, at: number, i: number, { codes, scales }: Target): void {
  const d = half(bytes, at + 108);
  for (let block = 0; block < 16; block++) {
    const nibble = bytes[at + 96 + (block & 7)]! >> (block < 8 ? 0 : 4);
    const high = bytes[at + 104 + (block & 3)]! >> (2 * (block >> 2));
    scales[16 * i + block] = d * (((nibble & 15) | ((high & 3) << 4)) - 32);
    const half32 = 16 * (block & 1);
    const from = at + 32 + 32 * (block >> 3) + half32;
    const shift = 2 * ((block >> 1) & 3);
    const mask = 1 << (block >> 1);
    const to = 256 * i + 16 * block;
    for (let l = 0; l < 16; l++) {
      const low = (bytes[from + l]! >> shift) & 3;
      codes[to + l] = low - (bytes[at + half32 + l]! & mask ? 0 : 4);
    }
  }
}

/** Scale and minimum `j` of eight, six bits each, in twelve bytes. */
function readScaleAndMinimum(bytes: Uint8Array, at: number, j: number): readonly [scale: number, minimum: number] {
  const byte = (k: number): number => bytes[at + k]!;
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** d, dmin, scales[12] */
function readKScales(bytes: Uint8Array, at: number, i: number, { scales, offsets }: Target): void {
  const d = half(bytes, at);
  const dmin = half(bytes, at + 2);
  for (let block = 0; block < 8; block++) {
    const [scale, minimum] = readScaleAndMinimum(bytes, at + 4, block);
    scales[8 * i + block] = d * scale;
    offsets[8 * i + block] = -(dmin * minimum);
  }
}

/** d, dmin, scales[12], codes[128] of four bits */
function readQ4K(bytes: Uint8Array, at: number, i: number, to: Target): void {
  readKScales(bytes, at, i, to);
  for (let j = 0; j < 256; j++) {
    const pair = bytes[at + 16 + 32 * (j >> 6) + (j & 31)]!;
    to.codes[256 * i + j] = j & 32 ? pair >> 4 : pair & 15;
  }
}

/** d, dmin, scales[12], fifth bits[32], codes[128] of four bits */
function readQ5K(bytes: Uint8Array, at: number, i: number, to: Target): void {
  readKScales(bytes, at, i, to);
  for (let j = 0; j < 256; j++) {
    const pair = bytes[at + 48 + 32 * (j >> 6) + (j & 31)]!;
    const fifth = (bytes[at + 16 + (j & 31)]! >> (j >> 5)) & 1;
    to.codes[256 * i + j] = (j & 32 ? pair >> 4 : pair & 15) | (fifth << 4);
  }
}

/** low bits[128], high bits[64], scales[16] of eight bits, d */
function readQ6K(bytes: Uint8Array, at: number, i: number, { codes, scales }: Target): void {
  const d = half(bytes, at + 208);
  for (let block = 0; block < 16; block++) scales[16 * i + block] = d * ((bytes[at + 192 + block]! << 24) >> 24);
  for (let j = 0; j < 256; j++) {
    const upper = j >> 7;
    const quarter = (j >> 5) & 3;
    const pair = bytes[at + 64 * upper + 32 * (quarter & 1) + (j & 31)]!;
    const low = quarter < 2 ? pair & 15 : pair >> 4;
    const high = (bytes[at + 128 + 32 * upper + (j & 31)]! >> (2 * quarter)) & 3;
    codes[256 * i + j] = (low | (high << 4)) - 32;
  }
}
