/**
 * PyTorch's CPU generator: the values of `torch.Generator().manual_seed(seed)` followed by randn, rand, randint,
 * randperm, in any order of calls. Source: ATen/core/CPUGeneratorImpl, ATen/core/TransformationHelper.h,
 * ATen/native/cpu/DistributionTemplates.h (normal_fill).
 *
 * torch's vector kernels compute log, sin and cos in float32 and differ from the exact values here by up to 5e-6.
 * Left out: integer ranges of 2^32 and more, and distributions that this project does not draw from.
 */

import { InternalError } from '../errors.ts';
import type { Shape } from '../tensor.ts';
import { drawLength, type GeneratorState, type NoiseGenerator, stateOf } from './generator.ts';
import { Mt19937, type Mt19937State } from './mt19937.ts';

/** From this many values on torch fills whole blocks of 16; below, it draws pairs in double. */
const vectorThreshold = 16;

interface TorchCpuState extends GeneratorState {
  readonly kind: 'torch-cpu';
  readonly engine: Mt19937State;
  /** Second value of the last Box-Muller pair, kept for the next small draw. */
  readonly spare: number | null;
}

export class TorchCpuGenerator implements NoiseGenerator {
  readonly #engine: Mt19937;
  #spare: number | null = null;

  /** `seed` is a whole number; torch's CPU engine uses it modulo 2^32. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0) {
      throw new InternalError(`a seed must be a whole number from 0, got ${seed}`);
    }
    this.#engine = new Mt19937(seed);
  }

  /** `torch.randn(shape)` in float32. */
  randn(shape: Shape): Float32Array {
    const out = new Float32Array(drawLength(shape));
    return this.fillNormal(out);
  }

  /** `torch.randn(shape, dtype=torch.float64)`. */
  randnDouble(shape: Shape): Float64Array {
    const out = new Float64Array(drawLength(shape));
    if (out.length < vectorThreshold) return fillEach(out, () => this.normal());
    return fillNormalBlocks(out, () => this.#uniform53());
  }

  /** `tensor.normal_()` on float32 storage. */
  fillNormal(out: Float32Array): Float32Array {
    if (out.length < vectorThreshold) return fillEach(out, () => this.normal());
    return fillNormalBlocks(out, () => this.uniform());
  }

  /** `torch.rand(shape)` in float32. */
  rand(shape: Shape): Float32Array {
    return fillEach(new Float32Array(drawLength(shape)), () => this.uniform());
  }

  /** `torch.rand(shape, dtype=torch.float64)`. */
  randDouble(shape: Shape): Float64Array {
    return fillEach(new Float64Array(drawLength(shape)), () => this.#uniform53());
  }

  /** `torch.randint(low, high, shape)`: whole numbers on [low, high). */
  randint(low: number, high: number, shape: Shape): number[] {
    return Array.from({ length: drawLength(shape) }, () => low + this.integer(high - low));
  }

  /** `torch.randperm(n)`: a permutation of 0..n-1 (Fisher-Yates from the front). */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + this.integer(n - i);
      const swapped = order[i]!;
      order[i] = order[j]!;
      order[j] = swapped;
    }
    return order;
  }

  /** On [0, 1) with 24 bits, as torch draws a float32. */
  uniform(): number {
    return (this.#engine.nextU32() & 0xffffff) / 2 ** 24;
  }

  /** A whole number on [0, below), as torch draws it: with the (tiny) bias of a modulus. */
  integer(below: number): number {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
      throw new InternalError(`integer(below) needs a whole number from 1 to 2^32, got ${below}`);
    }
    return this.#engine.nextU32() % below;
  }

  /** One standard normal in double precision; values come in pairs, the second is kept for the next call. */
  normal(): number {
    if (this.#spare !== null) {
      const value = this.#spare;
      this.#spare = null;
      return value;
    }
    const u1 = this.#uniform53();
    const u2 = this.#uniform53();
    const r = Math.sqrt(-2 * Math.log1p(-u2));
    const theta = 2 * Math.PI * u1;
    this.#spare = r * Math.sin(theta);
    return r * Math.cos(theta);
  }

  #uniform53(): number {
    const high = this.#engine.nextU32() & 0x1fffff;
    return (high * 2 ** 32 + this.#engine.nextU32()) / 2 ** 53;
  }

  save(): TorchCpuState {
    return { kind: 'torch-cpu', engine: this.#engine.save(), spare: this.#spare };
  }

  restore(state: unknown): void {
    const { engine, spare } = stateOf<TorchCpuState>(state, 'torch-cpu');
    this.#engine.restore(engine);
    this.#spare = spare;
  }
}

function fillEach<A extends Float32Array | Float64Array>(out: A, draw: () => number): A {
  for (let i = 0; i < out.length; i++) out[i] = draw();
  return out;
}

/**
 * Box-Muller over blocks of 16 uniforms: value j pairs with value j + 8. A length that is no multiple of 16 redraws its
 * last 16 slots, which overwrites part of the block before.
 */
function fillNormalBlocks<A extends Float32Array | Float64Array>(out: A, uniform: () => number): A {
  fillEach(out, uniform);
  const whole = out.length - (out.length % 16);
  for (let start = 0; start < whole; start += 16) transformBlock(out, start);
  if (whole < out.length) {
    const start = out.length - 16;
    for (let i = start; i < out.length; i++) out[i] = uniform();
    transformBlock(out, start);
  }
  return out;
}

function transformBlock(out: Float32Array | Float64Array, start: number): void {
  for (let j = start; j < start + 8; j++) {
    const r = Math.sqrt(-2 * Math.log(1 - out[j]!));
    const theta = 2 * Math.PI * out[j + 8]!;
    out[j] = r * Math.cos(theta);
    out[j + 8] = r * Math.sin(theta);
  }
}
