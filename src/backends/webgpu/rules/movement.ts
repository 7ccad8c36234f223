/** Operations that move elements: each says where the element at an index comes from. */

import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { OpAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import { literal } from '../literal.ts';
import { scalarType } from '../place.ts';
import type { RuleTable } from '../rule.ts';

export type MovementOp = Extract<
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

/** Sizes of the axes before, at and after `axis`. */
export function around(shape: Shape, axis: number): { outer: number; size: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), size: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
}

/** Index in data with `size` entries on an axis of which `entry` is chosen. */
const chosen = (e: Emitter, outer: string, size: number, entry: string, inner: string, width: number): string =>
  e.let(`((${outer}) * ${size}u + ${entry}) * ${width}u + ${inner}`, 'i');

/** An index that was fed: negative ones count from the end, what lies outside is moved to the border. */
function entryOf(e: Emitter, indices: Value, index: string, size: number): string {
  const raw = e.let(`i32(${e.at(indices, index)})`);
  return e.let(`u32(clamp(select(${raw}, ${raw} + ${size}i, ${raw} < 0i), 0i, ${Math.max(size - 1, 0)}i))`, 'i');
}

export const movementRules: RuleTable<MovementOp> = {
  reshape: { kind: 'view', write: (e, v, index) => e.at(v.inputs[0]!, index) },
  transpose: {
    kind: 'view',
    write: (e, v, index) => {
      const strides = stridesOf(e.shapeOf(v.inputs[0]!));
      const moved = v.attrs.perm.map((p) => strides[p]!);
      return e.at(v.inputs[0]!, e.affine(index, e.shapeOf(v), moved));
    },
  },
  expand: {
    kind: 'view',
    write: (e, v, index) => {
      const x = v.inputs[0]!;
      return e.at(x, e.broadcast(index, e.shapeOf(v), e.shapeOf(x)));
    },
  },
  slice: {
    kind: 'view',
    write: (e, v, index) => {
      const [x] = v.inputs as [Value];
      const strides = stridesOf(e.shapeOf(x));
      const base = e.sizesOf(v.attrs.starts).reduce((sum, s, i) => sum + s * strides[i]!, 0);
      const steps = strides.map((s, i) => s * v.attrs.steps[i]!);
      return e.at(x, e.affine(index, e.shapeOf(v), steps, base));
    },
  },
  flip: {
    kind: 'view',
    write: (e, v, index) => {
      const shape = e.shapeOf(v);
      const strides = stridesOf(shape);
      const base = v.attrs.axes.reduce((sum, a) => sum + strides[a]! * (shape[a]! - 1), 0);
      const steps = strides.map((s, i) => (v.attrs.axes.includes(i) ? -s : s));
      return e.at(v.inputs[0]!, e.affine(index, shape, steps, base));
    },
  },
  concat: { kind: 'map', write: concat },
  pad: { kind: 'map', write: pad },
  gather: {
    kind: 'map',
    write: (e, v, index) => {
      const [data, indices] = v.inputs as [Value, Value];
      const { size, inner } = around(e.shapeOf(data), v.attrs.axis);
      const count = sizeOf(e.shapeOf(indices));
      const entry = entryOf(e, indices, e.let(`(${index} / ${inner}u) % ${count}u`, 'i'), size);
      return e.at(data, chosen(e, `${index} / ${inner * count}u`, size, entry, `${index} % ${inner}u`, inner));
    },
  },
  gatherGrad: { kind: 'sweep', write: gatherGrad },
  gatherElements: {
    kind: 'map',
    write: (e, v, index) => {
      const [data, indices] = v.inputs as [Value, Value];
      const { axis } = v.attrs;
      const shape = e.shapeOf(data);
      const entry = entryOf(e, indices, index, shape[axis]!);
      const strides = stridesOf(shape);
      const rest = e.affine(
        index,
        e.shapeOf(v),
        strides.map((s, i) => (i === axis ? 0 : s)),
      );
      return e.at(data, e.let(`${rest} + ${entry} * ${strides[axis]}u`, 'i'));
    },
  },
  gatherElementsGrad: { kind: 'sweep', write: gatherElementsGrad },
  after: { kind: 'view', write: (e, v, index) => e.at(v.inputs[0]!, index) },
};

function zeroOf(v: Value): string {
  return literal(0, scalarType(v.dtype));
}

function concat(e: Emitter, v: Value<'concat'>, index: string): string {
  const { size, inner } = around(e.shapeOf(v), v.attrs.axis);
  const at = e.let(`(${index} / ${inner}u) % ${size}u`, 'c');
  const block = e.let(`${index} / ${size * inner}u`, 'c');
  const rest = e.let(`${index} % ${inner}u`, 'c');
  const out = e.variable(scalarType(v.dtype));
  let start = 0;
  v.inputs.forEach((x, k) => {
    const own = e.shapeOf(x)[v.attrs.axis]!;
    const [from, to] = [start, start + own];
    start = to;
    if (own === 0) return;
    e.block(k === 0 ? `if (${at} < ${to}u)` : `if (${at} >= ${from}u && ${at} < ${to}u)`, () => {
      e.line(`${out} = ${e.at(x, chosen(e, block, own, `(${at} - ${from}u)`, rest, inner))};`);
    });
  });
  return out;
}

function pad(e: Emitter, v: Value<'pad'>, index: string): string {
  const [x] = v.inputs as [Value];
  const { before, mode, value } = v.attrs;
  const from = e.shapeOf(x);
  const strides = stridesOf(from);
  const conditions: string[] = [];
  const terms: string[] = [];
  e.coordinates(index, e.shapeOf(v)).forEach((c, axis) => {
    const size = from[axis]!;
    if (before[axis] === 0 && v.attrs.after[axis] === 0) {
      terms.push(`${c} * ${strides[axis]}u`);
      return;
    }
    const p = e.let(`i32(${c}) - ${before[axis]}i`, 'c');
    if (mode === 'constant') {
      conditions.push(`${p} >= 0i && ${p} < ${size}i`);
      terms.push(`u32(${p}) * ${strides[axis]}u`);
    } else {
      const inside =
        mode === 'circular'
          ? `((${p} % ${size}i) + ${size}i) % ${size}i`
          : `select(select(${p}, ${2 * (size - 1)}i - ${p}, ${p} >= ${size}i), -${p}, ${p} < 0i)`;
      terms.push(`u32(${inside}) * ${strides[axis]}u`);
    }
  });
  const source = (): string => e.at(x, e.let(terms.join(' + ') || '0u', 'i'));
  if (conditions.length === 0) return source();
  const out = e.variable(scalarType(v.dtype), literal(value, scalarType(v.dtype)));
  e.block(`if (${conditions.join(' && ')})`, () => e.line(`${out} = ${source()};`));
  return out;
}

/** Every entry of the result looks for itself among the indices: no two invocations add to one number. */
function gatherGrad(e: Emitter, v: Value<'gatherGrad'>, index: string): string {
  const [indices, updates] = v.inputs as [Value, Value];
  const { size, inner } = around(e.shapeOf(v), v.attrs.axis);
  const count = sizeOf(e.shapeOf(indices));
  const wanted = e.let(`(${index} / ${inner}u) % ${size}u`, 'c');
  const block = e.let(`${index} / ${size * inner}u`, 'c');
  const rest = e.let(`${index} % ${inner}u`, 'c');
  const total = e.variable(scalarType(v.dtype), zeroOf(v));
  const k = e.loop(count, (step) => {
    const entry = entryOf(e, indices, step, size);
    e.block(`if (${entry} == ${wanted})`, () => {
      e.line(`${total} += ${e.at(updates, chosen(e, block, count, step, rest, inner))};`);
    });
  });
  return k === undefined ? zeroOf(v) : total;
}

function gatherElementsGrad(e: Emitter, v: Value<'gatherElementsGrad'>, index: string): string {
  const [indices, updates] = v.inputs as [Value, Value];
  const { axis } = v.attrs;
  const from = e.shapeOf(indices);
  const strides = stridesOf(from);
  const coordinates = e.coordinates(index, e.shapeOf(v));
  const inside = coordinates.flatMap((c, i) => (i === axis || c === '0u' ? [] : [`${c} < ${from[i]}u`]));
  const base = e.let(
    coordinates.flatMap((c, i) => (i === axis ? [] : [`${c} * ${strides[i]}u`])).join(' + ') || '0u',
    'i',
  );
  const total = e.variable(scalarType(v.dtype), zeroOf(v));
  e.block(`if (${inside.join(' && ') || 'true'})`, () => {
    e.loop(from[axis]!, (step) => {
      const at = e.let(`${base} + ${step} * ${strides[axis]}u`, 'i');
      const entry = entryOf(e, indices, at, e.shapeOf(v)[axis]!);
      e.block(`if (${entry} == ${coordinates[axis]})`, () => e.line(`${total} += ${e.at(updates, at)};`));
    });
  });
  return total;
}
