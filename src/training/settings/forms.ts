/** Settings of a method as a page's form: the schema's own descriptions, with a label, a level and a control each. */

import { z } from 'zod';
import { type TrainingName, trainingSchemas } from './methods.ts';

export const methodTitles: Readonly<Record<TrainingName, { readonly title: string; readonly about: string }>> = {
  lora: {
    title: 'LoRA',
    about: 'A small file that changes a model: a style, a thing, a person. Also LoHa, LoKr and DoRA.',
  },
  ti: { title: 'Textual inversion', about: 'A new word for something, a few kilobytes; the model stays as it is.' },
  hypernet: { title: 'Hypernetwork', about: 'Small networks in front of every attention, as A1111 has them.' },
  dreambooth: {
    title: 'Dreambooth',
    about: 'A whole model that learns a subject and keeps the class that it belongs to.',
  },
  finetune: { title: 'Fine-tune', about: 'A whole model that goes on learning.' },
  vae: { title: 'VAE', about: 'The autoencoder of a model goes on learning: sharper, or at home in other pictures.' },
  scratch: {
    title: 'From scratch',
    about: 'A model of your own from nothing but a folder of pictures: without words, by class, or text to picture.',
  },
};

/** What everybody looks at first. */
const simple: ReadonlySet<string> = new Set([
  'pretrained_model_name_or_path',
  'train_data_dir',
  'output_name',
  'resolution',
  'max_train_steps',
  'train_batch_size',
  'learning_rate',
  'network_dim',
  'network_alpha',
  'network_algo',
  'init_word',
  'num_vectors_per_token',
  'layer_structure',
  'activation_func',
  'class_prompt',
  'num_class_images',
  'sample_prompts',
  'sample_every_n_steps',
  'validation_split',
  'kind',
  'model_channels',
  'train_encoder',
]);

interface Property {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly [key: string]: unknown;
}

/** Fields that offer what the studio has. */
const lists: Readonly<Record<string, { readonly choices: string; readonly control?: string; readonly label: string }>> =
  {
    pretrained_model_name_or_path: { choices: 'checkpoints', control: 'choice', label: 'Model' },
    // Open: a folder's path fits as well.
    train_data_dir: { choices: 'datasets', label: 'Pictures' },
  };

/** JSON schema of a method's request, its properties with what a form needs. */
export function methodForm(method: TrainingName): Record<string, unknown> {
  const schema = z.toJSONSchema(trainingSchemas[method], { io: 'input' }) as { properties: Record<string, Property> };
  const properties = Object.entries(schema.properties).map(([name, property]) => [
    name,
    {
      ...property,
      label: labelOf(name),
      help: property.description,
      level: simple.has(name) ? 'simple' : 'full',
      control: name === 'task' ? 'none' : controlOf(name, property),
      ...lists[name],
    },
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as Record<string, unknown> };
}

function controlOf(name: string, { type, enum: values }: Property): string {
  if (values) return 'choice';
  if (type === 'boolean') return 'switch';
  if (type === 'integer' || type === 'number') return name === 'seed' ? 'seed' : 'number';
  return 'text';
}

/** `lr_warmup_steps`: Learning rate warmup steps. */
function labelOf(name: string): string {
  const words = name
    .replaceAll('_', ' ')
    .replace(/\blr\b/, 'learning rate')
    .replace(/\bdir\b/, 'folder');
  return words[0]!.toUpperCase() + words.slice(1);
}
