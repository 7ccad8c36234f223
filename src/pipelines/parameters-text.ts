/** The generation parameters of one picture under A1111's keys, in its order (modules/processing.py, `create_infotext`). */

import type { GenerationJob } from './job.ts';
import type { GenerateRequest } from './request.ts';

export type ParameterValue = string | number | undefined;

const maskedContents = {
  original: 'original',
  fill: 'fill',
  noise: 'latent noise',
  nothing: 'latent nothing',
} as const satisfies Record<GenerateRequest['maskedContent'], string>;

/** Key and value of the last line of picture `index`'s text; undefined values are left out. */
export function parametersOf(job: GenerationJob, index: number, version: string): [string, ParameterValue][] {
  const { request, model, plan, size } = job;
  const { reference, vae } = model;
  const varied = request.subseedStrength > 0;
  return [
    ['Steps', request.steps],
    ['Sampler', plan.sampler.name],
    ['Schedule type', plan.scheduler?.name],
    ['CFG scale', request.cfgScale],
    ['Seed', job.seeds[index]],
    ['Size', `${size.width}x${size.height}`],
    ['Model hash', reference.hash],
    ['Model', reference.name],
    ['VAE hash', vae?.hash],
    ['VAE', vae?.name],
    ['Variation seed', varied ? job.variationSeeds[index] : undefined],
    ['Variation seed strength', varied ? request.subseedStrength : undefined],
    ['Denoising strength', request.init && request.denoisingStrength],
    ['Clip skip', request.clipSkip > 1 ? request.clipSkip : undefined],
    // A1111's names of the two streams; its default, GPU, would depend on the machine.
    ['RNG', request.randomSource === 'cpu' ? 'CPU' : 'NV'],
    ...maskParameters(request),
    ['Eta', request.eta],
    ['Emphasis', changesEmphasis(request) ? request.emphasis : undefined],
    ['Version', version],
  ];
}

function maskParameters(request: GenerateRequest): [string, ParameterValue][] {
  if (!request.mask) return [];
  return [
    ['Masked content', maskedContents[request.maskedContent]],
    ['Mask mode', request.maskInvert ? 'Inpaint not masked' : undefined],
    ['Mask blur', request.maskBlur],
  ];
}

function changesEmphasis({ emphasis, prompt, negativePrompt }: GenerateRequest): boolean {
  return emphasis !== 'Original' && /[([]/.test(prompt + negativePrompt);
}

/** Values with a comma, colon or newline are quoted as JSON. */
function quoted(value: string | number): string {
  const text = String(value);
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}

export function parametersText(job: GenerationJob, index: number, version: string): string {
  const { prompt, negativePrompt } = job.request;
  const line = parametersOf(job, index, version)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${quoted(value)}`]))
    .join(', ');
  const negative = negativePrompt === '' ? '' : `\nNegative prompt: ${negativePrompt}`;
  return `${prompt}${negative}\n${line}`.trim();
}
