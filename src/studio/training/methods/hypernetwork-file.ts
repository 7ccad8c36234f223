/** A trained hypernetwork as A1111's file (modules/hypernetworks/hypernetwork.py, `save`). */

import { f32, toF32 } from '#core/tensor';
import { TorchPair, type TorchValue, writeTorch } from '#formats/torch-writer';
import type { Weights } from '#training/loop';
import type { MethodSettings } from '#training/settings/methods';
import { writeWhole } from '../write-whole.ts';
import type { ResultFacts } from './trained-result.ts';

export async function writeHypernetwork(file: string, weights: Weights, facts: ResultFacts): Promise<void> {
  const settings = facts.settings as MethodSettings<'hypernet'>;
  const { dropout_structure: dropout } = settings;
  const named = new Map<string | number, TorchValue>([
    ['step', facts.step],
    ['name', settings.output_name],
    ['layer_structure', settings.layer_structure],
    ['activation_func', settings.activation_func],
    ['is_layer_norm', settings.add_layer_norm],
    ['weight_initialization', settings.weight_init],
    ['sd_checkpoint', null],
    ['sd_checkpoint_name', facts.model.path.split(/[\\/]/).at(-1)!],
    ['activate_output', settings.activate_output],
    ['use_dropout', dropout?.some((share) => share > 0) ?? false],
    ['dropout_structure', dropout ?? null],
    ['last_layer_dropout', (dropout?.at(-1) ?? 0) > 0],
    ['optional_info', settings.training_comment ?? null],
  ]);
  const widths = [...new Set([...weights.keys()].map((name) => Number(name.split('.')[0])))];
  const networks = widths.map((width) => {
    const states = [0, 1].map((which) => stateOf(weights, `${width}.${which}.`));
    return [width, new TorchPair(states[0]!, states[1]!)] as const;
  });
  await writeWhole(file, [writeTorch(new Map([...networks, ...named]))]);
}

function stateOf(weights: Weights, prefix: string): ReadonlyMap<string, TorchValue> {
  const own = [...weights].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), f32(tensor.shape, toF32(tensor))]));
}
