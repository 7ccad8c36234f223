/** Runs fused elementwise kernels in the engine's WebAssembly, piece by piece through a small memory. */

import type { FusedKernel } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { fuse } from '#graph/fused-kernel';
import type { Graph } from '#graph/value';

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The part of the global that is used here; Node's types leave it out. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { run(bytes: number): void } };
};

export function compileFused(graph: Graph): FusedKernel | undefined {
  const program = fuse(graph);
  if (!program) return undefined;
  const memory = new WebAssembly.Memory({ initial: program.pages });
  const { run } = new WebAssembly.Instance(new WebAssembly.Module(program.module), { host: { memory } }).exports;
  const { capacity } = program;
  const view = (offset: number, length: number): Float32Array => new Float32Array(memory.buffer, offset, length);
  const views = (places: ReadonlyMap<string, number>, length: number) =>
    [...places].map(([name, offset]) => ({ name, place: view(offset, length) }));
  const scalars = views(program.scalars, 1);
  const vectors = views(program.vectors, capacity);
  const results = views(program.results, capacity);
  return {
    run(feeds, into) {
      for (const { name, place } of scalars) place.set(dataOf(feeds, name, 1));
      const length = Object.values(into)[0]!.data.length;
      const sources = vectors.map(({ name, place }) => ({ place, data: dataOf(feeds, name, length) }));
      const targets = results.map(({ name, place }) => ({ place, data: dataOf(into, name, length) }));
      for (let at = 0; at < length; at += capacity) {
        const end = Math.min(at + capacity, length);
        const whole = end - at === capacity;
        for (const { place, data } of sources) place.set(data.subarray(at, end));
        run(4 * (end - at));
        for (const { place, data } of targets) data.set(whole ? place : place.subarray(0, end - at), at);
      }
    },
  };
}

function dataOf(tensors: Parameters<FusedKernel['run']>[0], name: string, length: number): Float32Array {
  const data = tensors[name]?.data;
  if (data instanceof Float32Array && data.length === length) return data;
  const got = data ? `${tensors[name]!.dtype} with ${data.length} elements` : 'nothing';
  throw new EngineError('run', 'cpu', `fused kernel: ${name} is ${got}, expected f32 with ${length}`);
}
