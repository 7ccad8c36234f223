/** Operations that move elements, as tables of source offsets. */

import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { OpAttrs } from '../ops.ts';
import { GraphError } from '../shapes.ts';
import { around, broadcastData, type Dense, type InterpretRules, offsetsOf, pick } from './dense.ts';

type MovementOp = Extract<
  keyof OpAttrs,
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
>;

/** Source entry of position `i` of a padded axis; -1 stands for the constant. */
function paddedSource(i: number, size: number, mode: OpAttrs['pad']['mode']): number {
  if (i >= 0 && i < size) return i;
  if (mode === 'constant') return -1;
  if (mode === 'circular') return ((i % size) + size) % size;
  return i < 0 ? -i : 2 * (size - 1) - i;
}

function pad(x: Dense, shape: Shape, attrs: OpAttrs['pad']): Float64Array {
  const strides = stridesOf(x.shape);
  const tables = shape.map((n, axis) =>
    Array.from({ length: n }, (_, i) => paddedSource(i - attrs.before[axis]!, x.shape[axis]!, attrs.mode)),
  );
  const out = new Float64Array(sizeOf(shape));
  const places = stridesOf(shape);
  for (let i = 0; i < out.length; i++) {
    let offset = 0;
    for (let axis = 0; axis < shape.length && offset >= 0; axis++) {
      const source = tables[axis]![Math.floor(i / places[axis]!) % shape[axis]!]!;
      offset = source < 0 ? -1 : offset + source * strides[axis]!;
    }
    out[i] = offset < 0 ? attrs.value : x.data[offset]!;
  }
  return out;
}

/** An index into an axis; negative ones count from the end. */
function entry(op: string, index: number, size: number): number {
  const i = index < 0 ? index + size : index;
  if (i < 0 || i >= size) throw new GraphError(op, `index ${index} is outside an axis of ${size} entries`);
  return i;
}

/** Visits pairs of flat positions (in data with `size` entries on the axis, in the gathered result). */
function gathered(
  indices: Dense,
  { outer, size, inner }: { outer: number; size: number; inner: number },
  visit: (data: number, result: number) => void,
): void {
  const count = indices.data.length;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      const from = (o * size + entry('gather', indices.data[k]!, size)) * inner;
      for (let i = 0; i < inner; i++) visit(from + i, (o * count + k) * inner + i);
    }
  }
}

/** Visits pairs of flat positions (in data of shape `data`, in indices) for torch.gather. */
function gatheredElements(indices: Dense, data: Shape, axis: number, visit: (data: number, index: number) => void) {
  const strides = stridesOf(data).map((s, i) => (i === axis ? 0 : s));
  offsetsOf(indices.shape, strides).forEach((base, i) => {
    const chosen = entry('gatherElements', indices.data[i]!, data[axis]!);
    visit(base + chosen * stridesOf(data)[axis]!, i);
  });
}

function concat(inputs: readonly Dense[], shape: Shape, axis: number): Float64Array {
  const { outer, size, inner } = around(shape, axis);
  const out = new Float64Array(sizeOf(shape));
  let start = 0;
  for (const x of inputs) {
    const block = x.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) {
      out.set(x.data.subarray(o * block, (o + 1) * block), (o * size + start) * inner);
    }
    start += x.shape[axis]!;
  }
  return out;
}

export const movementRules: InterpretRules<MovementOp> = {
  reshape: (_, [x]) => x!.data.slice(),
  transpose: (v, [x], { shape }) => {
    const strides = stridesOf(x!.shape);
    return pick(
      x!.data,
      offsetsOf(
        shape,
        v.attrs.perm.map((p) => strides[p]!),
      ),
    );
  },
  expand: (_, [x], { shape }) => broadcastData(x!, shape).slice(),
  slice: (v, [x], { shape, dim }) => {
    const { starts, ends, steps } = v.attrs;
    ends.forEach((end, i) => {
      const [from, to] = [dim(starts[i]!), dim(end)];
      if (from < 0 || to < from || to > x!.shape[i]!) {
        throw new GraphError('slice', `range ${from}..${to} is outside axis ${i} of ${x!.shape[i]} entries`);
      }
    });
    const strides = stridesOf(x!.shape);
    const base = strides.reduce((sum, s, i) => sum + s * dim(starts[i]!), 0);
    return pick(
      x!.data,
      offsetsOf(
        shape,
        strides.map((s, i) => s * steps[i]!),
        base,
      ),
    );
  },
  flip: (v, [x], { shape }) => {
    const strides = stridesOf(shape);
    const base = v.attrs.axes.reduce((sum, a) => sum + strides[a]! * (shape[a]! - 1), 0);
    return pick(
      x!.data,
      offsetsOf(
        shape,
        strides.map((s, i) => (v.attrs.axes.includes(i) ? -s : s)),
        base,
      ),
    );
  },
  concat: (v, inputs, { shape }) => concat(inputs, shape, v.attrs.axis),
  pad: (v, [x], { shape }) => pad(x!, shape, v.attrs),
  gather: (v, inputs, { shape }) => {
    const [data, indices] = inputs as [Dense, Dense];
    const out = new Float64Array(sizeOf(shape));
    gathered(indices, around(data.shape, v.attrs.axis), (from, to) => {
      out[to] = data.data[from]!;
    });
    return out;
  },
  gatherGrad: (v, inputs, { shape }) => {
    const [indices, updates] = inputs as [Dense, Dense];
    const out = new Float64Array(sizeOf(shape));
    gathered(indices, around(shape, v.attrs.axis), (to, from) => {
      out[to]! += updates.data[from]!;
    });
    return out;
  },
  gatherElements: (v, inputs) => {
    const [data, indices] = inputs as [Dense, Dense];
    const out = new Float64Array(indices.data.length);
    gatheredElements(indices, data.shape, v.attrs.axis, (from, to) => {
      out[to] = data.data[from]!;
    });
    return out;
  },
  after: (_, [x]) => x!.data,
  gatherElementsGrad: (v, inputs, { shape }) => {
    const [indices, updates] = inputs as [Dense, Dense];
    const out = new Float64Array(sizeOf(shape));
    gatheredElements(indices, shape, v.attrs.axis, (to, from) => {
      out[to]! += updates.data[from]!;
    });
    return out;
  },
};
