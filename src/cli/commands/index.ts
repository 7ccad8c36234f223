/** Every command. To add one: a file beside this one that exports `define`, and a row here. */

import type { CommandEntry } from '../command.ts';

export const commands: readonly CommandEntry[] = [
  { name: 'generate', summary: 'Make pictures from a prompt.', load: () => import('./generate.ts') },
  { name: 'serve', summary: 'Serve the page and the APIs.', load: () => import('./serve.ts') },
  { name: 'queue', summary: 'Show and order the jobs of the studio.', load: () => import('./queue.ts') },
  { name: 'gallery', summary: 'Find, show, rate, tag and throw away pictures.', load: () => import('./gallery.ts') },
  { name: 'user', summary: 'Manage accounts and their tokens.', load: () => import('./user.ts') },
  { name: 'pull', summary: 'Install a model from a hub, an address or a path.', load: () => import('./pull.ts') },
  {
    name: 'library',
    summary: 'Models with hashes and cards; the gallery’s index anew.',
    load: () => import('./library.ts'),
  },
  {
    name: 'doctor',
    summary: 'Say what works here, with a remedy for what does not.',
    load: () => import('./doctor.ts'),
  },
  { name: 'inspect', summary: 'Say what a model file or picture is.', load: () => import('./inspect.ts') },
  { name: 'models', summary: 'List the models that are there.', load: () => import('./list-models.ts') },
  { name: 'train', summary: 'Train a model from a configuration file.', load: () => import('./train.ts') },
  {
    name: 'evaluate',
    summary: 'Score a model on prompts held out from its training.',
    load: () => import('./evaluate.ts'),
  },
];
