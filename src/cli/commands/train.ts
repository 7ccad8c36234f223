/**
 * `darkroom train lora|ti|hypernet|dreambooth|finetune|vae|scratch FOLDER`: trains on a folder of pictures, with kohya's settings as
 * flags; `darkroom train FILE.json` takes a configuration. Called again it goes on where it was stopped.
 */

import path from 'node:path';
import type { Command } from 'commander';
import type { z } from 'zod';
import { type TrainingName, trainingNames, trainingSchemas } from '#training/settings/methods';
import { type CommandContext, modelsOption } from '../command.ts';
import { addFlags, fieldsOf, givenFlags, readFields } from '../fields.ts';
import { defineTraining, type TrainingOptions, trainModel } from '../training.ts';
import { UsageError } from '../usage-error.ts';

const summaries: Readonly<Record<TrainingName, string>> = {
  lora: 'A LoRA: a small file that changes a model (also LoHa, LoKr, DoRA).',
  ti: 'A textual inversion: a new word.',
  hypernet: 'A hypernetwork, as A1111 has them.',
  dreambooth: 'A whole model that learns a subject and keeps its class.',
  finetune: 'A whole model.',
  vae: 'The autoencoder of a model.',
  scratch: 'A model from nothing: pixels, pixels by class, or text to picture with a VAE of its own.',
};

const examples = `
Examples:
  darkroom train lora pictures/                          a LoRA of a folder, named after it
  darkroom train ti pictures/ --output_name mycat --init_word cat
  darkroom train scratch pictures/ --kind class          a model from nothing, by folder
  darkroom train lora pictures/ --dry_run                what it would take
  darkroom train my-training.json                        a configuration

Ctrl-C stops after the step and saves; the same command goes on from there.`;

export function define(command: Command, context: CommandContext): void {
  defineTraining(command, context, async () => {
    const [{ trainingConfigSchema }, { configuredTraining }] = await Promise.all([
      import('#training/config'),
      import('#studio/training/prepare'),
    ]);
    return { schema: trainingConfigSchema, ...configuredTraining };
  });
  command.addHelpText('after', examples);
  for (const method of trainingNames) defineMethod(command, method, context);
}

interface MethodOptions extends TrainingOptions, Readonly<Record<string, unknown>> {
  readonly output_dir: string;
  readonly dry_run?: boolean;
}

function defineMethod(parent: Command, method: TrainingName, context: CommandContext): void {
  const schema = (trainingSchemas[method] as z.ZodObject).omit({ task: true });
  const fields = fieldsOf(schema);
  const command = parent
    .command(method)
    .description(summaries[method])
    .argument('[folder]', 'The pictures (train_data_dir).')
    .option('--output_dir <folder>', 'Where the training has its folder, by output_name.', 'training')
    .option('--dry_run', 'Do two steps, say what all would take, and leave nothing.')
    .addOption(modelsOption())
    .option('--every <n>', 'Steps between two lines.', '20')
    .option('--json', 'Print every step as a JSON line.');
  addFlags(command, fields);
  command.action(async (folder: string | undefined, options: MethodOptions) => {
    const texts = { ...givenFlags(fields, options) };
    texts.train_data_dir ??= folder;
    if (texts.train_data_dir === undefined) {
      throw new UsageError('train.folder', 'Give the folder of the pictures: darkroom train lora FOLDER.');
    }
    texts.output_name ??= nameOf(String(texts.train_data_dir));
    const settings = readFields(schema, fields, texts, ({ name }) => `--${name}`);
    const run = path.join(options.output_dir, String(texts.output_name));
    const { configuredTraining } = await import('#studio/training/prepare');
    const { trainingConfigSchema } = await import('#training/config');
    const config = trainingConfigSchema.parse({ ...settings, task: method, run });
    if (options.dry_run) {
      const { tellPlan } = await import('../plan-training.ts');
      await tellPlan(config, options, context, configuredTraining);
    } else await trainModel(config, options, context, configuredTraining);
  });
}

/** The folder's own name, as far as a file can have it. */
function nameOf(folder: string): string {
  const name = path.basename(path.resolve(folder)).replace(/[^\w .()+-]/g, '-');
  return name === '' ? 'training' : name;
}
