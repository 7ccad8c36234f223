/** Gradients of reductions. Where several entries share a maximum or minimum, they share its gradient equally. */

import * as b from '../build.ts';
import { countOf } from '../compose.ts';
import type { OpAttrs } from '../ops.ts';
import type { Value } from '../value.ts';
import { type GradientRules, noGradient } from './rule.ts';

type ReductionOp = Extract<keyof OpAttrs, 'sum' | 'mean' | 'max' | 'min' | 'argMax'>;

/** Gives a reduced value its axes of size one back. */
function keepAxes(reduced: Value, x: Value, axes: readonly number[]): Value {
  return b.reshape(
    reduced,
    x.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );
}

function extremum(v: Value<'max'> | Value<'min'>, g: Value): Value {
  const [x] = v.inputs as [Value];
  const hit = b.cast(b.equal(x, keepAxes(v, x, v.attrs.axes)), v.dtype);
  return b.mul(hit, b.div(keepAxes(g, x, v.attrs.axes), b.sum(hit, v.attrs.axes, true)));
}

export const reductionGradients: GradientRules<ReductionOp> = {
  sum: (v, g) => {
    const [x] = v.inputs as [Value];
    return [() => b.expand(keepAxes(g, x, v.attrs.axes), x.shape)];
  },
  mean: (v, g) => {
    const [x] = v.inputs as [Value];
    const { axes } = v.attrs;
    const count = countOf(
      axes.map((a) => x.shape[a]!),
      v.dtype,
    );
    return [() => b.expand(keepAxes(b.div(g, count), x, axes), x.shape)];
  },
  max: (v, g) => [() => extremum(v, g)],
  min: (v, g) => [() => extremum(v, g)],
  argMax: noGradient,
};
