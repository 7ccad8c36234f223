/** Reductions: every input element is folded into the output element that its kept axes name. */

import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { OpAttrs } from '../ops.ts';
import { around, type Dense, type InterpretRules, offsetsOf } from './dense.ts';

type ReductionOp = Extract<keyof OpAttrs, 'sum' | 'mean' | 'max' | 'min' | 'argMax'>;

function fold(
  x: Dense,
  axes: readonly number[],
  initial: number,
  combine: (into: number, value: number) => number,
): { out: Float64Array; count: number } {
  const kept: Shape = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const out = new Float64Array(sizeOf(kept)).fill(initial);
  const strides = stridesOf(kept).map((s, i) => (axes.includes(i) ? 0 : s));
  offsetsOf(x.shape, strides).forEach((to, i) => {
    out[to] = combine(out[to]!, x.data[i]!);
  });
  return { out, count: axes.reduce((n, a) => n * x.shape[a]!, 1) };
}

export const reductionRules: InterpretRules<ReductionOp> = {
  sum: (v, [x]) => fold(x!, v.attrs.axes, 0, (a, b) => a + b).out,
  mean: (v, [x]) => {
    const { out, count } = fold(x!, v.attrs.axes, 0, (a, b) => a + b);
    return out.map((total) => total / count);
  },
  max: (v, [x]) => fold(x!, v.attrs.axes, Number.NEGATIVE_INFINITY, Math.max).out,
  min: (v, [x]) => fold(x!, v.attrs.axes, Number.POSITIVE_INFINITY, Math.min).out,
  argMax: (v, [x]) => {
    const { outer, size, inner } = around(x!.shape, v.attrs.axis);
    return new Float64Array(outer * inner).map((_, i) => {
      const at = (j: number): number => x!.data[(Math.floor(i / inner) * size + j) * inner + (i % inner)]!;
      let best = 0;
      for (let j = 1; j < size; j++) if (at(j) > at(best)) best = j;
      return best;
    });
  },
};
