/**
 * Every command. Those that are operations (`src/api/operations`) need their noun here and nothing else; to add another
 * kind: a file beside this one that exports `define`, and a row.
 */

import type { CommandEntry } from '../command.ts';

/** Commands of a noun, from the rows of its operations. */
function noun(name: string, group: string, summary: string): CommandEntry {
  return {
    name,
    group,
    summary,
    async load() {
      const { defineNoun } = await import('../operations.ts');
      return { define: (command, context) => defineNoun(command, name, context) };
    },
  };
}

const [pictures, models, studio] = ['Pictures:', 'Models:', 'Studio:'];

export const commands: readonly CommandEntry[] = [
  {
    name: 'generate',
    group: pictures,
    summary: 'Make pictures from a prompt.',
    load: () => import('./generate.ts'),
  },
  {
    name: 'plot',
    group: pictures,
    summary: 'Make pictures over axes of settings, as a grid.',
    load: async () => (await import('./series.ts')).plot,
  },
  {
    name: 'matrix',
    group: pictures,
    summary: 'Make pictures with and without each part of a prompt.',
    load: async () => (await import('./series.ts')).matrix,
  },
  {
    name: 'prompts',
    group: pictures,
    summary: 'Make a picture for each line of a file.',
    load: async () => (await import('./series.ts')).prompts,
  },
  {
    name: 'loopback',
    group: pictures,
    summary: 'Draw a picture over again and again.',
    load: async () => (await import('./series.ts')).loopback,
  },
  {
    name: 'caption',
    group: pictures,
    summary: 'Say what pictures show, in tags.',
    load: () => import('./caption.ts'),
  },
  {
    name: 'batch',
    group: pictures,
    summary: 'Draw over every picture of a folder.',
    load: () => import('./batch.ts'),
  },
  {
    name: 'outpaint',
    group: pictures,
    summary: 'Grow a picture beyond its edges.',
    load: () => import('./outpaint.ts'),
  },
  {
    name: 'upscale',
    group: pictures,
    summary: 'Enlarge pictures.',
    load: () => import('./upscale.ts'),
  },
  {
    name: 'annotate',
    group: pictures,
    summary: 'Make a hint for control of a picture: edges, lines, depth.',
    load: () => import('./annotate.ts'),
  },
  noun('samplers', pictures, 'List sampling methods.'),
  noun('schedulers', pictures, 'List noise schedules.'),
  noun('style', pictures, 'Keep texts that are put around prompts; list word lists.'),
  noun('gallery', pictures, 'Find, show, rate, tag and throw away pictures.'),
  noun('board', pictures, 'Collect pictures on boards.'),
  { name: 'models', group: models, summary: 'List the models that are there.', load: () => import('./list-models.ts') },
  {
    name: 'pull',
    group: models,
    summary: 'Install a model from a hub, an address or a path.',
    load: () => import('./pull.ts'),
  },
  {
    name: 'merge',
    group: models,
    summary: 'Make a checkpoint of two or three.',
    load: () => import('./merge.ts'),
  },
  {
    name: 'extract',
    group: models,
    summary: 'Make a LoRA of the difference of two checkpoints.',
    load: () => import('./extract.ts'),
  },
  noun('library', models, 'Models with hashes and cards; the gallery’s index anew.'),
  {
    name: 'inspect',
    group: models,
    summary: 'Say what a model file or picture is.',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'convert',
    group: models,
    summary: 'Write a model in another layout or type, or as ONNX.',
    load: () => import('./convert.ts'),
  },
  {
    name: 'info',
    group: pictures,
    summary: 'Say how a picture was made (as inspect does).',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'train',
    group: models,
    summary: 'Train a model on a folder of pictures.',
    load: () => import('./train.ts'),
  },
  {
    name: 'lab',
    group: models,
    summary: 'Experiments: LeNet-5 reads digits, GAN against diffusion.',
    load: () => import('./lab.ts'),
  },
  noun('dataset', models, 'Keep folders of pictures to train on.'),
  { name: 'serve', group: studio, summary: 'Serve the page and the APIs.', load: () => import('./serve.ts') },
  noun('queue', studio, 'Show and order the jobs of the studio.'),
  noun('settings', studio, 'Show and change what the studio does by default.'),
  noun('user', studio, 'Manage accounts and their tokens.'),
  {
    name: 'doctor',
    group: studio,
    summary: 'Say what works here, with a remedy for what does not.',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'completion',
    group: studio,
    summary: 'Print a script that completes commands in a shell.',
    load: () => import('./completion.ts'),
  },
];
