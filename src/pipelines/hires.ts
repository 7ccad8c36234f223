/**
 * Hires fix as a second pass: the request it stands for, and how its start is made of what the first pass drew.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/processing.py (`StableDiffusionProcessingTxt2Img`:
 * `calculate_target_resolution`, `sample_hr_pass`), modules/shared_items.py (the modes for latents).
 */

import { UserError } from '#core/errors';
import type { GenerateRequest } from './request.ts';
import type { PlaneSize, ResampleFilter } from './resample.ts';
import { maxSide } from './settings/index.ts';
import { isResampler } from './upscale/upscalers.ts';

/** A1111's modes for latents; `antialias` is what shrinking would need, and enlarging hardly shows it. */
export const latentModes: Readonly<Record<string, ResampleFilter>> = {
  Latent: 'point-bilinear',
  'Latent (antialiased)': 'bilinear',
  'Latent (bicubic)': 'point-bicubic',
  'Latent (bicubic antialiased)': 'bicubic',
  'Latent (nearest)': 'nearest-floor',
  'Latent (nearest-exact)': 'nearest-exact',
};

export function latentMode(name: string): ResampleFilter | undefined {
  const key = Object.keys(latentModes).find((mode) => mode.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : latentModes[key];
}

/** Ways of enlarging that are no files. */
export function isBuiltInUpscaling(name: string): boolean {
  return latentMode(name) !== undefined || isResampler(name);
}

export interface Enlargement {
  /** Pixels to enlarge to, before what sticks out is cut off. */
  readonly to: PlaneSize;
  /** A mode for latents or an upscaler by name. */
  readonly upscaler: string;
}

/** What the second pass is asked for. */
export function hiresRequest(request: GenerateRequest): GenerateRequest {
  const own = request;
  return {
    ...request,
    prompt: own.hiresPrompt || request.prompt,
    negativePrompt: own.hiresNegativePrompt || request.negativePrompt,
    sampler: own.hiresSampler ?? request.sampler,
    scheduler: own.hiresScheduler ?? request.scheduler,
    steps: own.hiresSteps || request.steps,
    cfgScale: own.hiresCfgScale || request.cfgScale,
    tokenMerging: own.hiresTokenMerging || request.tokenMerging,
  };
}

/** Sizes of the second pass on a grid of `multiple` pixels. @throws UserError `request.size` */
export function hiresSizes(
  { hiresScale, hiresWidth, hiresHeight }: GenerateRequest,
  first: PlaneSize,
  multiple: number,
): { to: PlaneSize; size: PlaneSize } {
  const onGrid = ({ width, height }: PlaneSize): PlaneSize => ({
    width: Math.max(Math.floor(width / multiple), 1) * multiple,
    height: Math.max(Math.floor(height / multiple), 1) * multiple,
  });
  const wanted =
    hiresWidth || hiresHeight
      ? covering(first, hiresWidth, hiresHeight)
      : { to: { width: first.width * hiresScale, height: first.height * hiresScale }, size: undefined };
  const to = onGrid(wanted.to);
  const size = onGrid(wanted.size ?? wanted.to);
  if (Math.max(to.width, to.height) > maxSide) {
    const message = `Hires fix would draw at ${to.width} x ${to.height}; sides go up to ${maxSide} pixels. Enlarge by less.`;
    throw new UserError('request.size', message);
  }
  return { to, size };
}

/** One side alone keeps the shape; both are covered and the rest is cut off. */
function covering(first: PlaneSize, width: number, height: number): { to: PlaneSize; size: PlaneSize | undefined } {
  const byWidth = { width, height: Math.floor((width * first.height) / first.width) };
  const byHeight = { width: Math.floor((height * first.width) / first.height), height };
  if (height === 0) return { to: byWidth, size: undefined };
  if (width === 0) return { to: byHeight, size: undefined };
  const to = first.width / first.height < width / height ? byWidth : byHeight;
  return { to, size: { width, height } };
}
