/**
 * Parameters with known weights become initialisers of the model. Bytes in files stay there: the runtime reads them as
 * external data, so a weight is never copied by us. Bytes in memory are handed to the runtime by reference, or stored
 * in the model where others come from files.
 *
 * Source: ONNX `docs/ExternalData.md`. All files must lie under one folder (any common ancestor will do), because the
 * runtime resolves locations against one folder and refuses to leave it.
 */

import { byteSize, type DType } from '#core/dtype';
import { DarkroomError } from '#core/errors';
import { sizeOf } from '#core/tensor';
import type { WeightBytes, WeightRange } from '#engine/backend';
import type { Blocks } from '#formats/packing';
import { formatShape } from '#graph/dim';
import type { Value } from '#graph/value';
import { runtimeBlocks } from './block-weights.ts';
import type { ModelBuilder } from './builder.ts';

/** A weight that cannot be bound to its parameter. */
export class WeightError extends DarkroomError {
  readonly parameter: string;

  constructor(code: string, parameter: string, message: string) {
    super(`onnx.${code}`, `weight ${parameter}: ${message}`);
    this.parameter = parameter;
  }
}

/** A matrix [out, in] as codes in blocks along its rows, for linear layers alone. */
export interface WeightBlocks {
  readonly kind: 'blocks';
  readonly blocks: Blocks;
  readonly shape: readonly number[];
}

/** A weight in a form that a model can hold (unpack.ts makes it of what a file packs). */
export type LoweredWeight = WeightBytes | WeightRange | WeightBlocks;

export interface LoweredWeights {
  get(name: string): LoweredWeight | undefined;
}

/** Bytes in memory that the model refers to by a location that is no file. */
export interface ExternalBytes {
  readonly location: string;
  readonly bytes: Uint8Array;
}

export interface BoundWeights {
  /** Lowered names of the parameters that have weights. */
  readonly names: ReadonlyMap<string, string>;
  readonly folder: string | undefined;
  readonly inMemory: readonly ExternalBytes[];
}

/** Below this size bytes are stored in the model itself. */
const INLINE_BYTES = 4096;

export function bindWeights(
  b: ModelBuilder,
  parameters: readonly Value<'parameter'>[],
  source: LoweredWeights | undefined,
): BoundWeights {
  const found = parameters.flatMap((p) => {
    const ref = source?.get(p.attrs.name);
    return ref ? [{ parameter: p, ref }] : [];
  });
  const paths = found.flatMap(({ ref }) => (ref.kind === 'file' ? [ref.path] : []));
  const folder = paths.length > 0 ? commonFolder(paths) : undefined;
  const inMemory: ExternalBytes[] = [];
  const names = new Map<string, string>();
  for (const { parameter, ref } of found) {
    checkWeight(b, parameter, ref);
    const place = { folder, inMemory };
    if (ref.kind === 'blocks') {
      names.set(parameter.attrs.name, addBlocks(b, parameter, ref, place));
      continue;
    }
    const name = addInitializer(b, parameter, ref, place);
    names.set(parameter.attrs.name, toParameter(b, name, parameter, ref));
  }
  return { names, folder, inMemory };
}

type PlainWeight = WeightBytes | WeightRange;

const shapeOf = (ref: LoweredWeight): readonly number[] => (ref.kind === 'memory' ? ref.tensor.shape : ref.shape);
const dtypeOf = (ref: PlainWeight) => (ref.kind === 'file' ? ref.dtype : ref.tensor.dtype);
const isTransposed = (ref: LoweredWeight): boolean => ref.kind === 'file' && ref.transpose === true;
const withoutOnes = (shape: readonly unknown[]): string => shape.filter((d) => d !== 1).join();

function checkWeight(b: ModelBuilder, parameter: Value<'parameter'>, ref: LoweredWeight): void {
  const stored = shapeOf(ref);
  const expected = b.bindShape(parameter.shape);
  const ordered = isTransposed(ref) ? [...expected].reverse() : expected;
  if (withoutOnes(stored) !== withoutOnes(ordered)) {
    throw new WeightError(
      'weight-shape',
      parameter.attrs.name,
      `has shape ${formatShape(stored)}${isTransposed(ref) ? ' (transposed)' : ''}, the network expects ` +
        `${formatShape(parameter.shape)}; the file belongs to another network or configuration`,
    );
  }
  if (ref.kind === 'file' && ref.byteLength !== sizeOf(stored) * byteSize(ref.dtype)) {
    throw new WeightError(
      'weight-bytes',
      parameter.attrs.name,
      `its range has ${ref.byteLength} bytes, but ${ref.dtype}${formatShape(stored)} needs ` +
        `${sizeOf(stored) * byteSize(ref.dtype)}; the file is damaged`,
    );
  }
}

/** The stored bytes under the parameter's own dimensions: ones more or less do not move a row-major element. */
function addInitializer(b: ModelBuilder, parameter: Value<'parameter'>, ref: PlainWeight, place: Place): string {
  const expected = b.bindShape(parameter.shape) as number[];
  const dims = isTransposed(ref) ? [...expected].reverse() : expected;
  const direct = dtypeOf(ref) === parameter.dtype && !isTransposed(ref);
  const name = b.claim(direct ? parameter.attrs.name : `${parameter.attrs.name}.stored`);
  if (ref.kind === 'file') {
    const location = ref.path.slice(place.folder!.length).replaceAll('\\', '/').replace(/^\//, '');
    b.externalInitializer(name, ref.dtype, dims, { location, offset: ref.offset, length: ref.byteLength });
    return name;
  }
  addBytes(b, { name, dtype: ref.tensor.dtype, dims, data: ref.tensor.data }, place);
  return name;
}

/** Where weights lie: the folder of those in files, and those in memory so far. */
interface Place {
  readonly folder: string | undefined;
  readonly inMemory: ExternalBytes[];
}

interface Bytes {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
}

function addBytes(b: ModelBuilder, { name, dtype, dims, data }: Bytes, { folder, inMemory }: Place): void {
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  // The runtime takes external bytes either from files or from memory, never from both in one model.
  if (folder !== undefined || bytes.length < INLINE_BYTES) b.initializer(name, dtype, dims, bytes);
  else {
    const location = `memory-${inMemory.length}`;
    inMemory.push({ location, bytes });
    b.externalInitializer(name, dtype, dims, { location, offset: 0, length: bytes.length });
  }
}

/** The codes' name stands for the parameter; linear layers find the rest by it. */
function addBlocks(
  b: ModelBuilder,
  { attrs }: Value<'parameter'>,
  { blocks, shape }: WeightBlocks,
  place: Place,
): string {
  const [rows, columns] = shape as [number, number];
  const perRow = columns / blocks.size;
  const add = (suffix: string, dtype: DType, dims: readonly number[], data: ArrayBufferView): string => {
    const name = b.claim(`${attrs.name}.${suffix}`);
    addBytes(b, { name, dtype, dims, data }, place);
    return name;
  };
  const { codes, zeroPoints, scales } = runtimeBlocks(blocks);
  const name = add('codes', 'u8', [rows, perRow, codes.length / (rows * perRow)], codes);
  b.blockWeights.set(name, {
    scales: add('scales', 'f32', [rows, perRow], scales),
    zeroPoints: zeroPoints && add('zeros', 'f32', [rows, perRow], zeroPoints),
    attributes: { K: columns, N: rows, bits: blocks.bits, block_size: blocks.size },
  });
  return name;
}

function toParameter(b: ModelBuilder, stored: string, parameter: Value<'parameter'>, ref: PlainWeight): string {
  const cast = dtypeOf(ref) === parameter.dtype ? stored : b.cast(stored, parameter.dtype);
  return isTransposed(ref) ? b.node('Transpose', [cast], { perm: [1, 0] }) : cast;
}

/** The deepest folder that holds every path; paths are absolute. */
export function commonFolder(paths: readonly string[]): string {
  const split = paths.map((p) => p.split(/[\\/]/).slice(0, -1));
  let depth = Math.min(...split.map((s) => s.length));
  while (!split.every((s) => s.slice(0, depth).join('/') === split[0]!.slice(0, depth).join('/'))) depth--;
  if (depth === 0) {
    throw new DarkroomError(
      'onnx.weight-folders',
      `the weights of one model lie on different drives (${[...new Set(paths)].join(', ')}); put them on one`,
    );
  }
  return depth === 1 && split[0]![0] === '' ? '/' : paths[0]!.slice(0, split[0]!.slice(0, depth).join('/').length);
}
