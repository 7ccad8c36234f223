/** `npm run recipe -- train CONFIG | evaluate | scenes`: how the embedded model is made, judged and looked at. */

import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { CommandContext } from '#cli/command';
import { describeError, processOutput } from '#cli/terminal';
import { defineTraining } from '#cli/training';
import { type RecipeConfig, recipeConfigSchema } from './config.ts';
import { define as defineEvaluate } from './evaluate-command.ts';
import { exampleNames, writeExamplePictures } from './example-pictures.ts';
import { prepareRecipe } from './prepare.ts';
import { replaceDecoder } from './replace-decoder.ts';
import { captionWords } from './scenes/caption.ts';
import { writeSheet } from './scenes/preview.ts';
import { writeExampleSheet } from './sheet.ts';

const description = 'Comes with Darkroom: simple flat scenes of the words below, on any machine, in seconds.';
/** Of 3, 4 and 7 the judge finds most in pictures of this one, and skies are of their time of day. */
const preferred = { cfgScale: 3 };

const context: CommandContext = { output: processOutput, commands: [], exitCode: 0 };
const recipe = new Command('recipe').description('Makes the embedded model from rendered scenes, and judges it.');

defineTraining(recipe.command('train').description('Train one of its parts.'), context, () =>
  Promise.resolve({ schema: recipeConfigSchema, commons: (config: RecipeConfig) => config, prepare: prepareRecipe }),
);
defineEvaluate(recipe.command('evaluate').description('Score a model on held-out prompts.'), context);
recipe
  .command('scenes')
  .description('Write a sheet of scenes, with their captions in a text file beside it.')
  .argument('[picture]', 'The sheet.', 'scenes.png')
  .option('--count <n>', 'Scenes.', '80')
  .option('--seed <n>', 'Seed.', '1')
  .action((picture: string, { count, seed }: { count: string; seed: string }) =>
    writeSheet(picture, Number(count), Number(seed)),
  );
recipe
  .command('pictures')
  .description('Write the pictures that a trained example learns from.')
  .argument('<example>', exampleNames.join(', '))
  .argument('<folder>', 'Where to.')
  .option('--count <n>', 'Pictures.', '240')
  .action((name: string, folder: string, { count }: { count: string }) =>
    writeExamplePictures(name, folder, Number(count)),
  );
recipe
  .command('sheet')
  .description('Draw what the embedded model and the trained examples beside it do, as one picture.')
  .argument('[picture]', 'The sheet.', 'sheet.png')
  .action((picture: string) => writeExampleSheet(picture, (message) => processOutput.note(message)));
recipe
  .command('decoder')
  .description('Give the model the decoder of a run that started from it with decoderOnly.')
  .argument('<run>', 'Folder of the run.')
  .option('--model <file>', 'The model.', 'models/darkroom-mini.safetensors')
  .option('--output <file>', 'The model with the decoder.', 'models/darkroom-mini.safetensors')
  .action((run: string, { model, output }: { model: string; output: string }) => replaceDecoder(run, model, output));
recipe
  .command('words')
  .description('Write the card beside the model: how it draws best, and which words it was shown.')
  .argument('[card]', 'The card.', 'models/darkroom-mini.darkroom.json')
  .action((card: string) =>
    writeFileSync(card, `${JSON.stringify({ description, preferred, vocabulary: captionWords() }, null, 2)}\n`),
  );

try {
  await recipe.parseAsync();
  process.exitCode = context.exitCode;
} catch (error) {
  processOutput.note(`recipe: ${describeError(error)}`);
  process.exitCode = 1;
}
