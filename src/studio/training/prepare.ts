/** The task of a user's configuration: pictures from a folder, sizes from the model that the run starts from. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { FineTuningConfig, TextToImageConfig, TrainingConfig } from '#training/config';
import type { RunCommons } from '#training/configured';
import type { TrainingTask } from '#training/loop';
import { commonsOf, ratesOf } from '#training/settings/commons';
import { findModelFile } from '../library/open-model.ts';
import { defaultModel } from '../library/roots.ts';
import { prepareAutoencoder } from './autoencoder-run.ts';
import { prepareMethod } from './methods/prepare.ts';
import { prepareScratch } from './own/prepare-scratch.ts';
import { prepareVae } from './own/prepare-vae.ts';
import { pictureFolder } from './picture-folder.ts';
import type { RunContext } from './run-context.ts';
import type { TrainingKind } from './runner.ts';
import { prepareTextToImage } from './text-to-image-run.ts';
import { isModelFile, readTrainedModel } from './trained-model.ts';

async function prepareTraining(config: TrainingConfig, context: RunContext): Promise<TrainingTask> {
  switch (config.task) {
    case 'autoencoder':
    case 'text-to-image':
      return await prepareOnFolder(config, context);
    case 'vae':
      return await prepareVae(config, context);
    case 'scratch':
      return await prepareScratch(config, context);
    default:
      return await prepareMethod(config, context);
  }
}

const textParameter = /^(lora_te|text_encoder|classes\.|emb_params$|clip_[lg]$)/;

/** What every training of a configuration has, whatever its method calls it. */
function commonsOfConfig(config: TrainingConfig): RunCommons {
  if (config.task === 'autoencoder' || config.task === 'text-to-image') return config;
  return {
    ...commonsOf(config, config.run),
    validateEvery: config.validate_every_n_steps,
    rates: config.task === 'vae' ? undefined : ratesOf(config, (name) => textParameter.test(name)),
  };
}

/** Trainings by the configurations that users write. */
export const configuredTraining: TrainingKind<TrainingConfig> = { commons: commonsOfConfig, prepare: prepareTraining };

type OnFolder = Extract<TrainingConfig, { task: 'autoencoder' | 'text-to-image' }>;

async function prepareOnFolder(config: OnFolder, context: RunContext): Promise<TrainingTask> {
  const { log, warn, root } = context;
  const { size } = config;
  const needsCaptions = config.task === 'text-to-image';
  const pictures = await pictureFolder(path.resolve(root, config.data), { size, needsCaptions, warn });
  log(`${pictures.count} ${pictures.count === 1 ? 'picture' : 'pictures'} in ${config.data}`);
  switch (config.task) {
    case 'autoencoder':
      return prepareAutoencoder(config, pictures, context);
    case 'text-to-image':
      return prepareTextToImage(await completed(config, context), pictures, path.basename(config.run), context);
  }
}

/** Fills in what is left out from the model file that the run starts from; models may be named as in `generate`. */
async function completed(given: FineTuningConfig, { root, modelRoots }: RunContext): Promise<TextToImageConfig> {
  const locate = async (from: string): Promise<string> => {
    const file = path.resolve(root, from);
    return existsSync(file) ? file : findModelFile('model', from, modelRoots);
  };
  const startFrom = await Promise.all([given.startFrom ?? []].flat().map(locate));
  const autoencoder = given.autoencoder === undefined ? undefined : await locate(given.autoencoder);
  const { textEncoder, unet } = given;
  if (autoencoder !== undefined && textEncoder && unet) {
    return { ...given, startFrom, autoencoder, textEncoder, unet, prediction: given.prediction ?? 'v' };
  }
  const start = startFrom.findLast(isModelFile);
  if (start === undefined) {
    const missing = Object.entries({ autoencoder, textEncoder, unet }).flatMap(([k, v]) =>
      v === undefined ? [k] : [],
    );
    throw new UserError(
      'training.sizes',
      `the configuration leaves out ${missing.join(', ')}, and startFrom names no model to take them from; name one that Darkroom trained, such as ${defaultModel}`,
    );
  }
  const model = (await readTrainedModel(start)).config;
  return {
    ...given,
    startFrom,
    autoencoder: autoencoder ?? start,
    textEncoder: textEncoder ?? model.textEncoder,
    unet: unet ?? model.unet,
    prediction: given.prediction ?? model.prediction,
  };
}
