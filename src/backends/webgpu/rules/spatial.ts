/** Pooling and resizing of [n, c, h, w]: every output pixel sums over the inputs it covers. */

import type { OpAttrs, PoolAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import { literal } from '../literal.ts';
import type { RuleTable } from '../rule.ts';

export type SpatialOp = Extract<
  keyof OpAttrs,
  'avgPool2d' | 'maxPool2d' | 'avgPool2dGrad' | 'maxPool2dGrad' | 'resizeNearest' | 'resizeBilinear'
>;

/** Plane, row and column of `index` in the picture `v`. */
function pixel(e: Emitter, v: Value, index: string): { plane: string; row: string; column: string } {
  const [, , h, w] = e.shapeOf(v) as [number, number, number, number];
  return {
    plane: e.let(`${index} / ${h * w}u`, 'c'),
    row: e.let(`(${index} / ${w}u) % ${h}u`, 'c'),
    column: e.let(`${index} % ${w}u`, 'c'),
  };
}

/** Visits the inputs [h, w] that the window of an output pixel covers: `visit` gets their index. */
function window(
  e: Emitter,
  { kernel, stride, padding }: PoolAttrs,
  [h, w]: readonly [number, number],
  at: { plane: string; row: string; column: string },
  visit: (index: string) => void,
): void {
  const top = e.let(`i32(${at.row} * ${stride[0]}u) - ${padding[0]}i`);
  const left = e.let(`i32(${at.column} * ${stride[1]}u) - ${padding[1]}i`);
  e.loop(kernel[0], (ky) => {
    const y = e.let(`${top} + i32(${ky})`);
    e.block(`if (${y} >= 0i && ${y} < ${h}i)`, () => {
      e.loop(kernel[1], (kx) => {
        const x = e.let(`${left} + i32(${kx})`);
        e.block(`if (${x} >= 0i && ${x} < ${w}i)`, () => {
          visit(e.let(`${at.plane} * ${h * w}u + u32(${y}) * ${w}u + u32(${x})`, 'i'));
        });
      });
    });
  });
}

/** Visits the outputs [oh, ow] whose windows cover an input pixel. */
function covering(
  e: Emitter,
  { kernel, stride, padding }: PoolAttrs,
  [oh, ow]: readonly [number, number],
  at: { plane: string; row: string; column: string },
  visit: (index: string, row: string, column: string) => void,
): void {
  const axis = (k: number, position: string, size: number, i: 0 | 1, inner: (at: string) => void): void => {
    e.loop(k, (tap) => {
      const shifted = e.let(`i32(${position}) + ${padding[i]}i - i32(${tap})`);
      const output = e.let(`${shifted} / ${stride[i]}i`);
      const hit = `${shifted} >= 0i && ${shifted} % ${stride[i]}i == 0i && ${output} < ${size}i`;
      e.block(`if (${hit})`, () => inner(e.let(`u32(${output})`, 'c')));
    });
  };
  axis(kernel[0], at.row, oh, 0, (y) => {
    axis(kernel[1], at.column, ow, 1, (x) => {
      visit(e.let(`(${at.plane} * ${oh}u + ${y}) * ${ow}u + ${x}`, 'i'), y, x);
    });
  });
}

const planeOf = (e: Emitter, v: Value): readonly [number, number] =>
  e.shapeOf(v).slice(2) as unknown as [number, number];

/** Index of the first maximum of a window; `best` holds its value afterwards. */
function firstMaximum(
  e: Emitter,
  x: Value,
  attrs: PoolAttrs,
  at: { plane: string; row: string; column: string },
): { best: string; place: string } {
  const best = e.variable('f32', '0.0');
  const place = e.variable('u32', '0xffffffffu');
  window(e, attrs, planeOf(e, x), at, (index) => {
    const value = e.at(x, index);
    e.line(`if (${place} == 0xffffffffu || ${value} > ${best}) { ${best} = ${value}; ${place} = ${index}; }`);
  });
  return { best, place };
}

export const spatialRules: RuleTable<SpatialOp> = {
  avgPool2d: {
    kind: 'sweep',
    write: (e, v, index) => {
      const [x] = v.inputs as [Value];
      const total = e.variable('f32', '0.0');
      window(e, v.attrs, planeOf(e, x), pixel(e, v, index), (i) => e.line(`${total} += ${e.at(x, i)};`));
      return `${total} * ${literal(1 / (v.attrs.kernel[0] * v.attrs.kernel[1]), 'f32')}`;
    },
  },
  maxPool2d: {
    kind: 'sweep',
    write: (e, v, index) => firstMaximum(e, v.inputs[0]!, v.attrs, pixel(e, v, index)).best,
  },
  avgPool2dGrad: {
    kind: 'sweep',
    write: (e, v, index) => {
      const [g] = v.inputs as [Value];
      const total = e.variable('f32', '0.0');
      covering(e, v.attrs, planeOf(e, g), pixel(e, v, index), (i) => e.line(`${total} += ${e.at(g, i)};`));
      return `${total} * ${literal(1 / (v.attrs.kernel[0] * v.attrs.kernel[1]), 'f32')}`;
    },
  },
  maxPool2dGrad: {
    kind: 'sweep',
    write: (e, v, index) => {
      const [x, g] = v.inputs as [Value, Value];
      const at = pixel(e, v, index);
      const total = e.variable('f32', '0.0');
      covering(e, v.attrs, planeOf(e, g), at, (i, row, column) => {
        const { place } = firstMaximum(e, x, v.attrs, { plane: at.plane, row, column });
        e.block(`if (${place} == ${index})`, () => e.line(`${total} += ${e.at(g, i)};`));
      });
      return total;
    },
  },
  resizeNearest: {
    kind: 'view',
    write: (e, v, index) => {
      const [x] = v.inputs as [Value];
      const [h, w] = planeOf(e, x);
      const { plane, row, column } = pixel(e, v, index);
      const [down, across] = v.attrs.scale;
      return e.at(x, e.let(`(${plane} * ${h}u + ${row} / ${down}u) * ${w}u + ${column} / ${across}u`, 'i'));
    },
  },
  resizeBilinear: { kind: 'sweep', write: resizeBilinear },
};

/** The neighbours and the weight of the second along one axis (graph/interpolation.ts says the same in numbers). */
function tap(e: Emitter, at: string, from: number, to: number, alignCorners: boolean) {
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  const position = alignCorners
    ? e.let(`f32(${at}) * ${literal(scale, 'f32')}`)
    : e.let(`max(0.0, (f32(${at}) + 0.5) * ${literal(scale, 'f32')} - 0.5)`);
  const low = e.let(`min(u32(${position}), ${from - 1}u)`, 'c');
  return { low, high: e.let(`min(${low} + 1u, ${from - 1}u)`, 'c'), weight: e.let(`${position} - f32(${low})`) };
}

function resizeBilinear(e: Emitter, v: Value<'resizeBilinear'>, index: string): string {
  const [x] = v.inputs as [Value];
  const [h, w] = planeOf(e, x);
  const [oh, ow] = planeOf(e, v);
  const { plane, row, column } = pixel(e, v, index);
  const r = tap(e, row, h, oh, v.attrs.alignCorners);
  const c = tap(e, column, w, ow, v.attrs.alignCorners);
  const read = (y: string, at: string): string => e.at(x, e.let(`(${plane} * ${h}u + ${y}) * ${w}u + ${at}`, 'i'));
  const line = (y: string): string =>
    e.let(`${read(y, c.low)} * (1.0 - ${c.weight}) + ${read(y, c.high)} * ${c.weight}`);
  return `${line(r.low)} * (1.0 - ${r.weight}) + ${line(r.high)} * ${r.weight}`;
}
