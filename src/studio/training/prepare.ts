/** The task of a user's configuration: pictures from a folder, sizes from the model that the run starts from. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { FineTuningConfig, TextToImageConfig, TrainingConfig } from '#training/config';
import type { TrainingTask } from '#training/loop';
import { findModelFile } from '../library/open-model.ts';
import { defaultModel, modelRoots } from '../library/roots.ts';
import { prepareAutoencoder } from './autoencoder-run.ts';
import { pictureFolder } from './picture-folder.ts';
import type { RunContext } from './run-context.ts';
import { prepareTextToImage } from './text-to-image-run.ts';
import { isModelFile, readTrainedModel } from './trained-model.ts';

export async function prepareTraining(config: TrainingConfig, context: RunContext): Promise<TrainingTask> {
  const { log, warn, root } = context;
  const { size } = config;
  const needsCaptions = config.task === 'text-to-image';
  const pictures = await pictureFolder(path.resolve(root, config.data), { size, needsCaptions, warn });
  log(`${pictures.count} ${pictures.count === 1 ? 'picture' : 'pictures'} in ${config.data}`);
  switch (config.task) {
    case 'autoencoder':
      return prepareAutoencoder(config, pictures, context);
    case 'text-to-image':
      return prepareTextToImage(await completed(config, root), pictures, path.basename(config.run), context);
  }
}

/** Fills in what is left out from the model file that the run starts from; models may be named as in `generate`. */
async function completed(given: FineTuningConfig, root: string): Promise<TextToImageConfig> {
  const locate = async (from: string): Promise<string> => {
    const file = path.resolve(root, from);
    return existsSync(file) ? file : findModelFile('model', from, modelRoots());
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
