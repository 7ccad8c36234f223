/**
 * Weights on the device, as they are stored: halves stay halves, and shaders widen them where they read. Bytes of files
 * are read and sent in slices, so that a model is never whole in the memory of the host.
 */

import { byteSize, type DType, viewBytes } from '#core/dtype';
import { DarkroomError } from '#core/errors';
import { f32ToF16Array } from '#core/half';
import { sizeOf } from '#core/tensor';
import type { WeightPacked, WeightRange, WeightRef, WeightSource } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { widened } from '#engine/packed';
import { evaluateDim, formatShape } from '#graph/dim';
import type { Graph, Value } from '#graph/value';
import type { Gpu } from './device.ts';
import type { DeviceMemory } from './memory.ts';
import { bytesOf, isHalf, type Place, type Storage } from './place.ts';
import type { Precision } from './planner.ts';
import { newPlace, type ResidentWeights } from './program.ts';
import { toWords } from './transfer.ts';

type Plain = Exclude<WeightRef, WeightPacked>;

/** Reads a range of a file (or of whatever a path means where there are no files). */
export type ReadRange = (path: string, offset: number, length: number) => Promise<Uint8Array>;

/** A weight that does not fit its parameter. */
export class WeightMisfitError extends DarkroomError {
  readonly parameter: string;

  constructor(parameter: string, message: string) {
    super('webgpu.weight', `weight ${parameter}: ${message}`);
    this.parameter = parameter;
  }
}

/** Bytes that are read from a file at once; a multiple of every element's size. */
const SLICE = 16 * 2 ** 20;
/** Smaller weights keep their precision. */
const SMALL = 8192;

export interface LoadOptions {
  readonly gpu: Gpu;
  readonly graph: Graph;
  readonly source: WeightSource | undefined;
  readonly bindings: Readonly<Record<string, number>>;
  readonly precision: Precision;
  readonly readRange: ReadRange | undefined;
  readonly loaded?: ((bytes: number) => void) | undefined;
}

export async function loadWeights(options: LoadOptions): Promise<ResidentWeights> {
  const { gpu, graph, source } = options;
  const weights = new Map<string, { place: Place; memory: DeviceMemory }>();
  try {
    for (const parameter of graph.parameters) {
      const ref = source?.get(parameter.attrs.name);
      if (ref) weights.set(parameter.attrs.name, await loadOne(options, parameter, ref));
    }
  } catch (e) {
    for (const { memory } of weights.values()) gpu.pool.give(memory);
    throw e;
  }
  return weights;
}

async function loadOne(options: LoadOptions, parameter: Value<'parameter'>, given: WeightRef) {
  const { gpu, precision } = options;
  const ref: Plain = given.kind === 'packed' ? { kind: 'memory', tensor: await widened(given) } : given;
  checkWeight(parameter, ref, options.bindings);
  const { dtype, shape } = ref.kind === 'file' ? ref : ref.tensor;
  const elements = sizeOf(shape);
  const narrowed = precision === 'half' && dtype === 'f32' && elements >= SMALL;
  const storage = narrowed ? 'f16' : storedAs(dtype);
  const transposed = ref.kind === 'file' && ref.transpose ? ([shape[0]!, shape[1]!] as const) : undefined;
  const place: Place = { ...newPlace(storage, elements), transposed };
  const memory = await gpu.reserve(`the weights of ${options.graph.name}`, (take) => take(bytesOf(place)));
  const send = (bytes: Uint8Array, first: number): void =>
    writeElements(gpu, memory, place.storage, dtype, bytes, first);
  if (ref.kind === 'memory') {
    const { data } = ref.tensor;
    send(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength), 0);
    options.loaded?.(given.kind === 'packed' ? given.byteLength : data.byteLength);
  } else await sendFile(options, ref, send);
  return { place, memory };
}

async function sendFile(
  { readRange, loaded }: LoadOptions,
  ref: WeightRange,
  send: (bytes: Uint8Array, first: number) => void,
) {
  if (!readRange) throw new EngineError('compile', 'webgpu', `there is no way to read ${ref.path} here`);
  const size = byteSize(ref.dtype);
  for (let at = 0; at < ref.byteLength; at += SLICE) {
    const length = Math.min(SLICE, ref.byteLength - at);
    const bytes = await readRange(ref.path, ref.offset + at, length);
    if (bytes.length !== length) {
      throw new EngineError(
        'compile',
        'webgpu',
        `${ref.path} ended at byte ${ref.offset + at + bytes.length}; it is cut off`,
      );
    }
    send(bytes, at / size);
    loaded?.(length);
  }
}

/** Registers of a float widen what is stored; other elements are stored as registers hold them. */
function storedAs(dtype: DType): Storage {
  if (dtype === 'f16' || dtype === 'bf16' || dtype === 'f32') return dtype;
  if (dtype === 'f64') return 'f32';
  return dtype === 'u32' || dtype === 'u64' || dtype === 'bool' ? 'u32' : 'i32';
}

/** Writes elements from the `first` on. Every slice but the last is whole words. */
function writeElements(
  gpu: Gpu,
  memory: DeviceMemory,
  storage: Storage,
  dtype: DType,
  bytes: Uint8Array,
  first: number,
): void {
  const words = encode(storage, dtype, bytes);
  const size = isHalf(storage) ? 2 : 4;
  const padded = words.byteLength % 4 === 0 ? words : paddedWords(words);
  for (const { buffer, offset, length, at } of memory.parts(first * size, padded.byteLength)) {
    gpu.device.queue.writeBuffer(buffer, offset, padded.buffer, padded.byteOffset + at, length);
  }
}

function encode(storage: Storage, dtype: DType, bytes: Uint8Array): Uint8Array {
  if (dtype === storage) return bytes;
  const data = viewBytes(dtype, bytes);
  const wide = dtype === 'f64' ? Float32Array.from(data as Float64Array) : toWords({ dtype, data });
  const words = storage === 'f16' ? f32ToF16Array(wide) : wide;
  return new Uint8Array(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
}

function paddedWords(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

const withoutOnes = (shape: readonly unknown[]): string => shape.filter((d) => d !== 1).join();

function checkWeight(parameter: Value<'parameter'>, ref: Plain, bindings: Readonly<Record<string, number>>): void {
  const stored = ref.kind === 'file' ? ref.shape : ref.tensor.shape;
  const expected = parameter.shape.map((d) => evaluateDim(d, bindings));
  const turned = ref.kind === 'file' && ref.transpose === true;
  if (withoutOnes(stored) !== withoutOnes(turned ? [...expected].reverse() : expected)) {
    const message = `has shape ${formatShape(stored)}, the network expects ${formatShape(expected)}; the file belongs to another network or configuration`;
    throw new WeightMisfitError(parameter.attrs.name, message);
  }
  if (ref.kind === 'file' && ref.byteLength !== sizeOf(stored) * byteSize(ref.dtype)) {
    const message = `its range has ${ref.byteLength} bytes, ${ref.dtype}${formatShape(stored)} needs ${sizeOf(stored) * byteSize(ref.dtype)}; the file is damaged`;
    throw new WeightMisfitError(parameter.attrs.name, message);
  }
}
