/** Scores made pictures by a network that reads digits. */

import type { RandomSource } from '#training/random';
import { classes, type Digits, pixels } from '../data/digits.ts';
import { featureWidth } from '../lenet/network.ts';
import { type DigitReader, inkOf } from '../lenet/read.ts';
import { frechetDistance, type Moments, momentsOf } from '../scoring/frechet.ts';
import { precisionRecall } from '../scoring/neighbours.ts';
import { modeCoverage, shareDistance, sharesOf } from '../scoring/shares.ts';
import type { DigitScore, StackedScore } from './result.ts';

export const modes = classes ** 3;

export class Scorer {
  readonly #reader: DigitReader;
  readonly #features: Float32Array;
  readonly #moments: Moments;
  readonly #shares: readonly number[];

  private constructor(reader: DigitReader, features: Float32Array, shares: readonly number[]) {
    this.#reader = reader;
    this.#features = features;
    this.#moments = momentsOf(features, featureWidth);
    this.#shares = shares;
  }

  /** Against these digits, which no model has seen. */
  static async of(reader: DigitReader, real: Digits): Promise<Scorer> {
    const { features } = await reader.read(inkOf(real));
    return new Scorer(reader, features, sharesOf(real.labels, classes));
  }

  /** Pictures [count, 1, 28, 28] from -1 to 1. As many real ones are taken for precision and recall. */
  async digits(pictures: Float32Array): Promise<DigitScore> {
    const { features, answers } = await this.#reader.read(asInk(pictures));
    const shares = sharesOf(answers, classes);
    return {
      frechet: frechetDistance(momentsOf(features, featureWidth), this.#moments),
      ...precisionRecall(this.#features.subarray(0, features.length), features, featureWidth),
      shares,
      imbalance: shareDistance(shares, this.#shares),
    };
  }

  /** Pictures [count, 3, 28, 28] from -1 to 1. */
  async stacked(pictures: Float32Array): Promise<StackedScore> {
    const { answers } = await this.#reader.read(asInk(pictures));
    const numbers = Array.from({ length: answers.length / 3 }, (_, n) => {
      const [hundreds, tens, ones] = answers.subarray(3 * n, 3 * n + 3);
      return classes * classes * hundreds! + classes * tens! + ones!;
    });
    return modeCoverage(numbers, modes);
  }
}

const asInk = (pictures: Float32Array): Float32Array => pictures.map((v) => (v + 1) / 2);

/** Real pictures in a model's scale: one digit, or three drawn one by one on top of each other. */
export function realPictures(
  digits: Digits,
  places: readonly number[],
  out = new Float32Array(places.length * pixels),
) {
  for (const [n, place] of places.entries()) {
    for (let i = 0; i < pixels; i++) out[n * pixels + i] = digits.images[place * pixels + i]! / 127.5 - 1;
  }
  return out;
}

/** Places of digits for pictures that are stacks: every layer drawn by itself. */
export function drawnPlaces(digits: Digits, count: number, random: RandomSource): number[] {
  return Array.from({ length: count }, () => random.integer(digits.count));
}
