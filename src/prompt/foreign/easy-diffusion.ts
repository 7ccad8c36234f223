/**
 * Easy Diffusion: a text for each setting in PNG files, one JSON of them in the comment of others; by the names of its
 * requests or, where it also writes text files, by those it shows. Source: easydiffusion ui/easydiffusion/utils/
 * save_utils.py (TASK_TEXT_MAPPING). Left out and named: control networks, its upscalers and faces.
 */

import { baseName, type Dialect, type Json, loraTag, numberOf, parseObject } from './dialect.ts';

/** Names in requests, and as they are shown. */
const keys = {
  prompt: 'Prompt',
  negative_prompt: 'Negative Prompt',
  seed: 'Seed',
  use_stable_diffusion_model: 'Stable Diffusion model',
  clip_skip: 'Clip Skip',
  use_controlnet_model: 'ControlNet model',
  use_vae_model: 'VAE model',
  sampler_name: 'Sampler',
  width: 'Width',
  height: 'Height',
  num_inference_steps: 'Steps',
  guidance_scale: 'Guidance Scale',
  prompt_strength: 'Prompt Strength',
  use_lora_model: 'LoRA model',
  lora_alpha: 'LoRA Strength',
  use_hypernetwork_model: 'Hypernetwork model',
  hypernetwork_strength: 'Hypernetwork Strength',
  tiling: 'Seamless Tiling',
  use_face_correction: 'Use Face Correction',
  use_upscale: 'Use Upscaling',
} as const;

type Key = keyof typeof keys;

export const easyDiffusion: Dialect = {
  program: 'Easy Diffusion',
  keywords: [...Object.keys(keys), ...Object.values(keys), 'parameters'],
  read(texts) {
    const settings: Json = parseObject(texts.get('parameters')) ?? Object.fromEntries(texts);
    const of = (key: Key): string | undefined => stated(settings[key] ?? settings[keys[key]]);
    const model = of('use_stable_diffusion_model');
    if (model === undefined || of('num_inference_steps') === undefined) return undefined;
    const [width, height] = [of('width'), of('height')];
    const sampler = of('sampler_name');
    return {
      prompt: [of('prompt'), ...lorasOf(of('use_lora_model'), of('lora_alpha')), hypernetwork(of)]
        .filter(Boolean)
        .join(' '),
      negativePrompt: of('negative_prompt') ?? '',
      entries: [
        ['Steps', numberOf(of('num_inference_steps'))],
        ['Sampler', sampler?.startsWith('unipc') ? 'unipc' : sampler],
        ['CFG scale', numberOf(of('guidance_scale'))],
        ['Seed', numberOf(of('seed'))],
        ['Size', width !== undefined && height !== undefined ? `${width}x${height}` : undefined],
        ['Model', baseName(model)],
        ['VAE', of('use_vae_model') && baseName(of('use_vae_model')!)],
        ['Denoising strength', numberOf(of('prompt_strength'))],
        ['Clip skip', of('clip_skip') === 'true' ? 2 : undefined],
        ['Tiling', /^(xy|x|y)$/.test(of('tiling') ?? '') ? true : undefined],
        ['Easy Diffusion', beside(of)],
      ],
    };
  },
};

/** A value as text; those that stand for nothing are absent. Lists are as Python writes them. */
function stated(value: unknown): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
  return /^(|none|null|false|\[\])$/i.test(text) ? undefined : text === 'True' ? 'true' : text;
}

function listed(text: string | undefined): string[] {
  return (text ?? '')
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((each) => each.trim().replace(/^(['"])(.*)\1$/, '$2'))
    .filter((each) => each !== '');
}

function lorasOf(names: string | undefined, strengths: string | undefined): string[] {
  const weights = listed(strengths);
  return listed(names).flatMap((name, i) => loraTag(name, weights[i]) ?? []);
}

function hypernetwork(of: (key: Key) => string | undefined): string | undefined {
  const name = of('use_hypernetwork_model');
  return name && `<hypernet:${baseName(name)}:${of('hypernetwork_strength') ?? 1}>`;
}

function beside(of: (key: Key) => string | undefined): string | undefined {
  const named = ['use_controlnet_model', 'use_face_correction', 'use_upscale'] as const;
  const used = named.filter((key) => of(key) !== undefined);
  return used.length > 0 ? used.join(', ') : undefined;
}
