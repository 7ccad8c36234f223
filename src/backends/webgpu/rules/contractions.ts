/** Matrix products, linear layers and convolutions as sums of products (kernels/product.ts); attention by itself. */

import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { ConvAttrs, OpAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import { scheduleAttention } from '../kernels/attention.ts';
import { scheduleProduct } from '../kernels/product.ts';
import type { Product, Side } from '../kernels/product-parts.ts';
import type { Planner } from '../planner.ts';
import type { RuleTable } from '../rule.ts';

export type ContractionOp = Extract<
  keyof OpAttrs,
  'matmul' | 'linear' | 'conv2d' | 'convTranspose2d' | 'conv2dWeightGrad' | 'attention'
>;

type Picture = readonly [n: number, c: number, h: number, w: number];

export const contractionRules: RuleTable<ContractionOp> = {
  matmul: { kind: 'kernel', schedule: scheduleMatmul },
  linear: { kind: 'kernel', schedule: scheduleLinear },
  conv2d: { kind: 'kernel', schedule: scheduleConvolution },
  convTranspose2d: { kind: 'kernel', schedule: scheduleTransposed },
  conv2dWeightGrad: { kind: 'kernel', schedule: scheduleWeightGradient },
  attention: { kind: 'kernel', schedule: scheduleAttention },
};

/** One operand of a matrix product; `rowsFirst` when its rows are rows of the result. */
function matrixSide(p: Planner, x: Value, batch: Shape, rowsFirst: boolean): Side {
  const shape = p.shapeOf(x);
  const own = shape.slice(0, -2);
  const [rows, columns] = shape.slice(-2) as [number, number];
  const lead = batch.length - own.length;
  const strides = stridesOf(shape);
  const steps = batch.map((_, i) => (i < lead || own[i - lead] === 1 ? 0 : strides[i - lead]!));
  const turned = p.isMatrixTranspose(x);
  return {
    fast: rowsFirst !== turned ? 'k' : 'outer',
    element: (e, z, outer, k) => {
      const base = e.affine(z, batch, steps);
      const [row, column] = rowsFirst ? [outer, k] : [k, outer];
      return e.at(x, e.let(rows * columns === 0 ? '0u' : `${base} + ${row} * ${columns}u + ${column}`, 'i'));
    },
  };
}

function scheduleMatmul(p: Planner, v: Value<'matmul'>): void {
  const [a, b] = v.inputs as [Value, Value];
  const shape = p.shapeOf(v);
  const batch = shape.slice(0, -2);
  const [m, n] = shape.slice(-2) as [number, number];
  scheduleProduct(p, {
    value: v,
    batch: sizeOf(batch),
    m,
    n,
    k: p.shapeOf(a).at(-1)!,
    left: matrixSide(p, a, batch, true),
    right: matrixSide(p, b, batch, false),
    index: (_, z, row, column) => `(${z} * ${m}u + ${row}) * ${n}u + ${column}`,
  });
}

function scheduleLinear(p: Planner, v: Value<'linear'>): void {
  const [x, weight, bias] = v.inputs as [Value, Value, Value?];
  const [n, k] = p.shapeOf(weight) as [number, number];
  const rows = (value: Value): Side => ({
    fast: p.isMatrixTranspose(value) ? 'outer' : 'k',
    element: (e, _, outer, at) => e.at(value, e.let(`${outer} * ${k}u + ${at}`, 'i')),
  });
  scheduleProduct(p, {
    value: v,
    batch: 1,
    m: sizeOf(p.shapeOf(v).slice(0, -1)),
    n,
    k,
    left: rows(x),
    right: rows(weight),
    index: (_, _z, row, column) => `${row} * ${n}u + ${column}`,
    bias: bias && ((e, _z, _row, column) => e.at(bias, column)),
  });
}

/** Batch and place of a pixel of [n, c, h, w], counted over all pictures. */
function pixelOf(e: Emitter, at: string, [, , h, w]: Picture): { sample: string; y: string; x: string; plane: string } {
  return {
    sample: e.let(`${at} / ${h * w}u`, 'c'),
    plane: e.let(`${at} % ${h * w}u`, 'c'),
    y: e.let(`(${at} / ${w}u) % ${h}u`, 'c'),
    x: e.let(`${at} % ${w}u`, 'c'),
  };
}

/** Channel and position of a tap, counted over channels. */
function tapOf(
  e: Emitter,
  at: string,
  [kh, kw]: readonly [number, number],
): { channel: string; ky: string; kx: string } {
  if (kh * kw === 1) return { channel: at, ky: '0u', kx: '0u' };
  return {
    channel: e.let(`${at} / ${kh * kw}u`, 'c'),
    ky: e.let(`(${at} / ${kw}u) % ${kh}u`, 'c'),
    kx: e.let(`${at} % ${kw}u`, 'c'),
  };
}

/** What a convolution reads of picture `x` at an output pixel and a tap: zero beyond the border. */
function readTap(
  e: Emitter,
  x: Value,
  [, c, h, w]: Picture,
  { stride, padding, dilation }: ConvAttrs,
  at: { sample: string; channel: string; y: string; x: string; ky: string; kx: string },
): string {
  const position = (pixel: string, tap: string, i: 0 | 1): string =>
    e.let(`i32(${pixel} * ${stride[i]}u + ${tap} * ${dilation[i]}u) - ${padding[i]}i`);
  const plane = `(${at.sample} * ${c}u + ${at.channel}) * ${h * w}u`;
  if (padding.every((side) => side === 0)) {
    const [row, column] = [
      `${at.y} * ${stride[0]}u + ${at.ky} * ${dilation[0]}u`,
      `${at.x} * ${stride[1]}u + ${at.kx} * ${dilation[1]}u`,
    ];
    return e.at(x, e.let(`${plane} + (${row}) * ${w}u + ${column}`, 'i'));
  }
  const [y, column] = [position(at.y, at.ky, 0), position(at.x, at.kx, 1)];
  const out = e.variable('f32', '0.0');
  e.block(`if (${y} >= 0i && ${y} < ${h}i && ${column} >= 0i && ${column} < ${w}i)`, () => {
    e.line(`${out} = ${e.at(x, e.let(`${plane} + u32(${y}) * ${w}u + u32(${column})`, 'i'))};`);
  });
  return out;
}

/** Index in a picture of `channels` whose channels are the rows of each group and whose pixels are the columns. */
function pictureIndex(
  e: Emitter,
  [, channels, h, w]: Picture,
  perGroup: number,
  z: string,
  row: string,
  column: string,
): string {
  const { sample, plane } = pixelOf(e, column, [0, channels, h, w]);
  return `(${sample} * ${channels}u + ${z} * ${perGroup}u + ${row}) * ${h * w}u + ${plane}`;
}

function scheduleConvolution(p: Planner, v: Value<'conv2d'>): void {
  const [x, weight, bias] = v.inputs as [Value, Value, Value?];
  const { groups } = v.attrs;
  const from = p.shapeOf(x) as Picture;
  const to = p.shapeOf(v) as Picture;
  const [, perGroup, kh, kw] = p.shapeOf(weight) as Picture;
  const m = to[1] / groups;
  const k = perGroup * kh * kw;
  const pixels: Side = {
    fast: 'outer',
    element: (e, z, outer, at) => {
      const { sample, y, x: column } = pixelOf(e, outer, to);
      const { channel, ky, kx } = tapOf(e, at, [kh, kw]);
      const inGroup = e.let(groups === 1 ? channel : `${z} * ${perGroup}u + ${channel}`, 'c');
      return readTap(e, x, from, v.attrs, { sample, channel: inGroup, y, x: column, ky, kx });
    },
  };
  scheduleProduct(p, {
    value: v,
    batch: groups,
    m,
    n: to[0] * to[2] * to[3],
    k,
    left: {
      fast: 'k',
      element: (e, z, outer, at) => e.at(weight, e.let(`(${z} * ${m}u + ${outer}) * ${k}u + ${at}`, 'i')),
    },
    right: pixels,
    index: (e, z, row, column) => pictureIndex(e, to, m, z, row, column),
    bias: channelBias(bias, m),
  });
}

function channelBias(bias: Value | undefined, perGroup: number): Product['bias'] {
  return bias && ((e, z, row) => e.at(bias, e.let(`${z} * ${perGroup}u + ${row}`, 'c')));
}

/** Every pixel gathers from the small picture what the taps would scatter. */
function scheduleTransposed(p: Planner, v: Value<'convTranspose2d'>): void {
  const [x, weight, bias] = v.inputs as [Value, Value, Value?];
  const { groups, stride, padding, dilation } = v.attrs;
  const from = p.shapeOf(x) as Picture;
  const to = p.shapeOf(v) as Picture;
  const [, m, kh, kw] = p.shapeOf(weight) as Picture;
  const perGroup = from[1] / groups;
  const source = (e: Emitter, pixel: string, tap: string, i: 0 | 1): { hit: string; at: string } => {
    const shifted = e.let(`i32(${pixel}) + ${padding[i]}i - i32(${tap} * ${dilation[i]}u)`);
    const at = e.let(`${shifted} / ${stride[i]}i`);
    const whole = stride[i] === 1 ? '' : ` && ${shifted} % ${stride[i]}i == 0i`;
    return { hit: `${shifted} >= 0i${whole} && ${at} < ${from[2 + i]}i`, at };
  };
  scheduleProduct(p, {
    value: v,
    batch: groups,
    m,
    n: to[0] * to[2] * to[3],
    k: perGroup * kh * kw,
    left: {
      fast: 'k',
      element: (e, z, outer, at) => {
        const channel = kh * kw === 1 ? at : e.let(`${at} / ${kh * kw}u`, 'c');
        const tap = kh * kw === 1 ? '0u' : e.let(`${at} % ${kh * kw}u`, 'c');
        return e.at(
          weight,
          e.let(`((${z} * ${perGroup}u + ${channel}) * ${m}u + ${outer}) * ${kh * kw}u + ${tap}`, 'i'),
        );
      },
    },
    right: {
      fast: 'outer',
      element: (e, z, outer, at) => {
        const { sample, y, x: column } = pixelOf(e, outer, to);
        const { channel, ky, kx } = tapOf(e, at, [kh, kw]);
        const [row, across] = [source(e, y, ky, 0), source(e, column, kx, 1)];
        const out = e.variable('f32', '0.0');
        e.block(`if (${row.hit} && ${across.hit})`, () => {
          const plane = `(${sample} * ${from[1]}u + ${z} * ${perGroup}u + ${channel}) * ${from[2] * from[3]}u`;
          e.line(`${out} = ${e.at(x, e.let(`${plane} + u32(${row.at}) * ${from[3]}u + u32(${across.at})`, 'i'))};`);
        });
        return out;
      },
    },
    index: (e, z, row, column) => pictureIndex(e, to, m, z, row, column),
    bias: channelBias(bias, m),
  });
}

/** Sums over the pixels of all pictures. */
function scheduleWeightGradient(p: Planner, v: Value<'conv2dWeightGrad'>): void {
  const [x, g] = v.inputs as [Value, Value];
  const { groups, kernel } = v.attrs;
  const from = p.shapeOf(x) as Picture;
  const to = p.shapeOf(g) as Picture;
  const m = to[1] / groups;
  const perGroup = from[1] / groups;
  const n = perGroup * kernel[0] * kernel[1];
  scheduleProduct(p, {
    value: v,
    batch: groups,
    m,
    n,
    k: to[0] * to[2] * to[3],
    left: { fast: 'k', element: (e, z, outer, at) => e.at(g, e.let(pictureIndex(e, to, m, z, outer, at), 'i')) },
    right: {
      fast: 'k',
      element: (e, z, outer, at) => {
        const { channel, ky, kx } = tapOf(e, outer, kernel);
        const { sample, y, x: column } = pixelOf(e, at, to);
        const inGroup = e.let(groups === 1 ? channel : `${z} * ${perGroup}u + ${channel}`, 'c');
        return readTap(e, x, from, v.attrs, { sample, channel: inGroup, y, x: column, ky, kx });
      },
    },
    index: (_, z, row, column) => `(${z} * ${m}u + ${row}) * ${n}u + ${column}`,
  });
}
