/**
 * SwarmUI: JSON under `parameters` whose `sui_image_params` holds each parameter that was used, by its name in small
 * letters; numbers may be texts, lists may be texts with commas. Source: SwarmUI docs/Image Metadata Format.md,
 * src/Text2Image/T2IParamTypes.cs. Its last part of the steps in the refiner (`StepSwap`) is a refiner here, its pass
 * after the picture (`PostApply`) a hires fix. Left out and named: control networks, videos, what segments repaint.
 */

import type { InfotextEntry } from '../infotext-writer.ts';
import { baseName, type Dialect, type Json, loraTag, numberOf, objectOf, parseObject, textOf } from './dialect.ts';

export const swarmUi: Dialect = {
  program: 'SwarmUI',
  keywords: ['parameters'],
  read(texts, size) {
    const settings = objectOf(parseObject(texts.get('parameters'))?.sui_image_params);
    if (!settings) return undefined;
    const layer = Number(settings.clipstopatlayer);
    const creativity = numberOf(settings.initimagecreativity);
    const [width, height] = [numberOf(settings.width) ?? size?.width, numberOf(settings.height) ?? size?.height];
    return {
      prompt: [textOf(settings.prompt), ...lorasOf(settings)].filter(Boolean).join(' '),
      negativePrompt: textOf(settings.negativeprompt) ?? '',
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', textOf(settings.sampler) ?? textOf(settings.comfyuisampler)],
        ['Schedule type', textOf(settings.scheduler) ?? textOf(settings.comfyuischeduler)],
        ['CFG scale', numberOf(settings.cfgscale)],
        ['Seed', numberOf(settings.seed)],
        ['Size', width !== undefined && height !== undefined ? `${width}x${height}` : undefined],
        ['Model', modelOf(settings.model)],
        ['VAE', modelOf(settings.vae)],
        ['Variation seed', variation(settings) && numberOf(settings.variationseed)],
        ['Variation seed strength', variation(settings)],
        ['Denoising strength', settings.initimage === undefined ? undefined : creativity],
        ['Clip skip', layer < -1 ? -layer : undefined],
        ['Tiling', /^(true|x|y)/i.test(String(settings.seamlesstileable ?? '')) ? true : undefined],
        ...refinement(settings),
        ['SwarmUI', beside(settings)],
      ],
    };
  },
};

/** A part of the steps that the refiner takes, or a pass of its own over the finished picture. */
function refinement(settings: Json): InfotextEntry[] {
  const part = Number(settings.refinercontrolpercentage);
  const model = modelOf(settings.refinermodel);
  if (!(part > 0)) return [];
  if (/^StepSwap/i.test(textOf(settings.refinermethod) ?? '')) {
    const at = Number((1 - part).toFixed(4));
    return model === undefined
      ? []
      : [
          ['Refiner', model],
          ['Refiner switch at', at],
        ];
  }
  return [
    ['Denoising strength', part],
    ['Hires upscale', numberOf(settings.refinerupscale) ?? 1],
    ['Hires upscaler', upscalerOf(textOf(settings.refinerupscalemethod))],
    ['Hires steps', numberOf(settings.refinersteps)],
    ['Hires CFG Scale', numberOf(settings.refinercfgscale)],
    ['Hires checkpoint', model],
  ];
}

/** `pixel-lanczos`, `latent-bicubic`, `model-NAME.pth` */
function upscalerOf(method: string | undefined): string {
  const [, kind, name = ''] = /^(pixel|latent|model)-(.+)$/.exec(method ?? '') ?? [];
  if (kind === 'model') return baseName(name);
  if (kind === 'latent') return name === 'bilinear' ? 'Latent' : `Latent (${name})`;
  return name === 'nearest-exact' ? 'Nearest' : 'Lanczos';
}

const variation = (settings: Json): number | string | undefined =>
  Number(settings.variationseedstrength) > 0 ? numberOf(settings.variationseedstrength) : undefined;

/** Names that stand for no file: the model's own VAE, the base model as refiner. */
function modelOf(value: unknown): string | undefined {
  const name = textOf(value);
  return name === undefined || /^(none|automatic|\(use base\)|)$/i.test(name) ? undefined : baseName(name);
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'string' && value !== '' ? value.split(',').map((each) => each.trim()) : value ? [value] : [];
}

function lorasOf({ loras, loraweights }: Json): string[] {
  const weights = listOf(loraweights);
  return listOf(loras).flatMap((name, i) => loraTag(name, weights[i]) ?? []);
}

/** Parameters beside that change a picture. */
function beside(settings: Json): string | undefined {
  const telling = /^(controlnet|video|segment|freeu|dynthresh|selfattention|perturbed|sigma|shift|ip2p|mask|unsample)/;
  const used = Object.keys(settings).filter((key) => telling.test(key));
  return used.length > 0 ? used.join(', ') : undefined;
}
