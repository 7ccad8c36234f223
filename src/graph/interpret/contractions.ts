/** Matrix products, convolutions and attention as the sums that define them. */

import { type Shape, sizeOf } from '#core/tensor';
import type { ConvAttrs, OpAttrs } from '../ops.ts';
import type { Value } from '../value.ts';
import { broadcastData, broadcastStrides, type Dense, type Frame, type InterpretRules, offsetsOf } from './dense.ts';

type ContractionOp = Extract<
  keyof OpAttrs,
  'matmul' | 'linear' | 'conv2d' | 'convTranspose2d' | 'conv2dWeightGrad' | 'attention'
>;

/** out[m, n] += a[m, k] b[k, n], each starting at its offset. */
function product(
  out: Float64Array,
  a: Float64Array,
  b: Float64Array,
  [m, k, n]: readonly [number, number, number],
  [at, from, by]: readonly [number, number, number],
): void {
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const left = a[from + i * k + l]!;
      const row = by + l * n;
      for (let j = 0; j < n; j++) out[at + i * n + j]! += left * b[row + j]!;
    }
  }
}

/** Offsets of the matrices of `x` when its batch axes are broadcast to `batch`. */
function matrixOffsets(x: Dense, batch: Shape): Int32Array {
  const own = x.shape.slice(0, -2);
  const size = x.shape.at(-1)! * x.shape.at(-2)!;
  return offsetsOf(
    batch,
    broadcastStrides(own, batch).map((s) => s * size),
  );
}

/** Visits every pair of an output position and the input position that tap (ky, kx) reads there. */
type Taps = (ky: number, kx: number, visit: (output: number, input: number) => void) => void;

/** Window positions of a convolution from [h, w] to [oh, ow]. */
function convolutionTaps(
  { stride, padding, dilation }: ConvAttrs,
  [h, w]: readonly [number, number],
  [oh, ow]: readonly [number, number],
): Taps {
  return (ky, kx, visit) => {
    for (let oy = 0; oy < oh; oy++) {
      const y = oy * stride[0] - padding[0] + ky * dilation[0];
      if (y < 0 || y >= h) continue;
      for (let ox = 0; ox < ow; ox++) {
        const x = ox * stride[1] - padding[1] + kx * dilation[1];
        if (x >= 0 && x < w) visit(oy * ow + ox, y * w + x);
      }
    }
  };
}

/**
 * Visits every (big-picture element, small-picture element, weight element) triple that a convolution from the big to
 * the small picture multiplies and adds; the three convolution ops differ only in which one is the result.
 */
function convolutionTriples(
  attrs: ConvAttrs,
  big: Shape,
  small: Shape,
  weight: Shape,
  visit: (big: number, small: number, weight: number) => void,
): void {
  const [n, c, h, w] = big as [number, number, number, number];
  const [, o, oh, ow] = small as [number, number, number, number];
  const [, perGroup, kh, kw] = weight as [number, number, number, number];
  const taps = convolutionTaps(attrs, [h, w], [oh, ow]);
  for (let sample = 0; sample < n; sample++) {
    for (let out = 0; out < o; out++) {
      const first = Math.floor(out / (o / attrs.groups)) * perGroup;
      const to = (sample * o + out) * oh * ow;
      for (let i = 0; i < perGroup * kh * kw; i++) {
        const from = (sample * c + first + Math.floor(i / (kh * kw))) * h * w;
        const tap = out * perGroup * kh * kw + i;
        taps(Math.floor(i / kw) % kh, i % kw, (output, input) => visit(from + input, to + output, tap));
      }
    }
  }
}

function addBias(out: Float64Array, bias: Dense | undefined, [, c, h, w]: Shape): Float64Array {
  if (!bias) return out;
  const plane = h! * w!;
  return out.map((value, i) => value + bias.data[Math.floor(i / plane) % c!]!);
}

/** Attention of one head for one query: the row of outputs. */
function attend(
  v: Value<'attention'>,
  [q, k, values]: readonly [Dense, Dense, Dense],
  [sample, head, query]: readonly [number, number, number],
  maskAt: (key: number) => number,
): Float64Array {
  const { heads, scale, causal } = v.attrs;
  const [, t, width] = q.shape as [number, number, number];
  const [, s, valueWidth] = values.shape as [number, number, number];
  const [d, dv] = [width / heads, valueWidth / heads];
  const from = (sample * t + query) * width + head * d;
  const logits = new Float64Array(causal ? Math.min(query + 1, s) : s);
  for (let key = 0; key < logits.length; key++) {
    const row = (sample * s + key) * width + head * d;
    let dot = 0;
    for (let i = 0; i < d; i++) dot += q.data[from + i]! * k.data[row + i]!;
    logits[key] = dot * scale + maskAt(key);
  }
  const top = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logits.map((x) => Math.exp(x - top));
  const total = weights.reduce((a, b) => a + b, 0);
  const out = new Float64Array(dv);
  weights.forEach((weight, key) => {
    const row = (sample * s + key) * valueWidth + head * dv;
    for (let i = 0; i < dv; i++) out[i]! += (weight / total) * values.data[row + i]!;
  });
  return out;
}

function attention(v: Value<'attention'>, inputs: readonly Dense[], { shape }: Frame): Float64Array {
  const [q, k, values, mask] = inputs as [Dense, Dense, Dense, Dense?];
  const [n, t, width] = shape as [number, number, number];
  const { heads } = v.attrs;
  const s = k.shape[1]!;
  const full = mask ? broadcastData(mask, [n, heads, t, s]) : undefined;
  const out = new Float64Array(sizeOf(shape));
  for (let row = 0; row < n * heads * t; row++) {
    const query = row % t;
    const head = Math.floor(row / t) % heads;
    const sample = Math.floor(row / (t * heads));
    const result = attend(v, [q, k, values], [sample, head, query], (key) => full?.[row * s + key] ?? 0);
    out.set(result, (sample * t + query) * width + (head * width) / heads);
  }
  return out;
}

export const contractionRules: InterpretRules<ContractionOp> = {
  matmul: (_, inputs, { shape }) => {
    const [a, b] = inputs as [Dense, Dense];
    const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
    const batch = shape.slice(0, -2);
    const [left, right] = [matrixOffsets(a, batch), matrixOffsets(b, batch)];
    const out = new Float64Array(sizeOf(shape));
    left.forEach((from, i) => {
      product(out, a.data, b.data, [m, k, n], [i * m * n, from, right[i]!]);
    });
    return out;
  },
  linear: (_, inputs, { shape }) => {
    const [x, weight, bias] = inputs as [Dense, Dense, Dense?];
    const [n, k] = weight.shape as [number, number];
    const out = new Float64Array(sizeOf(shape));
    for (let i = 0; i < out.length; i++) {
      const row = Math.floor(i / n) * k;
      const column = (i % n) * k;
      let dot = bias?.data[i % n] ?? 0;
      for (let l = 0; l < k; l++) dot += x.data[row + l]! * weight.data[column + l]!;
      out[i] = dot;
    }
    return out;
  },
  conv2d: (v, inputs, { shape }) => {
    const [x, weight, bias] = inputs as [Dense, Dense, Dense?];
    const out = new Float64Array(sizeOf(shape));
    convolutionTriples(v.attrs, x.shape, shape, weight.shape, (big, small, tap) => {
      out[small]! += x.data[big]! * weight.data[tap]!;
    });
    return addBias(out, bias, shape);
  },
  convTranspose2d: (v, inputs, { shape }) => {
    const [x, weight, bias] = inputs as [Dense, Dense, Dense?];
    const out = new Float64Array(sizeOf(shape));
    convolutionTriples(v.attrs, shape, x.shape, weight.shape, (big, small, tap) => {
      out[big]! += x.data[small]! * weight.data[tap]!;
    });
    return addBias(out, bias, shape);
  },
  conv2dWeightGrad: (v, inputs, { shape }) => {
    const [x, g] = inputs as [Dense, Dense];
    const out = new Float64Array(sizeOf(shape));
    convolutionTriples(v.attrs, x.shape, g.shape, shape, (big, small, tap) => {
      out[tap]! += x.data[big]! * g.data[small]!;
    });
    return out;
  },
  attention,
};
