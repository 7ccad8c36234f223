/** `npm run recipe -- decoder RUN`: gives a model the decoder that a run trained on the latents of its own encoder. */

import path from 'node:path';
import { UserError } from '#core/errors';
import { type HostTensor, toF32 } from '#core/tensor';
import { readSafetensorsHeader } from '#formats/safetensors';
import { vaeScope } from '#models/vae/network';
import { nodeModelFiles } from '#studio/files/model-files';
import { exportSingleFile } from '#studio/training/export-model';
import { publishedWeights } from '#studio/training/published';
import { readTensorFile } from '#studio/training/tensor-file';
import { readTrainedModel } from '#studio/training/trained-model';
import { isEncoderWeight } from '#training/tasks/autoencoder';

export async function replaceDecoder(run: string, model: string, out: string): Promise<void> {
  const { config, weights } = await readTrainedModel(model);
  const { metadata } = await readSafetensorsHeader(await nodeModelFiles.source(model));
  const trained = await readTensorFile(path.join(run, publishedWeights));
  await exportSingleFile(out, config, withDecoder(weights, trained), metadata);
}

type Weights = ReadonlyMap<string, HostTensor>;

/** A model's weights, by canonical name, with the decoder of an autoencoder whose encoder is the model's own. */
export function withDecoder(model: Weights, autoencoder: Weights): Map<string, HostTensor> {
  const own = [...model].filter(([name]) => name.startsWith(`${vaeScope}.`));
  const different = own.find(([name, tensor]) => isEncoderWeight(name) && !isSame(tensor, autoencoder.get(name)));
  if (different) {
    throw new UserError(
      'recipe.decoder',
      `${different[0]} of the run is not the model's: its decoder reads latents of another encoder; start the run from the model, with decoderOnly`,
    );
  }
  const decoder = own.flatMap(([name]) => (isEncoderWeight(name) ? [] : [[name, autoencoder.get(name)!] as const]));
  return new Map([...model, ...decoder]);
}

function isSame(a: HostTensor, b: HostTensor | undefined): boolean {
  if (!b) return false;
  const [x, y] = [toF32(a), toF32(b)];
  return x.length === y.length && x.every((value, i) => value === y[i]);
}
