/** What a run learns from: pictures of one size by index, with what is said of them. */

import type { RandomSource } from '#training/random';
import type { PictureSource } from '#training/tasks/autoencoder';

export interface TrainingPictures {
  readonly count: number;
  /** Side in pixels. */
  readonly size: number;
  /** RGB bytes [indices.length, size, size, 3]. */
  read(indices: readonly number[]): Promise<Uint8Array>;
}

export interface CaptionedPictures extends TrainingPictures {
  /** Says which pictures these are: latents that were kept under another text are of others. */
  readonly identity: string;
  /** What is said of a picture; may be put in other words each time. */
  caption(index: number, random: RandomSource): string;
  /** Captions with every word that `caption` may use. */
  captions(): Iterable<string>;
  /** Prompts of the sample grid. */
  readonly samplePrompts: readonly string[];
}

/** Any of them, as often as a task asks. */
export function randomPictures(pictures: TrainingPictures): PictureSource {
  const { size, count } = pictures;
  return {
    size,
    pictures: (random, wanted) => pictures.read(Array.from({ length: wanted }, () => random.integer(count))),
  };
}

/** Pictures that are read often: kept in memory up to so many bytes, those beyond are read anew. */
export async function keptInMemory(pictures: TrainingPictures, limit = 2 ** 30): Promise<TrainingPictures> {
  const { count, size } = pictures;
  const item = size * size * 3;
  const kept = Math.min(count, Math.floor(limit / item));
  const data = new Uint8Array(kept * item);
  const batch = 16;
  // All are read once, so that a picture that cannot be is found before the run begins.
  for (let start = 0; start < count; start += batch) {
    const indices = Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i);
    const pixels = await pictures.read(indices);
    if (start < kept) data.set(pixels.subarray(0, (kept - start) * item), start * item);
  }
  return {
    count,
    size,
    async read(indices) {
      const out = new Uint8Array(indices.length * item);
      for (const [n, index] of indices.entries()) {
        const pixels = index < kept ? data.subarray(index * item, (index + 1) * item) : await pictures.read([index]);
        out.set(pixels, n * item);
      }
      return out;
    },
  };
}
