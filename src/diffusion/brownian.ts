/**
 * A Brownian path per image over the noise level, for the SDE samplers: the same seed gives the same path whatever the
 * number of steps, so that refining a schedule refines the same picture.
 *
 * The path is a virtual Brownian tree (Gaines and Lyons 1997; Li et al. 2020): W is pinned at both ends and at dyadic
 * midpoints, each with normal values from Philox keyed by the seed and counted by the node, so that any point is
 * reached by descending the tree, in any order, with nothing stored. k-diffusion's BrownianTreeNoiseSampler is the
 * model; bit-equality with torchsde's trees is left out.
 */

import { boxMullerSine, philox4x32 } from '#core/random/philox';
import type { Seed } from './numbers.ts';

/** Width of the finest cells, inside which W is linear; far below any step between noise levels. */
const finest = 1e-6;
/** A node's number must fit a counter word. */
const deepest = 32;

export class BrownianPath {
  readonly #seed: number;
  readonly #length: number;
  readonly #min: number;
  readonly #max: number;
  readonly #depth: number;
  /** The last points asked for; a step starts where the one before ended. */
  readonly #recent = new Map<number, Float64Array>();

  /** `length` independent paths over noise levels from `min` to `max`. */
  constructor(seed: Seed, length: number, min: number, max: number) {
    this.#seed = seed;
    this.#length = length;
    this.#min = min;
    this.#max = max;
    this.#depth = Math.min(Math.max(Math.ceil(Math.log2((max - min) / finest)), 1), deepest);
  }

  /** Unit-variance noise of the step between two noise levels: (W(to) - W(from)) / sqrt(|to - from|). */
  increment(from: number, to: number, out: Float32Array | Float64Array): void {
    const a = this.#at(Math.min(from, to));
    const b = this.#at(Math.max(from, to));
    // The sign follows the direction of time, so that a path is the same walked in either.
    const scale = (to >= from ? 1 : -1) / Math.sqrt(Math.abs(to - from));
    for (let i = 0; i < out.length; i++) out[i] = (b[i]! - a[i]!) * scale;
  }

  #at(level: number): Float64Array {
    const known = this.#recent.get(level);
    if (known) return known;
    const value = this.#descend(Math.min(Math.max(level, this.#min), this.#max));
    if (this.#recent.size >= 3) this.#recent.delete(this.#recent.keys().next().value!);
    this.#recent.set(level, value);
    return value;
  }

  #descend(level: number): Float64Array {
    let low = this.#min;
    let high = this.#max;
    const lowValue = new Float64Array(this.#length);
    const highValue = this.#normals(0, 0, Math.sqrt(high - low));
    let node = 1;
    for (let d = 1; d <= this.#depth && level !== low && level !== high; d++) {
      const middle = (low + high) / 2;
      // A bridge's midpoint: mean of the ends, variance a quarter of the span.
      const middleValue = this.#normals(d, node, Math.sqrt(high - low) / 2);
      for (let i = 0; i < this.#length; i++) middleValue[i]! += (lowValue[i]! + highValue[i]!) / 2;
      if (level < middle) {
        high = middle;
        highValue.set(middleValue);
        node *= 2;
      } else {
        low = middle;
        lowValue.set(middleValue);
        node = node * 2 + 1;
      }
    }
    const weight = high === low ? 0 : (level - low) / (high - low);
    return lowValue.map((value, i) => value + weight * (highValue[i]! - value));
  }

  /** Normal values of one tree node; two elements share a Philox block. */
  #normals(level: number, node: number, scale: number): Float64Array {
    const out = new Float64Array(this.#length);
    const block = new Uint32Array(4);
    const keyLow = this.#seed % 2 ** 32;
    const keyHigh = Math.floor(this.#seed / 2 ** 32);
    for (let i = 0; i < out.length; i += 2) {
      // Word 3 sets these counters apart from those of `PhiloxGenerator`, which has 0 there.
      block[0] = node;
      block[1] = level;
      block[2] = i;
      block[3] = 1;
      philox4x32(block, keyLow, keyHigh);
      out[i] = scale * boxMullerSine(block[0]!, block[1]!);
      if (i + 1 < out.length) out[i + 1] = scale * boxMullerSine(block[2]!, block[3]!);
    }
    return out;
  }
}
