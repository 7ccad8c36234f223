/**
 * What a compiled graph takes of the host's memory, told before it is compiled: its weights in the form in which a
 * runtime keeps them, what is there twice while it brings them into that form, and the values of a run.
 *
 * Measured on ONNX Runtime's CPU provider (bench/README.md, "Memory"): weights are kept as float32 but for those that
 * linear layers use in blocks; while a session is made, convolutions' weights exist twice, and so do weights that were
 * unpacked before the runtime got them, twice over: as they were unpacked and as it took them in.
 */

import { byteSize } from '#core/dtype';
import { evaluateDim, symbolsOf } from '#graph/dim';
import type { Graph, Value } from '#graph/value';
import { topological } from '#graph/value';
import type { WeightSource } from './backend.ts';

export interface WeightMemory {
  /** Bytes once the session is there. */
  readonly resident: number;
  /** Bytes more at the highest while it is made. */
  readonly making: number;
}

/** Scales of codes: a float32 for each block. */
const BLOCK_OVERHEAD = 4;

/** `inBlocks`: bytes for each element of a parameter whose weight stays packed; undefined for one that is widened. */
export function weightMemory(
  graph: Graph,
  weights: WeightSource,
  inBlocks: (parameter: string) => number | undefined,
): WeightMemory {
  const convolved = new Set<string>();
  for (const v of topological(Object.values(graph.outputs))) {
    const weight = v.op === 'conv2d' || v.op === 'convTranspose2d' ? v.inputs[1] : undefined;
    if (weight?.op === 'parameter') convolved.add(weight.attrs.name);
  }
  let resident = 0;
  let making = 0;
  for (const parameter of graph.parameters) {
    const { name } = parameter.attrs;
    const elements = sizeAt(parameter, {});
    const packed = inBlocks(name);
    const bytes = packed === undefined ? 4 * elements : packed * elements;
    resident += bytes;
    if (convolved.has(name)) making += bytes;
    // Unpacked, and once more where the runtime takes it from memory, not from a file.
    if (weights.get(name)?.kind === 'packed') making += 2 * bytes;
  }
  return { resident, making };
}

/** Bytes of an element of packed weights that stay in blocks of `size` codes of `bits`. */
export function blockBytes({ size, bits }: { readonly size: number; readonly bits: number }): number {
  return bits / 8 + BLOCK_OVERHEAD / size;
}

/** Most bytes of values that are needed at once in a run, in the order in which the graph is written. */
export function activationMemory(graph: Graph, sizes: Readonly<Record<string, number>>): number {
  const order = topological(Object.values(graph.outputs));
  const owner = new Map<Value, Value>();
  const lastUse = new Map<Value, number>();
  order.forEach((v, place) => {
    // A reshaped value is the same memory.
    owner.set(v, v.op === 'reshape' ? owner.get(v.inputs[0]!)! : v);
    for (const x of v.inputs) lastUse.set(owner.get(x)!, place);
  });
  for (const v of Object.values(graph.outputs)) lastUse.set(owner.get(v)!, order.length);
  const ending = new Map<number, number>();
  let live = 0;
  let most = 0;
  order.forEach((v, place) => {
    if (v.op === 'parameter' || v.op === 'constant' || owner.get(v) !== v) return;
    const bytes = sizeAt(v, sizes) * byteSize(v.dtype);
    live += bytes;
    const end = lastUse.get(v) ?? place;
    ending.set(end, (ending.get(end) ?? 0) + bytes);
    most = Math.max(most, live);
    live -= ending.get(place) ?? 0;
    ending.delete(place);
  });
  return most;
}

/** Elements of a value; symbols that `sizes` does not fix are 1. */
function sizeAt({ shape }: Value, sizes: Readonly<Record<string, number>>): number {
  return shape.reduce<number>((n, d) => {
    if (typeof d === 'number') return n * d;
    return n * evaluateDim(d, { ...Object.fromEntries(symbolsOf(d).map((name) => [name, 1])), ...sizes });
  }, 1);
}
