/**
 * Which weights in blocks a device multiplies by: the runtime has kernels of its own for each processor, number of bits
 * and kind of zero point, and says only when it runs that there is none. So each form is tried once, against its values.
 */

import { f32, zeros } from '#core/tensor';
import type { Session, WeightSource } from '#engine/backend';
import { bytesSource } from '#formats/byte-source';
import { type BlockPacking, blockFormOf, unitOf, unpackBlocks, valuesOfBlocks } from '#formats/packing';
import * as b from '#graph/build';
import { closeGraph, type Graph } from '#graph/value';

/** One of each form that the runtime tells apart. */
const samples: readonly BlockPacking[] = ['Q4_0', 'Q4_1', 'Q8_0', 'Q5_1'];

const formKey = (packing: BlockPacking): string => {
  const { bits, hasOffsets = false } = blockFormOf(packing);
  return `${bits} ${hasOffsets}`;
};

/** `compile` must keep all linear weights in blocks. */
export async function blockSelfTest(
  compile: (graph: Graph, weights: WeightSource) => Promise<Session>,
): Promise<(packing: BlockPacking) => boolean> {
  const right = new Set<string>();
  for (const packing of samples) if (await multiplies(packing, compile)) right.add(formKey(packing));
  return (packing) => right.has(formKey(packing));
}

const columns = 256;

async function multiplies(packing: BlockPacking, compile: Parameters<typeof blockSelfTest>[0]): Promise<boolean> {
  const { elements, bytes } = unitOf(packing);
  const data = Uint8Array.from({ length: (columns / elements) * bytes }, (_, i) => 3 * i);
  // The scale, and behind it an offset, 2^-6 and a little.
  for (let at = 0; at < data.length; at += bytes) data.set([0x40, 0x24], at);
  const range = { path: '', offset: 0, byteLength: data.length, shape: [1, columns] };
  const weight = { kind: 'packed', ...range, source: bytesSource('', data), packing } as const;
  const graph = closeGraph('block self-test', {
    y: b.linear(b.input('x', 'f32', [1, columns]), b.parameter('w', [1, columns])),
  });
  const expected = valuesOfBlocks(unpackBlocks(packing, data)).reduce((sum, v) => sum + v, 0);
  try {
    const session = await compile(graph, { get: () => weight });
    const { y = zeros('f32', [1]) } = await session.run({ x: f32([1, columns], new Float32Array(columns).fill(1)) });
    await session.dispose();
    return Math.abs(Number(y.data[0]) - expected) <= 1e-4 * Math.abs(expected) + 1e-3;
  } catch {
    return false;
  }
}
