/** The networks of a method's settings on a model. */

import { UserError } from '#core/errors';
import type { MethodSettings } from '../settings/methods.ts';
import type { DropoutFeeds } from './adapter-forms.ts';
import { contextWidths, hypernetworks } from './hypernetwork.ts';
import { type LoraTarget, loraNetworks, loraTargets } from './lora.ts';
import { embeddingNames, invertedNetworks } from './textual-inversion.ts';
import type { ReadableModel, TrainedNetworks } from './trained-networks.ts';
import { wholeNetworks } from './whole.ts';

export interface MethodNetworks extends TrainedNetworks {
  readonly drops?: DropoutFeeds;
  /** Of a LoRA. */
  readonly targets?: readonly LoraTarget[];
}

export async function networksOf(settings: MethodSettings, model: ReadableModel): Promise<MethodNetworks> {
  switch (settings.task) {
    case 'lora':
      return await adapterNetworks(settings, model);
    case 'ti':
      return invertedNetworks(model, await firstVectors(settings, model));
    case 'hypernet':
      return hypernetworkOf(settings, model);
    case 'dreambooth':
    case 'finetune': {
      const parts = { trainsDenoiser: true, trainsText: settings.train_text_encoder };
      return await wholeNetworks(model, parts, model.read);
    }
  }
}

async function adapterNetworks(settings: MethodSettings<'lora'>, model: ReadableModel): Promise<MethodNetworks> {
  const trainsDenoiser = !settings.network_train_text_encoder_only;
  const trainsText = !settings.network_train_unet_only;
  if (!trainsDenoiser && !trainsText) {
    const both = 'network_train_unet_only and network_train_text_encoder_only';
    throw new UserError('training.parts', `${both} together leave nothing to train; give one of them`);
  }
  const isPlain = settings.network_algo === 'lora' && !settings.dora_wd;
  const onlyPlain = (['network_dropout', 'rank_dropout'] as const).find((name) => settings[name] > 0);
  if (!isPlain && onlyPlain) {
    throw new UserError('training.dropout', `${onlyPlain} is of plain LoRA; take module_dropout with this form`);
  }
  const targets = loraTargets(model, {
    rank: settings.network_dim,
    alpha: settings.network_alpha,
    convRank: settings.conv_dim,
    convAlpha: settings.conv_alpha,
    trainsDenoiser,
    trainsText,
    blockRanks: settings.block_dims,
    blockAlphas: settings.block_alphas,
  });
  if (targets.length === 0) throw new UserError('training.blocks', 'block_dims leaves no layer to train');
  return await loraNetworks(
    model,
    targets,
    settings.network_algo,
    {
      factor: settings.factor,
      dora: settings.dora_wd ? { axis: settings.dora_axis, detached: settings.dora_axis === 'out' } : undefined,
      dropout: settings.network_dropout,
      rankDropout: settings.rank_dropout,
      moduleDropout: settings.module_dropout,
    },
    model.read,
  );
}

/** Vectors of the words that it starts from, over and over where there are fewer than asked for. */
async function firstVectors(settings: MethodSettings<'ti'>, model: ReadableModel): Promise<Float32Array[]> {
  const { init_word: words, num_vectors_per_token: vectors } = settings;
  const names = embeddingNames(model);
  const starts: Float32Array[] = [];
  for (const part of model.parts.textEncoders.slice(0, names.length)) {
    const ids = part.tokenizer().encode(words);
    const table = await model.read(`${part.component}.text_model.embeddings.token_embedding.weight`);
    if (ids.length === 0) throw new UserError('training.init-word', `init_word ${JSON.stringify(words)} has no token`);
    const values = new Float32Array(vectors * part.width);
    for (let i = 0; i < vectors; i++) {
      const id = ids[i % ids.length]!;
      values.set(table.subarray(id * part.width, (id + 1) * part.width), i * part.width);
    }
    starts.push(values);
  }
  return starts;
}

function hypernetworkOf(settings: MethodSettings<'hypernet'>, model: ReadableModel): MethodNetworks {
  const known = [...contextWidths(model.parts.denoiser.graph())].sort((a, b) => a - b);
  const wanted = settings.enable_sizes ?? known;
  const unknown = wanted.filter((width) => !known.includes(width));
  if (unknown.length > 0) {
    const message = `enable_sizes: the model has no context of ${unknown.join(', ')}; it has ${known.join(', ')}`;
    throw new UserError('training.sizes', message);
  }
  const { dropout_structure: dropout, layer_structure: structure } = settings;
  if (dropout && dropout.length !== structure.length) {
    const message = `dropout_structure has ${dropout.length} numbers; layer_structure has ${structure.length}`;
    throw new UserError('training.dropout', message);
  }
  return hypernetworks(model, wanted, {
    structure,
    activation: settings.activation_func,
    initialisation: settings.weight_init,
    layerNorm: settings.add_layer_norm,
    activateOutput: settings.activate_output,
    dropout,
  });
}
