/**
 * Textual inversions inside pictures, as A1111 shares them: JSON in which a tensor is `{"TORCHTENSOR": [[...]]}`, stored
 * as text beside the pixels (base64, for which see whoever reads files) or in the pixels themselves: compressed, its
 * bytes' low halves in a panel left of the picture and their high halves in one right of it, each in the low four bits
 * of a channel, set apart by black columns and masked by a fixed stream of random numbers.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/textual_inversion/image_embedding.py (format). Left out: writing them.
 */

import type { PixelImage } from '#core/image';
import { sizeOf } from '#core/tensor';
import { FormatError } from '#formats/format-error';
import { inflateZlib } from '#formats/inflate';
import { decodeEither } from '#formats/text';
import type { Matrix } from '../adapters/matrix.ts';
import { ModelFileError } from '../model-error.ts';
import { asTable, checked, type Embedding, soleTable } from './read.ts';

/** Keyword of the text beside the pixels. */
export const embeddingKeyword = 'sd-ti-embedding';

/** Text of a few hundred vectors. */
const largestText = 64 * 2 ** 20;

/** The JSON inside the pixels; undefined for a picture that has no panels of data. @throws FormatError for damage */
export async function textInPixels(image: PixelImage): Promise<string | undefined> {
  const { width, height, nibbles } = croppedNibbles(image);
  const black = (column: number): boolean => {
    for (let row = 0; row < height; row++) {
      for (let c = 0; c < 3; c++) if (nibbles[(row * width + column) * 3 + c] !== 0) return false;
    }
    return true;
  };
  const columns = Array.from({ length: width }, (_, i) => i).filter(black);
  if (columns.length < 2) return undefined;
  const low = unmasked(panel(nibbles, width, height, 0, columns[0]!));
  const high = unmasked(panel(nibbles, width, height, columns.at(-1)! + 1, width));
  if (low.length === 0 || low.length !== high.length) return undefined;
  return await inflateRepeated(low.map((half, i) => half | (high[i]! << 4)));
}

/** The panels hold the compressed bytes and then their beginning once more, up to a whole number of columns. */
async function inflateRepeated(bytes: Uint8Array): Promise<string> {
  for (const length of [...periodsOf(bytes), bytes.length]) {
    const text = await inflateZlib(bytes.subarray(0, length), largestText).catch(() => undefined);
    if (text) return decodeEither(text);
  }
  throw new FormatError('embedding.malformed', 'the data in the picture is damaged');
}

/** Lengths after which the bytes begin again, the shortest first: by the borders of Knuth, Morris and Pratt. */
function periodsOf(bytes: Uint8Array): number[] {
  const border = new Uint32Array(bytes.length + 1);
  let length = 0;
  for (let i = 1; i < bytes.length; i++) {
    while (length > 0 && bytes[i] !== bytes[length]) length = border[length]!;
    if (bytes[i] === bytes[length]) length++;
    border[i + 1] = length;
  }
  const periods: number[] = [];
  for (let b = border[bytes.length]!; b > 0; b = border[b]!) periods.push(bytes.length - b);
  return periods;
}

/** Low halves of the channels within the rows and columns that have a pixel without a black channel. */
function croppedNibbles({ width, height, channels, data }: PixelImage) {
  const at = (x: number, y: number, c: number): number => data[(y * width + x) * channels + (channels === 1 ? 0 : c)]!;
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (at(x, y, 0) === 0 || at(x, y, 1) === 0 || at(x, y, 2) === 0) continue;
      [left, right, top, bottom] = [
        Math.min(left, x),
        Math.max(right, x + 1),
        Math.min(top, y),
        Math.max(bottom, y + 1),
      ];
    }
  }
  const [w, h] = [Math.max(right - left, 0), Math.max(bottom - top, 0)];
  const nibbles = new Uint8Array(w * h * 3);
  for (let i = 0; i < nibbles.length; i++) {
    const pixel = Math.floor(i / 3);
    nibbles[i] = at(left + (pixel % w), top + Math.floor(pixel / w), i % 3) & 0x0f;
  }
  return { width: w, height: h, nibbles };
}

function panel(nibbles: Uint8Array, width: number, height: number, from: number, to: number): Uint8Array {
  const out = new Uint8Array(Math.max(to - from, 0) * height * 3);
  for (let row = 0; row < height; row++) {
    out.set(nibbles.subarray((row * width + from) * 3, (row * width + to) * 3), row * (to - from) * 3);
  }
  return out;
}

/** A linear congruential generator (Numerical Recipes' constants) from 0, modulo 255. */
function unmasked(masked: Uint8Array): Uint8Array {
  let state = 0;
  return masked.map((half) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return half ^ ((state % 255) & 0x0f);
  });
}

/** @throws ModelFileError for text that is no embedding */
export function embeddingOfText(text: string, path: string): Embedding & { readonly name?: string | undefined } {
  const bad = (): ModelFileError =>
    new ModelFileError('embedding', 'the picture holds no embedding that can be read', path);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw bad();
  }
  const root = fieldsOf(data);
  const params = fieldsOf(root?.string_to_param) ?? root ?? {};
  const found = Object.entries(params).flatMap(([key, value]) => {
    const tensor = fieldsOf(value)?.TORCHTENSOR;
    return tensor === undefined ? [] : [[key, tableOf(tensor)] as const];
  });
  const keyed = found.every(([key]) => /^clip_[a-z]$/.test(key));
  const tables = found.map(([key, table]): [string, Matrix] => {
    if (!table) throw bad();
    return [keyed ? key : soleTable, table];
  });
  if (tables.length === 0 || (!keyed && tables.length > 1)) throw bad();
  const name = typeof root?.name === 'string' ? root.name : undefined;
  return { ...checked({ tables: new Map(tables) }, path), name };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** Rows of numbers of one width, or one row. */
function tableOf(value: unknown): Matrix | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const rows: unknown[] = Array.isArray(value[0]) ? value : [value];
  const width = (rows[0] as unknown[]).length;
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) && row.length === width && row.every((x) => typeof x === 'number');
  if (width === 0 || !rows.every(isRow)) return undefined;
  const shape = [rows.length, width];
  const data = new Float32Array(sizeOf(shape));
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return asTable({ shape, data });
}
