/** What a model's autoencoder makes of pictures: encoded to the mean, decoded again. */

import { f32 } from '#core/tensor';
import type { Backend, WeightSource } from '#engine/backend';
import type { Weights } from '#training/loop';
import { pixelsToPlanes } from '#training/tasks/autoencoder';
import type { TrainingPictures } from '../captioned-pictures.ts';
import type { BaseModel } from '../methods/base-model.ts';
import { memoryWeights } from '../session-weights.ts';

export interface Reconstructions {
  /** [count, 3, size, size] in -1..1 each. */
  readonly originals: Float32Array;
  readonly planes: Float32Array;
  readonly count: number;
  readonly size: number;
  /** Mean difference of a colour value, 0 to 255. */
  readonly error: number;
}

export async function reconstructions({
  backend,
  model,
  weights,
  pictures,
}: {
  backend: Backend;
  model: BaseModel;
  /** Trained ones in the place of the model's own. */
  weights: Weights | undefined;
  pictures: TrainingPictures;
}): Promise<Reconstructions> {
  const { autoencoder, latent } = model.parts;
  const { count, size } = pictures;
  const own = memoryWeights(weights ?? new Map());
  const source: WeightSource = { get: (name) => own.get(name) ?? model.weights.get(name) };
  const cells = { height: size / latent.factor, width: size / latent.factor };
  const encoder = await backend.compile(autoencoder.encoderGraph(cells), { weights: source });
  const decoder = await backend.compile(autoencoder.decoderGraph(cells), { weights: source });
  const originals = pixelsToPlanes(await pictures.read([...Array(count).keys()]), count, size);
  const planes = new Float32Array(originals.length);
  const item = 3 * size * size;
  try {
    for (let i = 0; i < count; i++) {
      const image = f32([1, 3, size, size], originals.slice(i * item, (i + 1) * item));
      const { mean } = await encoder.run({ image });
      const made = await decoder.run({ latent: mean! });
      planes.set(
        (made.image!.data as Float32Array).map((v) => Math.max(-1, Math.min(1, v))),
        i * item,
      );
    }
  } finally {
    await encoder.dispose();
    await decoder.dispose();
  }
  let sum = 0;
  for (let i = 0; i < planes.length; i++) sum += Math.abs(planes[i]! - originals[i]!);
  return { originals, planes, count, size, error: (sum / planes.length) * 127.5 };
}
