/** Elementwise operations: one expression each, operands broadcast by index. */

import type { DType } from '#core/dtype';
import { isFloat } from '#core/dtype';
import type { BinaryOp, CompareOp, LogicalOp, Op, OpAttrs, UnaryOp } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import type { HelperName } from '../functions.ts';
import { literal } from '../literal.ts';
import { scalarType } from '../place.ts';
import type { PointwiseRule, RuleTable } from '../rule.ts';

export type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | CompareOp
  | LogicalOp
  | Extract<keyof OpAttrs, 'leakyRelu' | 'elu' | 'clamp' | 'cast' | 'where'>;

/** Operands of `v` at the element that `index` names in its result. */
function operands(e: Emitter, v: Value, index: string): string[] {
  const shape = e.shapeOf(v);
  return v.inputs.map((x) => e.at(x, e.broadcast(index, shape, e.shapeOf(x))));
}

function map<O extends Op>(
  text: (args: readonly string[], v: Value<O>, e: Emitter) => string,
  ...helpers: readonly HelperName[]
): PointwiseRule<O> {
  return {
    kind: 'map',
    write: (e, v, index) => {
      for (const h of helpers) e.shader.need(h);
      return text(operands(e, v as Value, index), v, e);
    },
  };
}

const call = (name: string): PointwiseRule<UnaryOp> => map(([x]) => `${name}(${x})`);
const helper = (name: HelperName): PointwiseRule<UnaryOp> => map(([x]) => `${name}(${x})`, name);
const infix = (symbol: string): PointwiseRule<BinaryOp> => map(([x, y]) => `${x} ${symbol} ${y}`);
const compare = (symbol: string): PointwiseRule<CompareOp> =>
  map(([x, y], v) => {
    // Flags have an order as numbers, but not in WGSL.
    const number = v.inputs[0]!.dtype === 'bool' ? (a: string) => `u32(${a})` : (a: string) => a;
    return `${number(x!)} ${symbol} ${number(y!)}`;
  });

const f32 = (value: number): string => literal(value, 'f32');
const like = (value: number, dtype: DType): string => literal(value, scalarType(dtype));

export const elementwiseRules: RuleTable<ElementwiseOp> = {
  neg: map(([x], v) => (scalarType(v.dtype) === 'u32' ? `0u - ${x}` : `-${x}`)),
  abs: call('abs'),
  sign: call('sign'),
  exp: call('exp'),
  log: call('log'),
  sqrt: call('sqrt'),
  rsqrt: map(([x]) => `1.0 / sqrt(${x})`),
  reciprocal: map(([x]) => `1.0 / ${x}`),
  sin: map(([x]) => `circular(${x}, 0)`, 'circular'),
  cos: map(([x]) => `circular(${x}, 1)`, 'circular'),
  tanh: helper('tanhf'),
  sigmoid: helper('sigmoid'),
  erf: helper('erf'),
  floor: call('floor'),
  relu: map(([x], v) => `max(${x}, ${like(0, v.dtype)})`),
  silu: map(([x]) => `${x} * sigmoid(${x})`, 'sigmoid'),
  gelu: map(([x]) => `0.5 * ${x} * (1.0 + erf(${x} * ${Math.SQRT1_2}))`, 'erf'),
  geluTanh: map(
    ([x]) => `0.5 * ${x} * (1.0 + tanhf(${Math.sqrt(2 / Math.PI)} * (${x} + 0.044715 * ${x} * ${x} * ${x})))`,
    'tanhf',
  ),
  quickGelu: map(([x]) => `${x} * sigmoid(1.702 * ${x})`, 'sigmoid'),
  softplus: helper('softplus'),
  logicalNot: map(([x]) => `!${x}`),
  stopGradient: map(([x]) => x!),
  leakyRelu: map<'leakyRelu'>(([x], v) => `select(${f32(v.attrs.slope)} * ${x}, ${x}, ${x} > 0.0)`),
  elu: map<'elu'>(([x], v) => `select(${f32(v.attrs.alpha)} * expm1(${x}), ${x}, ${x} > 0.0)`, 'expm1'),
  clamp: map<'clamp'>(([x], v) => {
    const [low, high] = [like(v.attrs.min, v.dtype), like(v.attrs.max, v.dtype)];
    return `min(max(${x}, ${low}), ${high})`;
  }),
  cast: map<'cast'>(([x], v, e) => castText(e, x!, v.inputs[0]!.dtype, v.attrs.to)),
  where: map(([condition, x, y]) => `select(${y}, ${x}, ${condition})`),

  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  pow: map(([x, y], v) => (isFloat(v.dtype) ? `power(${x}, ${y})` : integerPower(v.dtype, x!, y!)), 'power'),
  maximum: map(([x, y]) => `max(${x}, ${y})`),
  minimum: map(([x, y]) => `min(${x}, ${y})`),
  equal: compare('=='),
  greater: compare('>'),
  less: compare('<'),
  greaterEqual: compare('>='),
  lessEqual: compare('<='),
  logicalAnd: map(([x, y]) => `${x} && ${y}`),
  logicalOr: map(([x, y]) => `${x} || ${y}`),
};

/** Exact up to 2^24. */
function integerPower(dtype: DType, x: string, y: string): string {
  return `${scalarType(dtype)}(round(power(f32(${x}), f32(${y}))))`;
}

/** Integers narrower than a register wrap as the dtype does; halves are rounded to what they can hold. */
function castText(e: Emitter, x: string, from: DType, to: DType): string {
  const [source, target] = [scalarType(from), scalarType(to)];
  if (to === 'f16' && from !== 'f16') return `${e.shader.need('round16')}(f32(${x}))`;
  if (to === 'bf16' && from !== 'bf16') return `${e.shader.need('roundBrain')}(f32(${x}))`;
  const converted = source === target ? x : `${target}(${x})`;
  switch (to) {
    case 'u8':
      return `${converted} & 255i`;
    case 'u16':
      return `${converted} & 65535i`;
    case 'i8':
      return `(${converted} << 24u) >> 24u`;
    case 'i16':
      return `(${converted} << 16u) >> 16u`;
    default:
      return converted;
  }
}
