/** Trained weights as a starting point: a run's folder, or a model file that Darkroom wrote. */

import path from 'node:path';
import { UserError } from '#core/errors';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { embeddedConfigKey } from '#models/embedded-config';
import { Fields } from '#models/fields';
import type { Sd1Config } from '#models/sd1/config';
import { readEmbedded } from '#models/sd1/embedded';
import { sd1, sd1SingleFile } from '#models/sd1/family';
import type { TrainingTask } from '#training/loop';
import { nodeModelFiles } from '../files/model-files.ts';
import { publishedWeights } from './published.ts';
import { readTensorFile } from './tensor-file.ts';

export function isModelFile(from: string): boolean {
  return from.endsWith('.safetensors');
}

/** Configuration and weights (by canonical name, float32) of a single file. */
export async function readTrainedModel(file: string): Promise<{ config: Sd1Config; weights: Map<string, HostTensor> }> {
  const source = await nodeModelFiles.source(file);
  const { metadata, tensors } = await readSafetensorsHeader(source);
  const text = metadata[embeddedConfigKey];
  if (text === undefined) {
    throw new UserError(
      'training.start',
      `${file} was not written by Darkroom: its metadata has no ${embeddedConfigKey}`,
    );
  }
  const config = readEmbedded(new Fields(JSON.parse(text), file));
  const weights = new Map<string, HostTensor>();
  const canonical = new Map(sd1.parameters(config).map((p) => [p.name, p.shape]));
  for (const { name, parameter, shape } of sd1SingleFile(config)) {
    const entry = tensors.get(name);
    if (!entry) throw new UserError('training.start', `${file} has no tensor ${name}, expected shape [${shape}]`);
    weights.set(parameter, f32(canonical.get(parameter)!, toF32(await readFileTensor(source, entry))));
  }
  return { config, weights };
}

/** Weights by canonical name from a run's folder or a model file. */
export async function readStart(root: string, from: string): Promise<Map<string, HostTensor>> {
  const where = path.resolve(root, from);
  if (isModelFile(from)) return (await readTrainedModel(where)).weights;
  return readTensorFile(path.join(where, publishedWeights));
}

/** The task with first values taken from other weights where they have them. */
export function startingFrom(task: TrainingTask, weights: ReadonlyMap<string, HostTensor>): TrainingTask {
  return {
    ...task,
    initialise: (name, shape, random) =>
      (weights.get(name)?.data as Float32Array | undefined)?.slice() ?? task.initialise(name, shape, random),
  };
}
