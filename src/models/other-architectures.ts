/**
 * Models of this field that cannot be run here, told by tensors that no model has which can: a file of one must not be
 * taken for its relative, nor be chosen before somebody says why it does not draw.
 *
 * Source of the marks: ComfyUI comfy/model_detection.py and comfy/supported_models.py (2026), diffusers'
 * loaders/single_file_utils.py, and the key lists of the published files. Left out: what only a file's name tells,
 * as with SDXL models that were trained on with rectified flow.
 */

import type { TensorTable } from './tensor-table.ts';

export interface OtherArchitecture {
  /** As told to people, with its article. */
  readonly title: string;
  /** Matches a tensor's name in such a file. */
  readonly mark: RegExp;
  /** Class of its diffusers pipeline. */
  readonly pipeline?: RegExp;
  /** What it has that is not there; the network itself when left out. */
  readonly lacks?: string;
}

/** The more telling before those whose marks others share. */
const others: readonly OtherArchitecture[] = [
  // Relatives of Stable Diffusion, which its families would recognise.
  { title: 'a Playground 2.5 model', mark: /^edm_(mean|std)$/, lacks: 'noise levels and latents of EDM' },
  { title: 'a CosXL model', mark: /^edm_vpred\.sigma_(max|min)$/, lacks: 'noise levels of EDM' },
  {
    title: 'a Kolors model',
    mark: /(^|\.)encoder_hid_proj\.weight$/,
    pipeline: /^Kolors/,
    lacks: 'its text encoder (ChatGLM)',
  },
  { title: 'a Zero123 model', mark: /^cc_projection\.weight$/, lacks: 'its camera as conditioning' },
  { title: 'an MVDream model', mark: /(^|\.)camera_embed\.\d+\.weight$/, lacks: 'its cameras as conditioning' },
  {
    title: 'a latent consistency model with guidance as an input',
    mark: /(^|\.)time_embedding\.cond_proj\.weight$/,
    lacks: 'that input',
  },
  {
    title: 'a Stable Video Diffusion model',
    mark: /\.(time_stack|time_mixer|temporal_transformer_blocks)\./,
    pipeline: /^StableVideoDiffusion/,
  },
  { title: 'a ModelScope video model', mark: /\.(temopral_conv|temp_convs)\./, pipeline: /^TextToVideoSD/ },
  { title: 'a DeepFloyd IF model', mark: /^(unet\.)?encoder_proj\.weight$/, pipeline: /^IF/ },
  { title: 'a Kandinsky 2 model', mark: /(^|\.)add_embedding\.image_norm\.weight$/, pipeline: /^Kandinsky/ },
  { title: 'an AnimateDiff motion module', mark: /(^|\.)motion_modules\.\d+\./ },
  // Transformers.
  { title: 'a Chroma model', mark: /(^|\.)distilled_guidance_layer\./, pipeline: /^Chroma/ },
  { title: 'a FLUX.2 model', mark: /(^|\.)(double|single)_stream_modulation(_\w+)?\.lin/, pipeline: /^Flux2/ },
  {
    title: 'a FLUX.1 model',
    mark: /(^|\.)double_blocks\.\d+\.img_attn\.|(^|\.)single_transformer_blocks\.\d+\.proj_mlp\./,
    pipeline: /^Flux/,
  },
  {
    title: 'a Stable Diffusion 3 model',
    mark: /(^|\.)joint_blocks\.\d+\.(context|x)_block\.|(^|\.)context_embedder\.weight$/,
    pipeline: /^StableDiffusion3/,
  },
  { title: 'an AuraFlow model', mark: /(^|\.)(double_layers\.\d+\.attn\.w1q|register_tokens$)/, pipeline: /^AuraFlow/ },
  {
    title: 'a Stable Cascade model',
    mark: /(^|\.)(clip_txt_mapper|effnet_mapper)\./,
    pipeline: /^(StableCascade|Wuerstchen)/,
  },
  { title: 'a Hunyuan DiT model', mark: /(^|\.)mlp_t5\.\d+\.weight$/, pipeline: /^HunyuanDiT/ },
  { title: 'an LTX video model', mark: /(^|\.)patchify_proj\.weight$/, pipeline: /^LTX/ },
  { title: 'a Sana model', mark: /(^|\.)transformer_blocks\.\d+\.ff\.conv_inverted\./, pipeline: /^Sana/ },
  { title: 'a PixArt model', mark: /(^|\.)(t_block\.1|adaln_single\.linear)\.weight$/, pipeline: /^PixArt/ },
  { title: 'a Z-Image or Lumina 2 model', mark: /(^|\.)cap_embedder\.\d+\.weight$/, pipeline: /^(ZImage|Lumina)/ },
  { title: 'a Qwen-Image model', mark: /(^|\.)transformer_blocks\.\d+\.img_mod\./, pipeline: /^QwenImage/ },
  { title: 'an Anima model', mark: /(^|\.)llm_adapter\./, pipeline: /^Anima/ },
  { title: 'a Cosmos model', mark: /(^|\.)blocks\.\d+\.adaln_modulation_self_attn\./, pipeline: /^Cosmos/ },
  { title: 'a HiDream model', mark: /(^|\.)double_stream_blocks\.\d+\.block\./, pipeline: /^HiDream/ },
  {
    title: 'a Wan video model',
    mark: /(^|\.)blocks\.\d+\.cross_attn\.norm_(q|k)\.weight$/,
    pipeline: /^Wan/,
  },
];

/** `pipeline`: the class that a diffusers folder names. */
export function otherArchitecture(tensors: TensorTable, pipeline?: string): OtherArchitecture | undefined {
  const names = [...tensors.keys()];
  const told = pipeline === undefined ? undefined : others.find((other) => other.pipeline?.test(pipeline));
  return told ?? others.find(({ mark }) => names.some((name) => mark.test(name)));
}
