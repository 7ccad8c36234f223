/** The randomness of a training run: one seeded stream whose state is saved with every checkpoint. */

export interface RandomSource {
  /** On [0, 1). */
  uniform(): number;
  /** Mean 0, variance 1. */
  normal(): number;
  /** A whole number on [0, below). */
  integer(below: number): number;
  /** Fills with standard normal values. */
  fillNormal(out: Float32Array): Float32Array;
  /** JSON-serialisable state; `restore` continues the stream exactly. */
  save(): unknown;
  restore(state: unknown): void;
}

interface SavedState {
  readonly words: readonly number[];
  readonly spare: number | null;
}

/**
 * xoshiro128** (Blackman and Vigna 2021, ACM TOMS 47), seeded through splitmix32; normals by Marsaglia's polar method.
 * PyTorch's stream is not needed here: nothing outside compares training noise.
 */
export class TrainingRandom implements RandomSource {
  readonly #words = new Uint32Array(4);
  #spare: number | undefined;

  constructor(seed: number) {
    let state = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      state = (state + 0x9e3779b9) >>> 0;
      let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#words[i] = z ^ (z >>> 16);
    }
  }

  #next(): number {
    const s = this.#words;
    const product = Math.imul(s[1]!, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  uniform(): number {
    return this.#next() / 2 ** 32;
  }

  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.#spare = v * scale;
      return u * scale;
    }
  }

  fillNormal(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.normal();
    return out;
  }

  save(): SavedState {
    return { words: [...this.#words], spare: this.#spare ?? null };
  }

  restore(state: unknown): void {
    const { words, spare } = state as SavedState;
    this.#words.set(words);
    this.#spare = spare ?? undefined;
  }
}
