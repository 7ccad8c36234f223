/** The randomness of scenes: a small interface that any seeded stream satisfies, and a stream for each scene index. */

export interface SceneRandom {
  /** On [0, 1). */
  uniform(): number;
  /** A whole number on [0, below). */
  integer(below: number): number;
}

/**
 * An independent stream for each (seed, stream) pair, so that the n-th scene of a data set can be made alone.
 * sfc32 of PractRand (Doty-Humphrey), 32-bit words; the first rounds only mix the seed in.
 */
export function seededRandom(seed: number, stream = 0): SceneRandom {
  let a = seed >>> 0;
  let b = stream >>> 0;
  let c = (Math.floor(seed / 2 ** 32) ^ 0x9e3779b9) >>> 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  const uniform = (): number => next() / 2 ** 32;
  return { uniform, integer: (below) => Math.floor(uniform() * below) };
}

export function pick<T>(random: SceneRandom, items: readonly T[]): T {
  return items[random.integer(items.length)]!;
}
