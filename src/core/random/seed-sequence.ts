/**
 * Seeds from a seed: NumPy's `SeedSequence(entropy, spawn_key=..., pool_size=...).generate_state(count)`, by which
 * programs give every node of a tree a stream of its own.
 *
 * Source of the algorithm: M. E. O'Neill, "Developing a seed_seq alternative" (2015); NumPy's documentation of
 * `SeedSequence` (words in, words out).
 */

import { InternalError } from '../errors.ts';

const hashStart = 0x43b0d7e5;
const hashMultiplier = 0x931e8875;
const outputStart = 0x8b51f9dd;
const outputMultiplier = 0x58f38ded;
const mixLeft = 0xca01f9dd;
const mixRight = 0x4973f715;

/** NumPy's default number of pool words; torchsde's Brownian trees take 24. */
const defaultPoolSize = 4;

export interface SeedSequenceOptions {
  /** Path of a spawned child, whole numbers from 0 to 2^53. */
  readonly spawnKey?: readonly number[];
  readonly poolSize?: number;
}

/** `count` words of 32 bits that belong to `entropy`, a whole number from 0 to 2^53. */
export function seedWords(entropy: number, count: number, options: SeedSequenceOptions = {}): Uint32Array {
  const { spawnKey = [], poolSize = defaultPoolSize } = options;
  const words = wordsOf(entropy);
  // So that a seed of many words and a spawned child never read the same.
  if (spawnKey.length > 0) while (words.length < poolSize) words.push(0);
  for (const part of spawnKey) words.push(...wordsOf(part));
  return readPool(mixedPool(words, poolSize), count);
}

/** Little-endian words without leading zeros; 0 is one word. */
function wordsOf(value: number): number[] {
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 53) {
    throw new InternalError(`a seed sequence takes whole numbers from 0 to 2^53, got ${value}`);
  }
  const high = Math.floor(value / 2 ** 32);
  return high === 0 ? [value] : [value % 2 ** 32, high];
}

/** A hash whose constant moves on with every word. */
function hasher(): (value: number) => number {
  let constant = hashStart;
  return (value) => {
    const hashed = value ^ constant;
    constant = Math.imul(constant, hashMultiplier);
    return folded(Math.imul(hashed, constant));
  };
}

function folded(value: number): number {
  return (value ^ (value >>> 16)) >>> 0;
}

function mixed(a: number, b: number): number {
  return folded(Math.imul(a, mixLeft) - Math.imul(b, mixRight));
}

function mixedPool(words: readonly number[], size: number): Uint32Array {
  const hash = hasher();
  const pool = Uint32Array.from({ length: size }, (_, i) => hash(words[i] ?? 0));
  for (let source = 0; source < size; source++) {
    for (let target = 0; target < size; target++) {
      if (source !== target) pool[target] = mixed(pool[target]!, hash(pool[source]!));
    }
  }
  for (const word of words.slice(size)) {
    for (let target = 0; target < size; target++) pool[target] = mixed(pool[target]!, hash(word));
  }
  return pool;
}

function readPool(pool: Uint32Array, count: number): Uint32Array {
  let constant = outputStart;
  return Uint32Array.from({ length: count }, (_, i) => {
    const hashed = pool[i % pool.length]! ^ constant;
    constant = Math.imul(constant, outputMultiplier);
    return folded(Math.imul(hashed, constant));
  });
}
