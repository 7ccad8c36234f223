/**
 * MT19937, the 32-bit Mersenne Twister (Matsumoto and Nishimura 1998, ACM TOMACS 8.1), seeded by `init_genrand`:
 * the engine behind PyTorch's CPU generator. Seeding by array is left out.
 */

import { InternalError } from '../errors.ts';

const N = 624;
const M = 397;

export interface Mt19937State {
  readonly words: readonly number[];
  /** Index of the next word, 0..624; 624 means that the block is used up. */
  readonly index: number;
}

export class Mt19937 {
  readonly #words = new Uint32Array(N);
  #index = N;

  /** Only `seed` modulo 2^32 counts. */
  constructor(seed: number) {
    const w = this.#words;
    w[0] = seed % 2 ** 32;
    for (let i = 1; i < N; i++) {
      const previous = w[i - 1]! ^ (w[i - 1]! >>> 30);
      w[i] = Math.imul(previous, 1812433253) + i;
    }
  }

  /** The next word, uniform on 0..2^32-1. */
  nextU32(): number {
    if (this.#index >= N) this.#twist();
    let y = this.#words[this.#index++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const w = this.#words;
    for (let k = 0; k < N; k++) {
      const y = (w[k]! & 0x80000000) | (w[(k + 1) % N]! & 0x7fffffff);
      w[k] = w[(k + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }

  save(): Mt19937State {
    return { words: [...this.#words], index: this.#index };
  }

  restore({ words, index }: Mt19937State): void {
    if (words?.length !== N || !(index >= 0 && index <= N)) {
      throw new InternalError(`MT19937 state needs ${N} words and an index from 0 to ${N}`);
    }
    this.#words.set(words);
    this.#index = index;
  }
}
