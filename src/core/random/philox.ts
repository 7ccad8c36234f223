/**
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") and the normal values that CUDA's
 * `torch.randn` draws from it, as A1111's "NV" noise source emulates them (modules/rng_philox.py): one Philox block
 * per element, of which the first two words give one value.
 *
 * CUDA's own element order for more values than one grid of threads covers is left out, as it is there.
 */

import { InternalError } from '../errors.ts';
import type { Shape } from '../tensor.ts';
import { drawLength, type GeneratorState, type NoiseGenerator, stateOf } from './generator.ts';

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middleLow = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (middleLow >>> 16);
}

/** Ten Philox rounds in place: `block` holds the counter's four words and receives four random words. */
export function philox4x32(block: Uint32Array, keyLow: number, keyHigh: number): void {
  let c0 = block[0]!;
  let c1 = block[1]!;
  let c2 = block[2]!;
  let c3 = block[3]!;
  let k0 = keyLow >>> 0;
  let k1 = keyHigh >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(c0, multiplier0);
    const low0 = Math.imul(c0, multiplier0);
    const high1 = multiplyHigh(c2, multiplier1);
    const low1 = Math.imul(c2, multiplier1);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** One unit of the angle word: 2 pi / 2^32 rounded through float32, as CUDA's curand has it. */
const angleUnit = Math.fround(2.3283064e-10 * 6.2831855);

/** curand's Box-Muller on two words; the sine half only. */
export function boxMullerSine(x: number, y: number): number {
  const u = x * 2 ** -32 + 2 ** -33;
  const v = y * angleUnit + angleUnit / 2;
  return Math.sqrt(-2 * Math.log(u)) * Math.sin(v);
}

interface PhiloxState extends GeneratorState {
  readonly kind: 'philox';
  readonly key: readonly [low: number, high: number];
  readonly offset: number;
}

export class PhiloxGenerator implements NoiseGenerator {
  #keyLow: number;
  #keyHigh: number;
  /** Draws made so far: the counter's first word. */
  #offset = 0;

  /** `seed` is a whole number below 2^64; all 64 bits count. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 64) {
      throw new InternalError(`a seed must be a whole number from 0 to 2^64, got ${seed}`);
    }
    this.#keyLow = seed % 2 ** 32;
    this.#keyHigh = Math.floor(seed / 2 ** 32);
  }

  randn(shape: Shape): Float32Array {
    const out = new Float32Array(drawLength(shape));
    const block = new Uint32Array(4);
    for (let i = 0; i < out.length; i++) {
      block[0] = this.#offset;
      block[1] = 0;
      block[2] = i;
      block[3] = 0;
      philox4x32(block, this.#keyLow, this.#keyHigh);
      out[i] = boxMullerSine(block[0], block[1]);
    }
    this.#offset++;
    return out;
  }

  save(): PhiloxState {
    return { kind: 'philox', key: [this.#keyLow, this.#keyHigh], offset: this.#offset };
  }

  restore(state: unknown): void {
    const { key, offset } = stateOf<PhiloxState>(state, 'philox');
    [this.#keyLow, this.#keyHigh] = key;
    this.#offset = offset;
  }
}
