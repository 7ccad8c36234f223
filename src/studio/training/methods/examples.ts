/** What a step learns from: pictures of a bucket with their captions, and pictures of the class beside them. */

import { type BucketOptions, bucketOf, bucketSizes, type PictureSize } from '#training/buckets';
import { type CaptionRules, drawCaption, plainCaption } from '#training/captions';
import { EpochOrder } from '#training/epochs';
import { type RandomSource, TrainingRandom } from '#training/random';
import type { Examples, LatentSize } from '#training/tasks/denoising';
import { joined, type Said, type TextInputs } from '#training/tasks/text-inputs';
import type { DatasetItem } from '../data/dataset.ts';
import { type Encoded, type Latents, latentOf, type View } from './latents.ts';

export interface ExamplesOptions {
  readonly items: readonly DatasetItem[];
  readonly heldOut: readonly DatasetItem[];
  readonly classItems: readonly DatasetItem[];
  readonly classCaption: string;
  readonly buckets: BucketOptions | undefined;
  readonly size: PictureSize;
  readonly captions: CaptionRules;
  /** Pictures of a batch, those of the class not counted. */
  readonly batchSize: number;
  readonly accumulate: number;
  readonly seed: number;
  readonly mirrors: boolean;
  readonly randomCrop: boolean;
  readonly sampling: 'deterministic' | 'once' | 'random';
  readonly masked: boolean;
  readonly latents: Latents;
  readonly texts: TextInputs;
  readonly scale: number;
  readonly factor: number;
}

export class ExampleSource {
  readonly #options: ExamplesOptions;
  readonly #order: EpochOrder;
  readonly #buckets: readonly PictureSize[];
  /** Sizes that pictures are brought to, pixels. */
  readonly sizes: readonly PictureSize[];

  constructor(options: ExamplesOptions) {
    this.#options = options;
    const { items, heldOut, buckets, batchSize, seed } = options;
    this.#buckets = buckets ? bucketSizes(buckets) : [options.size];
    const ordered = items.map((item) => ({ repeats: item.repeats, bucket: nameOf(this.#bucketOf(item)) }));
    this.#order = new EpochOrder(ordered, batchSize, seed);
    const used = [...items, ...heldOut].map((item) => this.#bucketOf(item));
    this.sizes = [...new Map(used.map((size) => [nameOf(size), size])).values()];
  }

  get batchesPerEpoch(): number {
    return this.#order.batchesPerEpoch;
  }

  /** Encodes what will be shown. */
  async prepare(): Promise<void> {
    const { items, heldOut, classItems, mirrors, randomCrop, latents } = this.#options;
    const mirrored = mirrors ? [false, true] : [false];
    const shown = randomCrop ? heldOut : [...items, ...heldOut];
    const views = shown.flatMap((item) =>
      (heldOut.includes(item) ? [false] : mirrored).map((m) => ({ item, bucket: this.#bucketOf(item), mirrored: m })),
    );
    const ofClass = classItems.flatMap((item) => this.sizes.map((bucket) => ({ item, bucket, mirrored: false })));
    await latents.prepare([...views, ...ofClass]);
  }

  async next(step: number, part: number, random: RandomSource): Promise<Examples> {
    const { accumulate, mirrors, captions, classItems } = this.#options;
    const { items, epoch } = this.#order.batch(step * accumulate + part);
    const shown: { view: View; text: string; isClass: boolean }[] = [];
    for (const index of items) {
      const item = this.#options.items[index]!;
      const view = { item, bucket: this.#bucketOf(item), mirrored: mirrors && random.uniform() < 0.5 };
      shown.push({ view, text: drawCaption(item.caption ?? '', captions, epoch, random), isClass: false });
    }
    const { bucket } = shown[0]!.view;
    for (let i = 0; classItems.length > 0 && i < items.length; i++) {
      const item = classItems[random.integer(classItems.length)]!;
      shown.push({ view: { item, bucket, mirrored: false }, text: this.#classText(item), isClass: true });
    }
    return await this.#examples(shown, random);
  }

  /** Batches of what is held out, the same each time. */
  async heldOut(): Promise<Examples[]> {
    const { heldOut, batchSize, captions, classItems } = this.#options;
    const size = batchSize * (classItems.length > 0 ? 2 : 1);
    const order = heldOut.map((item) => ({ repeats: 1, bucket: nameOf(this.#bucketOf(item)) }));
    if (order.length === 0) return [];
    const batches = new EpochOrder(order, size, 0);
    const found: Examples[] = [];
    for (let i = 0; i < batches.batchesPerEpoch; i++) {
      const shown = batches.batch(i).items.map((index) => {
        const item = heldOut[index]!;
        const view = { item, bucket: this.#bucketOf(item), mirrored: false };
        return { view, text: plainCaption(item.caption ?? '', captions), isClass: false };
      });
      found.push(await this.#examples(shown, undefined));
    }
    return found;
  }

  #classText({ caption }: DatasetItem): string {
    return this.#options.classCaption === '' ? (caption ?? '') : this.#options.classCaption;
  }

  async #examples(
    shown: readonly { view: View; text: string; isClass: boolean }[],
    random: RandomSource | undefined,
  ): Promise<Examples> {
    const { masked, scale, factor, texts } = this.#options;
    const { bucket } = shown[0]!.view;
    const size: LatentSize = { height: bucket.height / factor, width: bucket.width / factor };
    const encoded: Encoded[] = [];
    for (const { view, isClass } of shown) encoded.push(await this.#encoded(view, isClass ? undefined : random));
    const said = shown.map(({ text }): Said => ({ text, size: bucket }));
    return {
      size,
      latents: joined(encoded.map((each, i) => latentOf(each, scale, this.#drawing(shown[i]!.view, random)))),
      masks: masked
        ? joined(encoded.map(({ mask }) => mask ?? new Float32Array(size.height * size.width).fill(1)))
        : undefined,
      isClass: shown.map(({ isClass }) => isClass),
      text: await texts.feeds(said),
    };
  }

  #drawing({ item }: View, random: RandomSource | undefined): RandomSource | undefined {
    const { sampling } = this.#options;
    if (sampling === 'deterministic' || !random) return undefined;
    return sampling === 'random' ? random : new TrainingRandom(hashOf(item.name));
  }

  async #encoded(view: View, random: RandomSource | undefined): Promise<Encoded> {
    const { randomCrop, latents } = this.#options;
    if (!randomCrop || !random) return latents.kept(view);
    return await latents.encode(view, { x: random.uniform(), y: random.uniform() });
  }

  #bucketOf(item: DatasetItem): PictureSize {
    const { buckets, size } = this.#options;
    return buckets ? bucketOf(item.size, this.#buckets, buckets) : size;
  }
}

const nameOf = ({ width, height }: PictureSize): string => `${width}x${height}`;

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}

/** A share of the items, chosen by the seed: what nothing is learnt from. At least one stays to learn from. */
export function splitHeldOut(items: readonly DatasetItem[], share: number, seed: number) {
  const count = Math.min(items.length - 1, Math.round(items.length * share));
  if (count <= 0) return { items, heldOut: [] };
  const random = new TrainingRandom(seed);
  const ranked = items.map((item) => ({ item, rank: random.uniform() })).sort((a, b) => a.rank - b.rank);
  const chosen = new Set(ranked.slice(0, count).map(({ item }) => item));
  return { items: items.filter((item) => !chosen.has(item)), heldOut: items.filter((item) => chosen.has(item)) };
}
