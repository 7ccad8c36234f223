/**
 * Resizing of planes, one axis after the other, each output cell a weighted sum of input cells.
 *
 * `stretched` filters follow Pillow's rule (Pillow Resample.c; torch's `antialias`): the filter grows with the
 * reduction. `point` filters follow torch.nn.functional.interpolate without antialias.
 */

/** Which cells make up an output cell, and how much of each. */
interface Tap {
  readonly start: number;
  readonly weights: readonly number[];
}

type TapRule = (input: number, output: number) => Tap[];

interface Kernel {
  readonly support: number;
  at(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Cubic convolution (Keys 1981) with parameter `a`. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

const kernels = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(1 - Math.abs(x), 0) },
  hamming: { support: 1, at: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) },
  bicubic: { support: 2, at: (x) => cubic(x, -0.5) },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<string, Kernel>;

/** Pillow's taps: the kernel around each cell's centre, cut at the edges and normalised. */
function stretched({ support, at }: Kernel): TapRule {
  return (input, output) => {
    const scale = input / output;
    const stretch = Math.max(scale, 1);
    return Array.from({ length: output }, (_, i) => {
      const centre = (i + 0.5) * scale;
      const start = Math.max(Math.trunc(centre - support * stretch + 0.5), 0);
      const end = Math.min(Math.trunc(centre + support * stretch + 0.5), input);
      const weights = Array.from({ length: end - start }, (_, k) => at((start + k - centre + 0.5) / stretch));
      const total = weights.reduce((sum, w) => sum + w, 0);
      return { start, weights: weights.map((w) => w / total) };
    });
  };
}

const clampTo = (index: number, count: number): number => Math.min(Math.max(index, 0), count - 1);

function picked(index: (i: number, input: number, output: number) => number): TapRule {
  return (input, output) =>
    Array.from({ length: output }, (_, i) => ({
      start: clampTo(Math.floor(index(i, input, output)), input),
      weights: [1],
    }));
}

/** Where an output cell lies among the input cells. */
type Position = (i: number, input: number, output: number) => number;

const halfPixel: Position = (i, input, output) => ((i + 0.5) * input) / output - 0.5;
const alignedCorners: Position = (i, input, output) => (output === 1 ? 0 : (i * (input - 1)) / (output - 1));

/** Interpolation between the cells around a position; cells beyond the edge repeat it. */
function interpolated(position: Position, kernel: Kernel, clampPosition: boolean): TapRule {
  return (input, output) =>
    Array.from({ length: output }, (_, i) => {
      const at = position(i, input, output);
      const x = clampPosition ? Math.max(at, 0) : at;
      const first = Math.floor(x) - kernel.support + 1;
      const taps = new Map<number, number>();
      for (let k = first; k < first + 2 * kernel.support; k++) {
        const cell = clampTo(k, input);
        taps.set(cell, (taps.get(cell) ?? 0) + kernel.at(x - k));
      }
      const start = Math.min(...taps.keys());
      return { start, weights: Array.from({ length: taps.size }, (_, k) => taps.get(start + k)!) };
    });
}

/** Mean of the cells that an output cell covers; the ranges of neighbours may overlap. */
const area: TapRule = (input, output) =>
  Array.from({ length: output }, (_, i) => {
    const start = Math.floor((i * input) / output);
    const count = Math.ceil(((i + 1) * input) / output) - start;
    return { start, weights: new Array<number>(count).fill(1 / count) };
  });

/** Mean of what an output cell covers, cells at its ends by their share: OpenCV's INTER_AREA for smaller pictures. */
const covered: TapRule = (input, output) => {
  const scale = input / output;
  return Array.from({ length: output }, (_, i) => {
    const [from, to] = [i * scale, Math.min((i + 1) * scale, input)];
    const start = Math.floor(from);
    const count = Math.max(Math.ceil(to) - start, 1);
    const weights = Array.from(
      { length: count },
      (_, k) => (Math.min(to, start + k + 1) - Math.max(from, start + k)) / (to - from),
    );
    return { start, weights };
  });
};

const sharpCubic: Kernel = { support: 2, at: (x) => cubic(x, -0.75) };

const rules = {
  box: stretched(kernels.box),
  bilinear: stretched(kernels.bilinear),
  hamming: stretched(kernels.hamming),
  bicubic: stretched(kernels.bicubic),
  lanczos: stretched(kernels.lanczos),
  'nearest-exact': picked((i, input, output) => ((i + 0.5) * input) / output),
  'nearest-floor': picked((i, input, output) => (i * input) / output),
  'point-bilinear': interpolated(halfPixel, kernels.bilinear, true),
  'point-bicubic': interpolated(halfPixel, sharpCubic, false),
  'corners-bilinear': interpolated(alignedCorners, kernels.bilinear, true),
  'corners-bicubic': interpolated(alignedCorners, sharpCubic, false),
  area,
  covered,
} as const satisfies Record<string, TapRule>;

/**
 * Pillow's `box` .. `lanczos`; `nearest-exact` is Pillow's and torch's of that name, `nearest-floor` torch's `nearest`;
 * `point-*` and `corners-*` are torch's without antialias, the latter with `align_corners`.
 */
export type ResampleFilter = keyof typeof rules;

export interface PlaneSize {
  readonly height: number;
  readonly width: number;
}

export type FloatPlanes = Float32Array | Float64Array;

/** [planes, from.height, from.width] -> [planes, to.height, to.width]; `afterPass` may round what a pass has made. */
export function resizePlanes<A extends FloatPlanes>(
  data: A,
  from: PlaneSize,
  to: PlaneSize,
  filter: ResampleFilter,
  afterPass?: (value: number) => number,
): A {
  const planes = data.length / (from.height * from.width);
  const empty = (length: number): A =>
    (data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)) as A;
  const wide = empty(planes * from.height * to.width);
  const columns = rules[filter](from.width, to.width);
  for (let row = 0; row < planes * from.height; row++) {
    const source = row * from.width;
    for (const [x, { start, weights }] of columns.entries()) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[source + start + k]!;
      wide[row * to.width + x] = afterPass ? afterPass(sum) : sum;
    }
  }
  const out = empty(planes * to.height * to.width);
  const rows = rules[filter](from.height, to.height);
  for (let p = 0; p < planes; p++) {
    for (const [y, { start, weights }] of rows.entries()) {
      const target = (p * to.height + y) * to.width;
      for (let x = 0; x < to.width; x++) {
        let sum = 0;
        let source = (p * from.height + start) * to.width + x;
        for (let k = 0; k < weights.length; k++, source += to.width) sum += weights[k]! * wide[source]!;
        out[target + x] = afterPass ? afterPass(sum) : sum;
      }
    }
  }
  return out;
}
