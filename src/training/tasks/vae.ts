/**
 * The autoencoder of a model that is there goes on learning, by default its decoder alone, so that what the model's
 * denoiser knows of latents stays true. The loss is that of an autoencoder from scratch (autoencoder.ts).
 */

import { f32 } from '#core/tensor';
import type { Feeds, WeightSource } from '#engine/backend';
import { input } from '#graph/build';
import { symbol } from '#graph/dim';
import type { ModelParts } from '#models/family';
import type { TrainingTask } from '../loop.ts';
import type { TrainedParameter } from '../networks/trained-networks.ts';
import type { RandomSource } from '../random.ts';
import type { Objective } from '../step.ts';
import { type AutoencoderOptions, cropBatch, type PictureSource, reconstructionObjective } from './autoencoder.ts';
import { substituted } from './denoising.ts';

export interface VaeOptions extends Pick<AutoencoderOptions, 'batchSize' | 'crop' | 'klWeight' | 'gradientWeight'> {
  readonly parts: Pick<ModelParts, 'autoencoder' | 'latent'>;
  readonly weights: WeightSource;
  readonly trained: readonly (TrainedParameter & { readonly initial: { readonly kind: 'values' } })[];
  readonly source: PictureSource;
  /** Pictures that nothing is learnt from, RGB bytes [count, size, size, 3]. */
  heldOut(): Promise<readonly Uint8Array[]>;
}

export function vaeTask(
  options: VaeOptions,
  hooks: Pick<TrainingTask, 'sample' | 'publish' | 'finish'> = {},
): TrainingTask {
  const { trained, weights, batchSize, crop, source, parts } = options;
  const first = new Map(trained.map(({ name, initial }) => [name, initial.values]));
  const objective = vaeObjective(options);
  const { channels, factor } = parts.latent;
  const shape = (count: number): number[] => [count, channels, crop / factor, crop / factor];
  const noise = (count: number, random: RandomSource): Feeds[string] => {
    const size = shape(count).reduce((a, b) => a * b, 1);
    return f32(shape(count), random.fillNormal(new Float32Array(size)));
  };
  return {
    name: 'vae',
    objective: () => objective,
    bindings: { batch: batchSize },
    trains: (name) => first.has(name),
    weights: { get: (name) => (first.has(name) ? undefined : weights.get(name)) },
    initialise: (name) => first.get(name)!.slice(),
    async batch(random) {
      const pixels = await source.pictures(random, batchSize);
      return { image: cropBatch(pixels, source.size, crop, batchSize, random), noise: noise(batchSize, random) };
    },
    async heldOut() {
      const nothing = f32(shape(batchSize), new Float32Array(shape(batchSize).reduce((a, b) => a * b, 1)));
      const pictures = await options.heldOut();
      // Whole batches of one size: the last one is filled up with its first pictures.
      const batches: Feeds[] = [];
      for (let at = 0; at < pictures.length; at += batchSize) {
        const own = Array.from({ length: batchSize }, (_, i) => pictures[(at + i) % pictures.length]!);
        const joined = new Uint8Array(own.flatMap((pixels) => [...pixels]));
        batches.push({ image: cropBatch(joined, source.size, crop, batchSize, middle), noise: nothing });
      }
      return batches;
    },
    ...hooks,
  };
}

/** Crops in the middle of what can be. */
const middle: Pick<RandomSource, 'integer'> = { integer: (count) => Math.floor((count - 1) / 2) };

function vaeObjective({ parts: { autoencoder, latent }, crop, klWeight, gradientWeight }: VaeOptions): Objective {
  const side = crop / latent.factor;
  const encoder = autoencoder.encoderGraph({ height: side, width: side });
  const decoder = autoencoder.decoderGraph({ height: side, width: side });
  const batch = symbol('batch');
  return reconstructionObjective({
    image: input('image', 'f32', [batch, 3, crop, crop]),
    noise: input('noise', 'f32', [batch, latent.channels, side, side]),
    encode(image) {
      const { mean, logvar } = substituted(encoder, { image });
      return { mean: mean!, logvar: logvar! };
    },
    decode: (of) => substituted(decoder, { latent: of }).image!,
    klWeight,
    gradientWeight,
  });
}
