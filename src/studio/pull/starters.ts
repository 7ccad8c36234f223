/**
 * Models to start with: well known, in safetensors form where there is one, with the terms they come under. Sizes and
 * hashes as published by their repositories.
 */

import type { ModelKind } from '../library/layout.ts';

export interface Starter {
  readonly name: string;
  readonly about: string;
  readonly kind: ModelKind;
  readonly family?: string;
  /** Give it to a pull. */
  readonly source: string;
  /** File name to keep it under, where its own says nothing. */
  readonly file?: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly licence: string;
}

export const starters: readonly Starter[] = [
  {
    name: 'Stable Diffusion 1.5',
    about: 'The classic; 512x512, runs on most machines, most add-ons are made for it.',
    kind: 'checkpoint',
    family: 'sd1',
    source: 'hf:stable-diffusion-v1-5/stable-diffusion-v1-5/v1-5-pruned-emaonly.safetensors',
    bytes: 4_265_146_304,
    sha256: '6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa',
    licence: 'CreativeML OpenRAIL-M',
  },
  {
    name: 'DreamShaper 8',
    about: 'A versatile illustration model on the base of Stable Diffusion 1.5; half the size.',
    kind: 'checkpoint',
    family: 'sd1',
    source: 'hf:Lykon/DreamShaper/DreamShaper_8_pruned.safetensors',
    bytes: 2_132_625_894,
    sha256: '879db523c30d3b9017143d56705015e15a2cb5628762c11d086fed9538abd7fd',
    licence: 'CreativeML OpenRAIL-M',
  },
  {
    name: 'SDXL Base 1.0',
    about: '1024x1024 with better composition; wants 8 GB or more.',
    kind: 'checkpoint',
    family: 'sdxl',
    source: 'hf:stabilityai/stable-diffusion-xl-base-1.0/sd_xl_base_1.0.safetensors',
    bytes: 6_938_078_334,
    sha256: '31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b',
    licence: 'CreativeML Open RAIL++-M',
  },
  {
    name: 'SDXL Turbo',
    about: 'SDXL in one to four steps at 512x512.',
    kind: 'checkpoint',
    family: 'sdxl',
    source: 'hf:stabilityai/sdxl-turbo/sd_xl_turbo_1.0_fp16.safetensors',
    bytes: 6_938_081_905,
    sha256: 'e869ac7d6942cb327d68d5ed83a40447aadf20e0c3358d98b2cc9e270db0da26',
    licence: 'Stability AI Community License',
  },
  {
    name: 'SDXL Refiner 1.0',
    about: 'Finishes pictures of SDXL Base in their last steps.',
    kind: 'checkpoint',
    family: 'sdxl-refiner',
    source: 'hf:stabilityai/stable-diffusion-xl-refiner-1.0/sd_xl_refiner_1.0.safetensors',
    bytes: 6_075_981_930,
    sha256: '7440042bbdc8a24813002c09b6b69b64dc90fded4472613437b7f55f9b7d9c5f',
    licence: 'CreativeML Open RAIL++-M',
  },
  {
    name: 'VAE ft-MSE 840000',
    about: 'Cleaner colours and faces for Stable Diffusion 1.5 models.',
    kind: 'vae',
    family: 'sd1',
    source: 'hf:stabilityai/sd-vae-ft-mse-original/vae-ft-mse-840000-ema-pruned.safetensors',
    bytes: 334_641_190,
    sha256: '735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75',
    licence: 'MIT',
  },
  {
    name: 'LCM-LoRA for SD 1.5',
    about: 'Pictures in four to eight steps with any Stable Diffusion 1.5 model (sampler LCM).',
    kind: 'lora',
    family: 'sd1',
    source: 'hf:latent-consistency/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors',
    file: 'lcm-lora-sdv1-5.safetensors',
    bytes: 134_621_556,
    sha256: '8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4',
    licence: 'CreativeML Open RAIL++-M',
  },
  {
    name: 'LCM-LoRA for SDXL',
    about: 'Pictures in four to eight steps with any SDXL model (sampler LCM).',
    kind: 'lora',
    family: 'sdxl',
    source: 'hf:latent-consistency/lcm-lora-sdxl/pytorch_lora_weights.safetensors',
    file: 'lcm-lora-sdxl.safetensors',
    bytes: 393_855_224,
    sha256: 'a764e6859b6e04047cd761c08ff0cee96413a8e004c9f07707530cd776b19141',
    licence: 'CreativeML Open RAIL++-M',
  },
  {
    name: 'Real-ESRGAN 4x+',
    about: 'Enlarges photographs four times.',
    kind: 'upscaler',
    source: 'https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth',
    bytes: 67_040_989,
    sha256: '4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1',
    licence: 'BSD-3-Clause',
  },
];
