/** Movement, gathering and reductions. */

import { productOf } from '#graph/dim';
import type { ReduceAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { ModelBuilder } from '../builder.ts';
import type { LoweringRule, LoweringTable } from '../rule.ts';

export type MovementOp =
  | 'reshape'
  | 'transpose'
  | 'expand'
  | 'slice'
  | 'flip'
  | 'concat'
  | 'pad'
  | 'gather'
  | 'gatherGrad'
  | 'gatherElements'
  | 'gatherElementsGrad'
  | ReduceOp
  | 'argMax';

type ReduceOp = 'sum' | 'mean' | 'max' | 'min';

const reduction =
  (opType: string): LoweringRule<ReduceOp> =>
  (b, { attrs }, [x]) => {
    const { axes, keepDims } = attrs as ReduceAttrs;
    return axes.length === 0 ? x! : b.node(opType, [x!, b.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  };

const padModes = { constant: 'constant', reflect: 'reflect', circular: 'wrap' } as const;

export const movementRules: LoweringTable<MovementOp> = {
  reshape: (b, { attrs }, [x]) => b.reshape(x!, attrs.shape),
  transpose: (b, { attrs }, [x]) => b.node('Transpose', [x!], { perm: attrs.perm }),
  expand: (b, { attrs }, [x]) => b.node('Expand', [x!, b.sizes(attrs.shape)]),
  slice: lowerSlice,
  flip: (b, { attrs: { axes } }, [x]) => (axes.length === 0 ? x! : b.flip(x!, axes)),
  concat: (b, { attrs }, inputs) => b.node('Concat', inputs, { axis: attrs.axis }),
  pad: (b, { attrs, dtype }, [x]) => {
    const pads = b.ints([...attrs.before, ...attrs.after]);
    const inputs = attrs.mode === 'constant' ? [x!, pads, b.filled(dtype, attrs.value)] : [x!, pads];
    return b.node('Pad', inputs, { mode: padModes[attrs.mode] });
  },
  gather: (b, { attrs }, [data, indices]) => b.node('Gather', [data!, indices!], { axis: attrs.axis }),
  gatherGrad: lowerGatherGrad,
  gatherElements: (b, { attrs }, [data, indices]) => b.node('GatherElements', [data!, indices!], { axis: attrs.axis }),
  gatherElementsGrad: (b, { attrs, dtype }, [indices, updates]) =>
    b.node('ScatterElements', [b.zeros(dtype, attrs.shape), indices!, updates!], {
      axis: attrs.axis,
      reduction: 'add',
    }),
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  argMax: (b, { attrs }, [x]) => b.node('ArgMax', [x!], { axis: attrs.axis, keepdims: attrs.keepDims ? 1 : 0 }),
};

/** Only the axes that are cut are named: the runtime's slice kernel is slower the more axes it walks. */
function lowerSlice(b: ModelBuilder, v: Value<'slice'>, [x]: readonly string[]): string {
  const { starts, ends, steps } = v.attrs;
  const from = v.inputs[0]!.shape;
  const axes = from.flatMap((d, i) => {
    const whole = starts[i] === 0 && steps[i] === 1 && String(b.bind(ends[i]!)) === String(b.bind(d));
    return whole ? [] : [i];
  });
  if (axes.length === 0) return x!;
  return b.node('Slice', [
    x!,
    b.sizes(axes.map((a) => starts[a]!)),
    b.sizes(axes.map((a) => ends[a]!)),
    b.ints(axes),
    b.ints(axes.map((a) => steps[a]!)),
  ]);
}

/**
 * Rows are added where their index points, element by element: ScatterND would take whole rows, but its additions race
 * on the CPU when an index repeats.
 */
function lowerGatherGrad(b: ModelBuilder, v: Value<'gatherGrad'>, [indices, updates]: readonly string[]): string {
  const { axis, size } = v.attrs;
  const [index, update] = v.inputs as [Value, Value];
  const [before, after] = [update.shape.slice(0, axis), update.shape.slice(axis + index.shape.length)];
  const count = productOf(index.shape);
  const flat = [...before, count, ...after];
  const aligned = [...before.map(() => 1), count, ...after.map(() => 1)];
  const positions = b.node('Expand', [b.reshape(indices!, aligned), b.sizes(flat)]);
  const zeros = b.zeros(v.dtype, [...before, size, ...after]);
  return b.node('ScatterElements', [zeros, positions, b.reshape(updates!, flat)], { axis, reduction: 'add' });
}
