/** Movement, gathering and reductions. */

import { type Dim, productOf } from '#graph/dim';
import type { ReduceAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { ModelBuilder } from '../builder.ts';
import { onnxDataType } from '../data-type.ts';
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
  | 'after'
  | ReduceOp
  | 'argMax';

type ReduceOp = 'sum' | 'mean' | 'max' | 'min';

const reduction =
  (opType: string): LoweringRule<ReduceOp> =>
  (b, { attrs }, [x]) => {
    const { axes, keepDims } = attrs;
    return axes.length === 0 ? x! : b.node(opType, [x!, b.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  };

/** Of one chain of additions in float32. Longer ones lose digits: 2e7 equal values summed in one are per cents off. */
const longestChain = 4096;

/** Sums and means over many trailing values in two rounds, of parts and of their results. */
const reductionInParts =
  (opType: 'ReduceSum' | 'ReduceMean'): LoweringRule<ReduceOp> =>
  (b, v, [x]) => {
    const { axes } = v.attrs;
    const from = b.bindShape(v.inputs[0]!.shape);
    const last = trailingCount(from, axes);
    const count = from.slice(from.length - last).reduce((product: number, d) => product * Number(d), 1);
    if (v.dtype !== 'f32' || last === 0 || count <= longestChain) return reduction(opType)(b, v, [x!]);
    const lead = from.slice(0, from.length - last);
    const size = partSize(count);
    const parts = Math.ceil(count / size);
    let cells = b.reshape(x!, [...lead, count]);
    const missing = parts * size - count;
    if (missing > 0) {
      const pads = b.ints([...lead.map(() => 0), 0, ...lead.map(() => 0), missing]);
      cells = b.node('Pad', [cells, pads, b.filled('f32', 0)], { mode: 'constant' });
    }
    const axis = b.ints([lead.length]);
    const rows = b.reshape(cells, [...lead, parts, size]);
    const sums = b.node('ReduceSum', [rows, b.ints([lead.length + 1])], { keepdims: 0 });
    const sum = b.node('ReduceSum', [sums, axis], { keepdims: 0 });
    const others = axes.filter((a) => a < lead.length);
    const total = others.length === 0 ? sum : b.node('ReduceSum', [sum, b.ints(others)], { keepdims: 0 });
    const shaped = b.reshape(total, v.shape);
    if (opType === 'ReduceSum') return shaped;
    const factor = others.reduce((product, a) => product * Number(from[a]), count);
    return b.node('Mul', [shaped, b.filled('f32', 1 / factor)]);
  };

/** How many axes at the end are reduced and have fixed sizes; none where another reduced axis has not. */
function trailingCount(shape: readonly Dim[], axes: readonly number[]): number {
  if (axes.some((a) => typeof shape[a] !== 'number')) return 0;
  let count = 0;
  while (axes.includes(shape.length - 1 - count)) count++;
  return count;
}

/** A divisor of `count` for parts of no more than a chain; where there is none of a useful size, a size to pad to. */
function partSize(count: number): number {
  for (let size = longestChain; size >= 64; size--) if (count % size === 0) return size;
  return longestChain;
}

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
  after: lowerAfter,
  sum: reductionInParts('ReduceSum'),
  mean: reductionInParts('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  argMax: (b, { attrs }, [x]) => b.node('ArgMax', [x!], { axis: attrs.axis, keepdims: attrs.keepDims ? 1 : 0 }),
};

/**
 * The runtime knows no order but that of data: none of what came earlier is put behind a copy. Accelerators have no use
 * for tensors without elements, and there the order is the runtime's.
 */
function lowerAfter(b: ModelBuilder, v: Value<'after'>, [x, earlier]: readonly string[]): string {
  if (b.target !== 'cpu') return x!;
  const flat = b.node('Reshape', [earlier!, b.ints([-1])]);
  const nothing = b.node('Slice', [flat, b.ints([0]), b.ints([0]), b.ints([0])]);
  const typed = v.inputs[1]!.dtype === v.dtype ? nothing : b.node('Cast', [nothing], { to: onnxDataType(v.dtype) });
  return b.reshape(b.node('Concat', [b.node('Reshape', [x!, b.ints([-1])]), typed], { axis: 0 }), v.shape);
}

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
