/**
 * Noise of a batch, one seeded stream per image, so that an image comes out the same in any batch: the start noise with
 * variation seed and seed resize, and the noise of stochastic samplers.
 *
 * Source: A1111 modules/rng.py (`ImageRNG`, `slerp`), modules/processing.py (seeds of a batch).
 */

import { InternalError } from '#core/errors';
import type { NoiseGenerator } from '#core/random/generator';
import { PhiloxGenerator } from '#core/random/philox';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { BrownianPath } from './brownian.ts';
import { asSeed, type Latent, type Seed } from './numbers.ts';

/** `cpu`: PyTorch's CPU stream. `gpu`: CUDA's Philox stream, what most shared A1111 seeds were made with. */
export type NoiseKind = 'cpu' | 'gpu';

/** [channels, height, width] of one image's latent. */
export type LatentShape = readonly [channels: number, height: number, width: number];

export interface NoiseSourceOptions {
  readonly kind: NoiseKind;
  readonly seeds: readonly number[];
  readonly shape: LatentShape;
  /** Moves the start noise of each image `strength` (0..1) of the way to that of its variation seed. */
  readonly variation?: { readonly seeds: readonly number[]; readonly strength: number };
  /** Latent size whose composition is kept: that noise is pasted centred into the wanted size. */
  readonly resizeFrom?: { readonly height: number; readonly width: number };
  /** "ENSD": after the start noise, streams go on from seed + delta (31337 for NovelAI's pictures). */
  readonly etaNoiseSeedDelta?: number;
}

/** Unit normal noise for the step between two noise levels, [B, C, H, W]; only Brownian noise looks at them. */
export type StepNoise = (from: number, to: number) => Latent;

export interface NoiseSource {
  /** Start noise, [B, C, H, W]; to be drawn once, before anything else. */
  first(): Float32Array;
  /** The next draw of every image's stream, [B, C, H, W]. */
  next(): Float32Array;
  /** Noise along a Brownian path per image over the noise levels `min`..`max` of a whole schedule, for SDE samplers. */
  brownian(min: number, max: number): StepNoise;
}

/**
 * Seeds of a batch as the web UI counts them: image k has seed + k, unless a variation is asked for: then the seed stays
 * and the variation seed counts up.
 */
export function batchSeeds(
  count: number,
  seed: number,
  variation?: { readonly seed: number; readonly strength: number },
): { seeds: Seed[]; variationSeeds: Seed[] } {
  const varied = variation !== undefined && variation.strength !== 0;
  const indices = Array.from({ length: count }, (_, i) => i);
  return {
    seeds: indices.map((i) => asSeed(varied ? seed : seed + i)),
    variationSeeds: variation ? indices.map((i) => asSeed(variation.seed + i)) : [],
  };
}

export function createNoiseSource(options: NoiseSourceOptions): NoiseSource {
  const { kind, shape } = options;
  const seeds = options.seeds.map(asSeed);
  const size = shape[0] * shape[1] * shape[2];
  let generators = seeds.map((seed) => generatorOf(kind, seed));
  const draw = (images: (index: number) => Float32Array): Float32Array => {
    const out = new Float32Array(seeds.length * size);
    for (let i = 0; i < seeds.length; i++) out.set(images(i), i * size);
    return out;
  };
  return {
    first() {
      const noise = draw((i) => startNoise(options, i, generators[i]!));
      const delta = options.etaNoiseSeedDelta ?? 0;
      if (delta !== 0) generators = seeds.map((seed) => generatorOf(kind, asSeed(seed + delta)));
      return noise;
    },
    next: () => draw((i) => generators[i]!.randn(shape)),
    brownian(min, max) {
      const generator = (seed: number): NoiseGenerator => generatorOf(kind, asSeed(seed));
      const paths = seeds.map((seed) => new BrownianPath({ seed, shape, min, max, generator }));
      return (from, to) => {
        const out = new Float32Array(seeds.length * size);
        for (const [i, path] of paths.entries()) path.increment(from, to, out.subarray(i * size, (i + 1) * size));
        return out;
      };
    },
  };
}

function generatorOf(kind: NoiseKind, seed: Seed): NoiseGenerator {
  return kind === 'cpu' ? new TorchCpuGenerator(seed) : new PhiloxGenerator(seed);
}

/** Start noise of image `index`; `generator` is its stream, which the noise of later steps continues. */
function startNoise(options: NoiseSourceOptions, index: number, generator: NoiseGenerator): Float32Array {
  const { kind, shape, variation, resizeFrom } = options;
  const [channels] = shape;
  const from: LatentShape = resizeFrom ? [channels, resizeFrom.height, resizeFrom.width] : shape;
  const resized = from[1] !== shape[1] || from[2] !== shape[2];
  // Noise of another size leaves the image's own stream untouched, which then gives the frame around it.
  const source = resized ? generatorOf(kind, asSeed(options.seeds[index]!)) : generator;
  let noise = source.randn(from);
  if (variation && variation.strength !== 0) {
    const seed = variation.seeds[index];
    if (seed === undefined) throw new InternalError(`image ${index} of the batch has no variation seed`);
    noise = slerp(variation.strength, noise, generatorOf(kind, asSeed(seed)).randn(from), from);
  }
  return resized ? pasteCentred(noise, from, generator.randn(shape), shape) : noise;
}

/** Copies the middle of `noise` into the middle of `frame`, which is changed and returned. */
function pasteCentred(noise: Float32Array, from: LatentShape, frame: Float32Array, to: LatentShape): Float32Array {
  const rows = centredOverlap(from[1], to[1]);
  const columns = centredOverlap(from[2], to[2]);
  for (let c = 0; c < to[0]; c++) {
    for (let y = 0; y < rows.length; y++) {
      const source = (c * from[1] + rows.source + y) * from[2] + columns.source;
      const target = (c * to[1] + rows.target + y) * to[2] + columns.target;
      frame.set(noise.subarray(source, source + columns.length), target);
    }
  }
  return frame;
}

/** Where a run of `from` cells lies, centred, in a run of `to` cells; differences round down. */
function centredOverlap(from: number, to: number): { source: number; target: number; length: number } {
  const margin = Math.floor((to - from) / 2);
  return margin >= 0
    ? { source: 0, target: margin, length: from }
    : { source: -margin, target: 0, length: Math.min(from + 2 * margin, to) };
}

/**
 * Spherical interpolation from `low` to `high` of [channels, height, width] noise, the sphere being that over axis 1, as
 * upstream has it. Where the two nearly agree it is linear, with the weights swapped, also as upstream.
 */
export function slerp<A extends Latent>(value: number, low: A, high: A, shape: LatentShape): A {
  const [channels, height, width] = shape;
  const omegas = new Float64Array(channels * width);
  let meanDot = 0;
  for (let c = 0; c < channels; c++) {
    for (let x = 0; x < width; x++) {
      const dot = cosineOfColumn(low, high, c * height * width + x, width, height);
      meanDot += dot / omegas.length;
      omegas[c * width + x] = Math.acos(dot);
    }
  }
  const linear = meanDot > 0.9995;
  return low.map((l, i) => {
    if (linear) return l * value + high[i]! * (1 - value);
    const omega = omegas[Math.floor(i / (height * width)) * width + (i % width)]!;
    return (Math.sin((1 - value) * omega) * l + Math.sin(value * omega) * high[i]!) / Math.sin(omega);
  }) as A;
}

function cosineOfColumn(a: Latent, b: Latent, start: number, stride: number, count: number): number {
  let dot = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let k = 0; k < count; k++) {
    const i = start + k * stride;
    dot += a[i]! * b[i]!;
    squaresA += a[i]! * a[i]!;
    squaresB += b[i]! * b[i]!;
  }
  return dot / Math.sqrt(squaresA * squaresB);
}
