/**
 * The order of pictures: every epoch each as often as it is repeated, in batches of one size, shuffled anew from the seed
 * and the epoch, so that the place in the data follows from the step alone.
 */

import { shuffleInPlace } from './captions.ts';
import { TrainingRandom } from './random.ts';

export interface Ordered {
  readonly repeats: number;
  /** Items of one batch have one. */
  readonly bucket: string;
}

export class EpochOrder {
  readonly #items: readonly Ordered[];
  readonly #batchSize: number;
  readonly #seed: number;
  #epoch = -1;
  #batches: readonly (readonly number[])[] = [];

  constructor(items: readonly Ordered[], batchSize: number, seed: number) {
    this.#items = items;
    this.#batchSize = batchSize;
    this.#seed = seed;
    this.#batches = this.#batchesOf(0);
    this.#epoch = 0;
  }

  get batchesPerEpoch(): number {
    return this.#batches.length;
  }

  /** Indices of the batch of this number, counted from the start of the training. */
  batch(number: number): { readonly items: readonly number[]; readonly epoch: number } {
    const epoch = Math.floor(number / this.#batches.length);
    if (epoch !== this.#epoch) {
      this.#batches = this.#batchesOf(epoch);
      this.#epoch = epoch;
    }
    return { items: this.#batches[number % this.#batches.length]!, epoch };
  }

  #batchesOf(epoch: number): number[][] {
    const random = new TrainingRandom((this.#seed + Math.imul(epoch + 1, 0x9e3779b1)) >>> 0);
    const buckets = new Map<string, number[]>();
    for (const [index, { repeats, bucket }] of this.#items.entries()) {
      const own = buckets.get(bucket) ?? [];
      for (let i = 0; i < repeats; i++) own.push(index);
      buckets.set(bucket, own);
    }
    const batches: number[][] = [];
    for (const indices of buckets.values()) {
      shuffleInPlace(indices, random);
      for (let at = 0; at < indices.length; at += this.#batchSize) {
        // The last one is filled from the front: steps have one size.
        batches.push(Array.from({ length: this.#batchSize }, (_, i) => indices[(at + i) % indices.length]!));
      }
    }
    return shuffleInPlace(batches, random);
  }
}
