/** A training that goes on with other settings than it began with: told, or refused where its state would lie. */

import { UserError } from '#core/errors';
import type { RunFiles } from '#training/run-directory';

/** Settings that weights and optimiser state depend on. */
const fixed: readonly string[] = [
  'pretrained_model_name_or_path',
  'vae',
  'optimizer',
  'optimizer_type',
  'use_ema',
  'prediction',
  'v_parameterization',
  'network_dim',
  'network_alpha',
  'network_algo',
  'conv_dim',
  'conv_alpha',
  'dora_wd',
  'dora_axis',
  'factor',
  'block_dims',
  'block_alphas',
  'network_train_unet_only',
  'network_train_text_encoder_only',
  'train_text_encoder',
  'init_word',
  'num_vectors_per_token',
  'layer_structure',
  'activation_func',
  'add_layer_norm',
  'activate_output',
  'enable_sizes',
  'train_encoder',
  'kind',
  'model_channels',
  'layers_per_block',
  'text_encoder',
  'vae_train_steps',
];
const silent: readonly string[] = ['run', 'threads'];

/** @throws UserError `training.resume` naming what was changed */
export async function checkResumed(
  files: Pick<RunFiles, 'readText' | 'list'>,
  config: unknown,
  warn: (message: string) => void,
): Promise<void> {
  const text = await files.readText('config.json');
  if (text === undefined || !(await files.list('checkpoints')).some((name) => /^step-\d+$/.test(name))) return;
  const before = JSON.parse(text) as Record<string, unknown>;
  const now = JSON.parse(JSON.stringify(config)) as Record<string, unknown>;
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => !silent.includes(name));
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
  if (before.task !== now.task) {
    const message = `the training in this folder is another one: its task is ${shown(before.task)}, not ${shown(now.task)}. Give this one a name of its own (output_name), or remove that folder`;
    throw new UserError('training.resume', message);
  }
  const told = (name: string): string => `${name} from ${shown(before[name])} to ${shown(now[name])}`;
  const lies = changed.filter((name) => fixed.includes(name));
  if (lies.length > 0) {
    const message = `the training in this folder was begun otherwise, and its state does not fit: ${lies.map(told).join('; ')}. Change that back, or use another name`;
    throw new UserError('training.resume', message);
  }
  if (changed.length > 0) warn(`The training goes on with other settings: ${changed.map(told).join('; ')}.`);
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80));
