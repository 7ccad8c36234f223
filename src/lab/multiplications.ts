/**
 * Multiplications of a graph with fixed sizes: those of matrix products, convolutions and attention, from their shapes.
 * Elementwise work is left out, as is usual; it costs memory traffic rather than multiplications.
 */

import { fixedShape } from '#graph/dim';
import type { OpAttrs } from '#graph/ops';
import { type Graph, topological, type Value } from '#graph/value';

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const shapeOf = (v: Value): number[] => fixedShape(v.shape, 'the count of multiplications');

/** Cells that a kernel covers, times the channels that it sums over. */
function taps([channels, height, width]: readonly [number, number, number]): number {
  return channels * height * width;
}

export function multiplications(graph: Graph): number {
  return topological(Object.values(graph.outputs)).reduce((total, v) => total + ofValue(v), 0);
}

function ofValue(v: Value): number {
  const out = (): number => product(shapeOf(v));
  const input = (i: number): number[] => shapeOf(v.inputs[i]!);
  switch (v.op) {
    case 'matmul':
    case 'linear':
      return out() * input(0).at(-1)!;
    case 'conv2d': {
      const [, perGroup, height, width] = input(1) as [number, number, number, number];
      return out() * taps([perGroup, height, width]);
    }
    case 'convTranspose2d': {
      const [, perGroup, height, width] = input(1) as [number, number, number, number];
      return product(input(0)) * taps([perGroup, height, width]);
    }
    case 'conv2dWeightGrad': {
      const { kernel, groups } = v.attrs;
      return product(input(1)) * taps([input(0)[1]! / groups, kernel[0], kernel[1]]);
    }
    case 'attention': {
      const [batch, queries, width] = input(0) as [number, number, number];
      return 2 * batch * queries * input(1)[1]! * width;
    }
    default:
      return 0;
  }
}
