/**
 * What a training leaves to use: an adapter's file as kohya, ComfyUI, A1111 and diffusers open it, or a whole model in
 * the form of the one that it came from.
 */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { f32ToF16Array } from '#core/half';
import { type HostTensor, toF32 } from '#core/tensor';
import { planSafetensors, type TensorSpec } from '#formats/safetensors-writer';
import { metadataNames } from '#models/family';
import type { MethodSettings } from '#training/settings/methods';
import { version } from '../../version.ts';
import type { Dataset } from '../data/dataset.ts';
import { writeWhole } from '../write-whole.ts';
import type { BaseModel } from './base-model.ts';

export interface ResultFacts {
  readonly settings: MethodSettings;
  readonly model: BaseModel;
  readonly dataset: Dataset;
  readonly step: number;
  readonly resolution: string;
  /** What wakes it in a prompt. */
  readonly trigger: string | undefined;
}

/** Writes tensors in the precision that was asked for, with metadata and its hashes. */
export async function writeTensors(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  precision: 'float' | 'fp16',
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const dtype = precision === 'fp16' ? ('F16' as const) : ('F32' as const);
  const specs = [...tensors].map(([name, { shape }]) => ({ name, shape, dtype }));
  const bytes = (plan: { order: readonly TensorSpec[] }): Uint8Array[] =>
    plan.order.map(({ name }) => bytesOf(tensors.get(name)!, precision));
  const plain = planSafetensors(specs, metadata);
  const data = bytes(plain);
  const plan = planSafetensors(specs, { ...metadata, ...hashesOf(plain.header, data) });
  await writeWhole(file, [plan.header, ...bytes(plan)]);
}

function bytesOf(tensor: HostTensor, precision: 'float' | 'fp16'): Uint8Array {
  const values = precision === 'fp16' ? f32ToF16Array(toF32(tensor)) : toF32(tensor);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** kohya's: of the data, and of 64 KiB at 1 MiB of the file. Both without the hashes themselves. */
function hashesOf(header: Uint8Array, data: readonly Uint8Array[]): Record<string, string> {
  const whole = createHash('sha256');
  for (const part of data) whole.update(part);
  const file = Buffer.concat([header, ...data]);
  const legacy = createHash('sha256').update(file.subarray(0x100000, 0x110000)).digest('hex').slice(0, 8);
  return { sshs_model_hash: whole.digest('hex'), sshs_legacy_hash: legacy };
}

/** What kohya's trainer writes, as texts; and modelspec 1.0.1. */
export function metadataOf(facts: ResultFacts): Record<string, string> {
  const { settings, model, dataset, step, resolution, trigger } = facts;
  const lora = settings.task === 'lora' ? loraMetadata(settings) : {};
  const count = dataset.items.length;
  const known = metadataNames(model.family);
  const kind = { lora: '/lora', ti: '/textual-inversion', hypernet: '/hypernetwork' }[settings.task as string] ?? '';
  const values: Record<string, unknown> = {
    ss_output_name: settings.output_name,
    ss_base_model_version: known.baseVersion,
    ss_sd_model_name: path.basename(model.path),
    ss_steps: step,
    ss_max_train_steps: settings.max_train_steps,
    ss_learning_rate: settings.learning_rate,
    ss_unet_lr: settings.unet_lr ?? settings.learning_rate,
    ss_text_encoder_lr: settings.text_encoder_lr ?? settings.learning_rate,
    ss_lr_scheduler: settings.lr_scheduler,
    ss_lr_warmup_steps: settings.lr_warmup_steps,
    ss_optimizer: settings.optimizer_type,
    ss_max_grad_norm: settings.max_grad_norm,
    ss_seed: settings.seed,
    ss_clip_skip: settings.clip_skip,
    ss_max_token_length: settings.max_token_length,
    ss_num_train_images: count,
    ss_batch_size_per_device: settings.train_batch_size,
    ss_total_batch_size: settings.train_batch_size * settings.gradient_accumulation_steps,
    ss_gradient_accumulation_steps: settings.gradient_accumulation_steps,
    ss_resolution: `(${resolution.replace('x', ', ')})`,
    ss_enable_bucket: settings.enable_bucket ? 'True' : 'False',
    ss_min_snr_gamma: settings.min_snr_gamma ?? 'None',
    ss_noise_offset: settings.noise_offset,
    ss_loss_type: settings.loss_type,
    ss_shuffle_caption: settings.shuffle_caption ? 'True' : 'False',
    ss_keep_tokens: settings.keep_tokens,
    ss_caption_dropout_rate: settings.caption_dropout_rate,
    ss_flip_aug: settings.flip_aug ? 'True' : 'False',
    ss_prior_loss_weight: settings.prior_loss_weight,
    ss_training_comment: settings.training_comment ?? 'None',
    ss_tag_frequency: JSON.stringify({
      [path.basename(settings.train_data_dir)]: tagsOf(dataset, settings.caption_separator),
    }),
    ...lora,
    'modelspec.sai_model_spec': '1.0.1',
    'modelspec.architecture': known.architecture + kind,
    'modelspec.implementation': `Darkroom ${version()}`,
    'modelspec.title': settings.output_name,
    'modelspec.resolution': resolution,
    'modelspec.prediction_type': model.parts.prediction === 'v' ? 'v' : 'epsilon',
    'modelspec.trigger_phrase': trigger ?? '',
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

function loraMetadata(settings: MethodSettings<'lora'>): Record<string, unknown> {
  const isPlain = settings.network_algo === 'lora' && !settings.dora_wd;
  const args = {
    ...(settings.conv_dim !== undefined && {
      conv_dim: String(settings.conv_dim),
      conv_alpha: String(settings.conv_alpha),
    }),
    ...(!isPlain && { algo: settings.network_algo }),
    ...(settings.dora_wd && { dora_wd: 'True' }),
  };
  return {
    ss_v2: 'False',
    ss_network_module: isPlain ? 'networks.lora' : 'lycoris.kohya',
    ss_network_dim: settings.network_dim,
    ss_network_alpha: settings.network_alpha,
    ss_network_args: JSON.stringify(args),
    ss_network_dropout: settings.network_dropout,
  };
}

/** How often each tag stands in a caption. */
function tagsOf({ items }: Dataset, separator: string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { caption = '' } of items) {
    for (const tag of caption
      .split(separator)
      .map((t) => t.trim())
      .filter((t) => t !== '')) {
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
    }
  }
  return Object.fromEntries(counts);
}
