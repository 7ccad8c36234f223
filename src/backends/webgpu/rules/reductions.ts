/** Reductions over any axes. Operands are computed on the way where they are elementwise. */

import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { OpAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import { gridOf } from '../kernel.ts';
import { foldKernels } from '../kernels/reduce.ts';
import { literal } from '../literal.ts';
import { scalarType } from '../place.ts';
import type { Planner } from '../planner.ts';
import type { KernelRule, RuleTable } from '../rule.ts';
import { Shader } from '../shader.ts';
import { around } from './movement.ts';

export type ReductionOp = Extract<keyof OpAttrs, 'sum' | 'mean' | 'max' | 'min' | 'argMax'>;
type Reduction = Exclude<ReductionOp, 'argMax'>;

interface Axes {
  readonly kept: { readonly shape: Shape; readonly strides: readonly number[] };
  readonly reduced: { readonly shape: Shape; readonly strides: readonly number[] };
}

function splitAxes(shape: Shape, axes: readonly number[]): Axes {
  const strides = stridesOf(shape);
  const pick = (wanted: boolean) => {
    const own = shape.flatMap((_, i) => (axes.includes(i) === wanted ? [i] : []));
    return { shape: own.map((i) => shape[i]!), strides: own.map((i) => strides[i]!) };
  };
  return { kept: pick(false), reduced: pick(true) };
}

const combine: { readonly [O in Reduction]: (a: string, b: string) => string } = {
  sum: (a, b) => `${a} + ${b}`,
  mean: (a, b) => `${a} + ${b}`,
  max: (a, b) => `max(${a}, ${b})`,
  min: (a, b) => `min(${a}, ${b})`,
};

/** What a fold over nothing gives: the neutral element, as far as f32 has one. */
const neutral: { readonly [O in Reduction]: number } = {
  sum: 0,
  mean: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

function reduction<O extends Reduction>(op: O): KernelRule<O> {
  return {
    kind: 'kernel',
    absorbs: true,
    schedule: (p, v) => scheduleReduction(p, v as Value<Reduction>, op),
  };
}

function scheduleReduction(p: Planner, v: Value<Reduction>, op: Reduction): void {
  const [x] = v.inputs as [Value];
  const shape = p.shapeOf(x);
  const { kept, reduced } = splitAxes(shape, v.attrs.axes);
  const scalar = scalarType(v.dtype);
  const type = scalar === 'bool' ? 'u32' : scalar;
  const length = sizeOf(reduced.shape);
  const result = p.finish(v);
  const empty = literal(type === 'f32' ? neutral[op] : integerNeutral(op, type), type);
  const element = (e: Emitter, line: string, i: string): string => {
    const base = e.affine(line, kept.shape, kept.strides);
    const value = e.at(x, e.affine(i, reduced.shape, reduced.strides, base));
    return scalar === 'bool' ? e.let(`select(0u, 1u, ${value})`) : value;
  };
  const kernels = foldKernels(p, {
    label: op,
    type,
    lines: sizeOf(kept.shape),
    length,
    element,
    combine: combine[op],
    empty,
    contiguous: reduced.strides.at(-1) === 1,
    store: (e, line, folded) => {
      const total = op === 'mean' ? e.let(`${folded} / ${type}(${Math.max(length, 1)})`) : e.let(folded);
      e.set(v, line, scalar === 'bool' ? e.let(`${total} != 0u`) : total);
      e.store(result, line);
    },
  });
  p.done(result, ...kernels);
}

function integerNeutral(op: Reduction, type: 'i32' | 'u32'): number {
  const [least, most] = type === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  return op === 'max' ? least : op === 'min' ? most : 0;
}

/** One invocation a line: class indices of accuracies, nothing large. */
function scheduleArgMax(p: Planner, v: Value<'argMax'>): void {
  const [x] = v.inputs as [Value];
  const { outer, size, inner } = around(p.shapeOf(x), v.attrs.axis);
  const result = p.finish(v);
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const lines = outer * inner;
  const { workgroups, index } = gridOf(Math.ceil(lines / 64), p.traits);
  e.line(`let o = ${index} * 64u + li;`);
  e.line(`if (o >= ${lines}u) { return; }`);
  const base = e.let(`(o / ${inner}u) * ${size * inner}u + o % ${inner}u`, 'i');
  const best = e.variable(scalarType(x.dtype), e.at(x, base));
  const entry = e.variable('i32', '0i');
  e.block(`for (var j = 1u; j < ${size}u; j++)`, () => {
    const value = e.at(x, e.let(`${base} + j * ${inner}u`, 'i'));
    e.line(`if (${value} > ${best}) { ${best} = ${value}; ${entry} = i32(j); }`);
  });
  e.set(v, 'o', entry);
  e.store(result, 'o');
  const code = shader.text(e.body, [64, 1, 1]);
  p.done(result, ...(lines > 0 ? [{ label: 'argMax', code, bindings: shader.bindings, workgroups }] : []));
}

export const reductionRules: RuleTable<ReductionOp> = {
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: reduction('min'),
  argMax: { kind: 'kernel', absorbs: true, schedule: scheduleArgMax },
};
