/** The generation parameters of one picture, as the web UI writes them into the file. */

import { writeInfotext } from '#prompt/infotext-writer';
import type { GenerationJob } from './job.ts';
import type { GenerateRequest } from './request.ts';

const maskedContents = {
  original: 'original',
  fill: 'fill',
  noise: 'latent noise',
  nothing: 'latent nothing',
} as const satisfies Record<GenerateRequest['maskedContent'], string>;

/** The infotext of picture `index` of a job. */
export function parametersText(job: GenerationJob, index: number, version: string): string {
  const { request, model, plan, size } = job;
  const { prompt, negativePrompt, steps, cfgScale, clipSkip, subseedStrength } = request;
  return writeInfotext({
    prompt,
    negativePrompt,
    steps,
    sampler: plan.sampler.name,
    scheduler: plan.scheduler?.name,
    cfgScale,
    seed: job.seeds[index]!,
    width: size.width,
    height: size.height,
    modelHash: model.reference.hash,
    model: model.reference.name,
    vaeHash: model.vae?.hash,
    vae: model.vae?.name,
    variationSeed: job.variationSeeds[index],
    variationSeedStrength: subseedStrength,
    denoisingStrength: request.init && request.denoisingStrength,
    clipSkip,
    // The web UI's names of the two streams; its default, GPU, would depend on the machine.
    rng: request.randomSource === 'cpu' ? 'CPU' : 'NV',
    extra: {
      ...(request.mask && maskEntries(request)),
      Eta: request.eta,
      Emphasis: changesEmphasis(request) ? request.emphasis : undefined,
    },
    version,
  });
}

function maskEntries({ maskedContent, maskInvert, maskBlur }: GenerateRequest): Record<string, string | number> {
  return {
    'Masked content': maskedContents[maskedContent],
    ...(maskInvert && { 'Mask mode': 'Inpaint not masked' }),
    'Mask blur': maskBlur,
  };
}

function changesEmphasis({ emphasis, prompt, negativePrompt }: GenerateRequest): boolean {
  return emphasis !== 'Original' && /[([]/.test(prompt + negativePrompt);
}
