/** The generation parameters of one picture, as the web UI writes them into the file. */

import { type InfotextEntry, writeInfotext } from '#prompt/infotext-writer';
import type { NetworkHashes } from './adapters.ts';
import type { GenerationJob } from './job.ts';
import type { PipelineModel } from './model.ts';
import { infotextEntries } from './settings/index.ts';
import { leftOutKey } from './settings/infotext-keys.ts';
import type { PictureFacts } from './settings/setting.ts';

/** The infotext of picture `index` of a job: what acted, and nothing that was left out. */
export function parametersText(job: GenerationJob, index: number, version: string): string {
  const settings = infotextEntries(factsOf(job, index));
  const { prompt, negativePrompt } = job.texts;
  return writeInfotext({ prompt, negativePrompt, entries: [...settings, ...modelEntries(job)], version });
}

/** What is known of picture `index`, for those who walk the settings. */
export function factsOf(job: GenerationJob, index: number): PictureFacts {
  const { request, plan, size, clipSkip, model, passes, handOver } = job;
  const second = passes.find(({ enlarge }) => enlarge !== undefined);
  const refining = (handOver ?? second?.handOver)?.pass.model;
  return {
    sampler: plan.sampler,
    scheduler: plan.scheduler,
    size,
    readsPicture: model.parts.denoiser?.extraInput === 'picture-latent',
    readsMask: model.parts.denoiser?.extraInput === 'mask-and-masked-latent',
    forcesClipSkip: model.parts.limits?.maxForcedClipSkip !== undefined,
    reads: new Set(passes.flatMap(networksOf).flatMap(({ parts }) => parts.denoiser?.reads ?? [])),
    seed: job.seeds[index]!,
    variationSeed: job.variationSeeds[index],
    request: {
      ...request,
      clipSkip,
      controls: job.controls.told,
      // As files are called, not where they lie.
      hiresModel: request.hiresModel && second && titleOf(second.model),
      refiner: refining && titleOf(refining),
    },
  };
}

/** Of a pass, and of what takes over in it. */
function networksOf({ model, handOver }: GenerationJob['passes'][number]): PipelineModel[] {
  return handOver ? [model, handOver.pass.model] : [model];
}

/** `name [hash]`, A1111's short title. */
function titleOf({ reference: { name, hash } }: PipelineModel): string {
  return hash === undefined ? name : `${name} [${hash}]`;
}

function modelEntries({ model, adapters }: GenerationJob): InfotextEntry[] {
  const { reference, vae } = model;
  return [
    ['Model hash', reference.hash],
    ['Model', reference.name],
    ['VAE hash', vae?.hash],
    ['VAE', vae?.name],
    ...Object.entries(adapters.hashes).map(([key, hashes]): InfotextEntry => [key, hashList(hashes)]),
    ['TI hashes', hashList(adapters.embeddings.hashes)],
    // Without brackets, so that nobody takes them for networks of the prompt.
    [leftOutKey, adapters.leftOut.map(({ tag }) => tag.replaceAll(/[<>]/g, '')).join(', ') || undefined],
  ];
}

/** A name's own colons and commas would end it. */
function hashList(hashes: NetworkHashes): string | undefined {
  const list = hashes.map(([name, hash]) => `${name.replaceAll(/[:,]/g, '')}: ${hash}`).join(', ');
  return list === '' ? undefined : list;
}
