/** The task of a configuration of the recipe: the trainer's own tasks on scenes, and the recipe's own. */

import { prepareAutoencoder } from '#studio/training/autoencoder-run';
import type { RunContext } from '#studio/training/run-context';
import { prepareTextToImage } from '#studio/training/text-to-image-run';
import type { TrainingTask } from '#training/loop';
import type { RecipeConfig } from './config.ts';
import { prepareControl } from './control-run.ts';
import { prepareEvaluator } from './evaluator-run.ts';
import { scenePictures } from './scene-pictures.ts';
import { prepareTextEncoder } from './text-encoder-run.ts';

/** Scenes that the autoencoder learns from. */
const autoencoderScenes = 6000;

export async function prepareRecipe(config: RecipeConfig, context: RunContext): Promise<TrainingTask> {
  const { seed, size } = config;
  switch (config.task) {
    case 'autoencoder':
      return prepareAutoencoder(config, await scenePictures({ count: autoencoderScenes, seed, size }), context);
    case 'text-encoder':
      return prepareTextEncoder(config, context);
    case 'text-to-image': {
      const pictures = await scenePictures({ count: config.scenes, seed, size });
      return prepareTextToImage(config, pictures, 'Darkroom mini', context);
    }
    case 'control':
      return prepareControl(config, context);
    case 'evaluator':
      return prepareEvaluator(config, context);
  }
}
