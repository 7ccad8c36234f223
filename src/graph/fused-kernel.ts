/**
 * Compiles an elementwise graph to WebAssembly: one pass over any number of arrays, four float32 lanes at a time
 * (fixed-width SIMD). A runtime that runs one operation at a time reads and writes memory once for each of them.
 *
 * Every inner result is rounded to float32, as the graph says. Operands are vectors of one length or scalars; scalars
 * sit in front of the vectors in the kernel's memory. Source: WebAssembly core specification 2.0, "Binary Format".
 * Left out: other dtypes, comparisons, functions that WebAssembly has no instruction for (exp, pow, ...).
 */

import type { Op } from './ops.ts';
import { type Graph, scalarOf, topological, type Value } from './value.ts';

export interface FusedProgram {
  /** A module that imports `host.memory` and exports `run(bytes)`: how much of every vector to work through. */
  readonly module: Uint8Array<ArrayBuffer>;
  /** Size of the memory, in pages of 64 KiB. */
  readonly pages: number;
  /** Elements of a vector that fit at once. */
  readonly capacity: number;
  /** Byte offsets of operands and results in the memory, by name. */
  readonly scalars: ReadonlyMap<string, number>;
  readonly vectors: ReadonlyMap<string, number>;
  readonly results: ReadonlyMap<string, number>;
}

/** All vectors of an optimiser step together stay in a core's second-level cache. */
const CAPACITY = 4096;
const BYTES = 4;
const LANES = 16;

const opcodes: { readonly [O in Op]?: number } = {
  abs: 0xe0,
  neg: 0xe1,
  sqrt: 0xe3,
  add: 0xe4,
  sub: 0xe5,
  mul: 0xe6,
  div: 0xe7,
  minimum: 0xe8,
  maximum: 0xe9,
};

/** Undefined where the graph has an operation, a dtype or a shape that a kernel cannot take. */
export function fuse(graph: Graph): FusedProgram | undefined {
  const order = topological(Object.values(graph.outputs));
  if (!order.every(isFusible)) return undefined;
  const leaves = [...graph.inputs, ...graph.parameters];
  const isScalar = (v: Value): boolean => v.shape.length === 0;
  const place = (names: readonly string[], from: number, stride: number): ReadonlyMap<string, number> =>
    new Map(names.map((name, i) => [name, from + i * stride]));
  const nameOf = (v: (typeof leaves)[number]): string => v.attrs.name;
  const scalars = place(leaves.filter(isScalar).map(nameOf), 0, BYTES);
  const start = Math.ceil((scalars.size * BYTES) / LANES) * LANES;
  const vectors = place(leaves.filter((v) => !isScalar(v)).map(nameOf), start, CAPACITY * BYTES);
  const results = place(Object.keys(graph.outputs), start + vectors.size * CAPACITY * BYTES, CAPACITY * BYTES);
  const size = start + (vectors.size + results.size) * CAPACITY * BYTES;
  const pages = Math.ceil(size / 65536);
  const stores = Object.entries(graph.outputs).map(([name, value]) => ({ value, offset: results.get(name)! }));
  return {
    module: encodeModule(code(order, scalars, vectors, stores), pages),
    pages,
    capacity: CAPACITY,
    scalars,
    vectors,
    results,
  };
}

function isFusible(v: Value): boolean {
  if (v.dtype !== 'f32' || v.shape.length > 1) return false;
  if (v.op === 'constant') return v.shape.length === 0;
  return v.op === 'input' || v.op === 'parameter' || opcodes[v.op] !== undefined;
}

/** Instructions of the function body: what depends on scalars alone, then a loop over the vectors. */
function code(
  order: readonly Value[],
  scalars: ReadonlyMap<string, number>,
  vectors: ReadonlyMap<string, number>,
  stores: readonly { readonly value: Value; readonly offset: number }[],
): number[] {
  // Local 0 is the byte count, local 1 the position; values follow.
  const local = new Map(order.map((v, i) => [v, i + 2]));
  const get = (v: Value): number[] => [0x20, ...unsigned(local.get(v)!)];
  const load = (v: Value): number[] => {
    if (v.op === 'constant') return [0x43, ...float32(scalarOf(v)!), ...simd(0x13)];
    if (v.op !== 'input' && v.op !== 'parameter') return [...v.inputs.flatMap(get), ...simd(opcodes[v.op]!)];
    const { name } = v.attrs;
    if (scalars.has(name)) return [0x41, 0, ...simd(0x09), 2, ...unsigned(scalars.get(name)!)];
    return [0x20, 1, ...simd(0x00), 4, ...unsigned(vectors.get(name)!)];
  };
  const assign = (v: Value): number[] => [...load(v), 0x21, ...unsigned(local.get(v)!)];
  const once = order.filter((v) => v.shape.length === 0).flatMap(assign);
  const each = order.filter((v) => v.shape.length > 0).flatMap(assign);
  const store = stores.flatMap(({ value, offset }) => [0x20, 1, ...get(value), ...simd(0x0b), 4, ...unsigned(offset)]);
  const advance = [0x20, 1, 0x41, ...unsigned(LANES), 0x6a, 0x22, 1, 0x20, 0, 0x49, 0x0d, 0];
  const locals = [2, 1, 0x7f, ...unsigned(order.length), 0x7b];
  return [...locals, ...once, 0x03, 0x40, ...each, ...store, ...advance, 0x0b, 0x0b];
}

function encodeModule(body: readonly number[], pages: number): Uint8Array<ArrayBuffer> {
  const section = (id: number, ...content: number[]): number[] => [id, ...unsigned(content.length), ...content];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 0),
    ...section(2, 1, ...text('host'), ...text('memory'), 2, 0, ...unsigned(pages)),
    ...section(3, 1, 0),
    ...section(7, 1, ...text('run'), 0, 0),
    ...section(10, 1, ...unsigned(body.length), ...body),
  ]);
}

const text = (s: string): number[] => [s.length, ...Array.from(s, (c) => c.charCodeAt(0))];

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

/** LEB128 */
function unsigned(n: number): number[] {
  return n < 128 ? [n] : [(n % 128) + 128, ...unsigned(Math.floor(n / 128))];
}

function float32(x: number): number[] {
  const view = new DataView(new ArrayBuffer(BYTES));
  view.setFloat32(0, x, true);
  return Array.from(new Uint8Array(view.buffer));
}
