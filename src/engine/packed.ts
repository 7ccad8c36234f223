/** Unpacks weights that a file holds in blocks or in eight bits: to float32, or to codes with scales. */

import { viewBytes } from '#core/dtype';
import { f32, type HostTensor, sizeOf, toF32 } from '#core/tensor';
import {
  type Blocks,
  blockFormOf,
  isBlockPacking,
  unitOf,
  unpackBlocks,
  unpackValues,
  valuesOfBlocks,
} from '#formats/packing';
import type { WeightPacked, WeightRange } from './backend.ts';

/** The shape of what the reference stands for. */
export function packedShape({ shape, part, transpose }: WeightPacked): readonly number[] {
  const own = part ? [shape[0]! / part[1], ...shape.slice(1)] : shape;
  return transpose ? [...own].reverse() : own;
}

/**
 * Whether it can be had as codes in blocks that no row of `columns` values shares with another; transposed and 8-bit
 * floats cannot.
 */
export function hasWholeBlocks({ packing, part, shape, transpose, scale }: WeightPacked, columns: number): boolean {
  if (transpose || scale || !isBlockPacking(packing)) return false;
  const { elements } = unitOf(packing);
  const isWhole = part === undefined || (sizeOf(shape) / part[1]) % elements === 0;
  return isWhole && columns % blockFormOf(packing).size === 0;
}

/** @throws InternalError by way of the type for what has no blocks; ask `hasWholeBlocks` first */
export async function readBlocks(ref: WeightPacked): Promise<Blocks | undefined> {
  if (!isBlockPacking(ref.packing)) return undefined;
  const { bytes, skip } = await readUnits(ref);
  return skip === 0 ? unpackBlocks(ref.packing, bytes) : undefined;
}

/** The values as float32, in the shape of `packedShape`. */
export async function widened(ref: WeightPacked): Promise<HostTensor<'f32'>> {
  const { bytes, skip, length } = await readUnits(ref);
  const all = isBlockPacking(ref.packing)
    ? valuesOfBlocks(unpackBlocks(ref.packing, bytes))
    : unpackValues(ref.packing, bytes);
  const values = all.length === length ? all : all.subarray(skip, skip + length);
  if (ref.scale) await multiply(values, ref, ref.scale);
  const shape = packedShape({ ...ref, transpose: false });
  return ref.transpose ? transposed(f32(shape, values)) : f32(shape, values);
}

/** The units that hold the wanted part, and where in them its elements are. */
async function readUnits(ref: WeightPacked): Promise<{ bytes: Uint8Array; skip: number; length: number }> {
  const { elements, bytes } = unitOf(ref.packing);
  const [index, of] = ref.part ?? [0, 1];
  const length = sizeOf(ref.shape) / of;
  const start = index * length;
  const first = Math.floor(start / elements);
  const last = Math.ceil((start + length) / elements);
  const range = await ref.source.read(ref.offset + first * bytes, (last - first) * bytes);
  return { bytes: range, skip: start - first * elements, length };
}

async function multiply(
  values: Float32Array,
  { source, shape, part }: WeightPacked,
  scale: WeightRange,
): Promise<void> {
  const scales = await readFloats(source, scale);
  const rows = shape[0] ?? 1;
  const [index, of] = part ?? [0, 1];
  const first = scales.length === 1 ? 0 : (index * rows) / of;
  const perRow = sizeOf(shape) / rows;
  for (let i = 0; i < values.length; i++) {
    values[i] = values[i]! * scales[scales.length === 1 ? 0 : first + Math.floor(i / perRow)]!;
  }
}

async function readFloats(source: WeightPacked['source'], range: WeightRange): Promise<Float32Array> {
  const bytes = (await source.read(range.offset, range.byteLength)).slice();
  return toF32({ dtype: range.dtype, data: viewBytes(range.dtype, bytes) });
}

/** A matrix with its axes swapped. */
export function transposed({ shape, data }: HostTensor<'f32'>): HostTensor<'f32'> {
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]!;
  return f32([columns, rows], out);
}
