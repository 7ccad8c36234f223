/**
 * A Brownian path per image over the noise level, for the SDE samplers: the same seed gives the same path whatever the
 * number of steps, so that refining a schedule refines the same picture.
 *
 * The path is the virtual tree of torchsde's `BrownianTree` (Li et al. 2020, "Scalable gradients for SDEs"; Kidger et
 * al. 2021), which k-diffusion and the web UI draw from: the increment over the whole interval is one draw, and each
 * interval is halved with the normal values of a seed of its own, until an end that was asked for is reached. Levels
 * are rounded to six decimals. Arithmetic is float32 as there, so that paths agree to the last bit but for the normal
 * values themselves (see torch-cpu.ts). Left out: Levy areas, which no sampler asks for.
 */

import type { NoiseGenerator } from '#core/random/generator';
import { seedWords } from '#core/random/seed-sequence';
import type { Seed } from './numbers.ts';

const decimals = 6;
/** Words of entropy behind each node's seed. */
const poolSize = 24;
/** Increments remembered, at most: both children along a path from the root to a leaf. */
const remembered = 48;

export interface BrownianOptions {
  readonly seed: Seed;
  /** Shape of one image's noise. */
  readonly shape: readonly number[];
  /** Noise levels between which the path runs; what is asked beyond them is cut there. */
  readonly min: number;
  readonly max: number;
  /** The stream that a node's seed begins. */
  readonly generator: (seed: number) => NoiseGenerator;
}

/** An interval of the tree: node `key` among the 2^depth of its level. */
interface Interval {
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly key: number;
  readonly increment: Float32Array;
}

export class BrownianPath {
  readonly #options: BrownianOptions;
  readonly #root: Interval;
  readonly #halves = new Map<string, readonly [left: Interval, right: Interval]>();

  constructor(options: BrownianOptions) {
    const { seed, min, max } = options;
    this.#options = options;
    const [word] = seedWords(seed, 1, { poolSize });
    const increment = scaled(this.#normals(word!), Math.sqrt(max - min));
    this.#root = { start: rounded(min), end: rounded(max), depth: 0, key: 0, increment };
  }

  /** Unit-variance noise of the step between two noise levels: (W(to) - W(from)) / sqrt(|to - from|). */
  increment(from: number, to: number, out: Float32Array | Float64Array): void {
    // The web UI's schedules are float32.
    const [low, high] = [Math.fround(Math.min(from, to)), Math.fround(Math.max(from, to))];
    const { start, end } = this.#root;
    const within = (level: number): number => rounded(Math.min(Math.max(level, start), end));
    const [a, b] = [within(low), within(high)];
    if (a === b) return void out.fill(0);
    const sum = new Float32Array(this.#root.increment.length);
    this.#add(this.#root, a, b, sum);
    const sign = to >= from ? 1 : -1;
    const width = Math.fround(Math.sqrt(Math.fround(high - low)));
    for (let i = 0; i < out.length; i++) out[i] = Math.fround((sign * sum[i]!) / width);
  }

  /** Adds up the widest intervals of the tree that make up [from, to], from the left. */
  #add(interval: Interval, from: number, to: number, sum: Float32Array): void {
    if (from === interval.start && to === interval.end) {
      for (let i = 0; i < sum.length; i++) sum[i]! += interval.increment[i]!;
      return;
    }
    const [left, right] = this.#halvesOf(interval);
    if (from < left.end) this.#add(left, from, Math.min(to, left.end), sum);
    if (to > right.start) this.#add(right, Math.max(from, right.start), to, sum);
  }

  #halvesOf(interval: Interval): readonly [left: Interval, right: Interval] {
    const name = `${interval.depth}/${interval.key}`;
    const known = this.#halves.get(name);
    if (known) return known;
    const halves = this.#split(interval);
    if (this.#halves.size >= remembered / 2) this.#halves.delete(this.#halves.keys().next().value!);
    this.#halves.set(name, halves);
    return halves;
  }

  /** A Brownian bridge's midpoint: mean by the lengths of the halves, variance their product over their sum. */
  #split({ start, end, depth, key, increment }: Interval): readonly [left: Interval, right: Interval] {
    const middle = rounded((start + end) / 2);
    const [word] = seedWords(this.#options.seed, 1, { spawnKey: [key, depth], poolSize });
    const reciprocal = 1 / (end - start);
    const left = scaled(this.#normals(word!), Math.sqrt((middle - start) * (end - middle) * reciprocal));
    const [share, whole] = [Math.fround(middle - start), Math.fround(reciprocal)];
    for (let i = 0; i < left.length; i++) left[i]! += Math.fround(Math.fround(share * increment[i]!) * whole);
    const right = increment.map((value, i) => value - left[i]!);
    return [
      { start, end: middle, depth: depth + 1, key: 2 * key, increment: left },
      { start: middle, end, depth: depth + 1, key: 2 * key + 1, increment: right },
    ];
  }

  #normals(seed: number): Float32Array {
    return this.#options.generator(seed).randn(this.#options.shape);
  }
}

function scaled(values: Float32Array, factor: number): Float32Array {
  const single = Math.fround(factor);
  return values.map((value) => value * single);
}

/** To six decimals, exact ties to even, as Python rounds. */
function rounded(level: number): number {
  const near = Number(level.toFixed(decimals));
  // Only odd multiples of 1/128 lie halfway between two values of six decimals, and `toFixed` takes the upper.
  const tie = Number.isInteger(level * 128) && (level * 128) % 2 !== 0;
  const odd = Math.round(near * 10 ** decimals) % 2 !== 0;
  return tie && odd ? Number((near - 10 ** -decimals).toFixed(decimals)) : near;
}
