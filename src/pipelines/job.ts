/** A request against a model: sizes, seeds and the sampling plan, all checked before anything is loaded or computed. */

import { UserError } from '#core/errors';
import { batchSeeds } from '#diffusion/noise-source';
import type { NoiseTable } from '#diffusion/noise-table';
import { planSampling, type SamplingPlan } from '#diffusion/sample';
import { findSamplerAndScheduler } from '#diffusion/samplers/index';
import type { ScheduleSettings } from '#diffusion/schedules';
import type { ModelLimits, ModelParts } from '#models/family';
import type { OpenedTaesd } from '#models/taesd/open';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { type JobAdapters, tagOf } from './adapters.ts';
import { checkControls, type JobControls } from './control/units.ts';
import { type Enlargement, hiresRequest, hiresSizes, latentMode } from './hires.ts';
import type { PipelineModel } from './model.ts';
import { outpainted, wantsOutpaint } from './outpaint.ts';
import { checkRegions } from './regions.ts';
import type { GenerateRequest } from './request.ts';
import type { PlaneSize } from './resample.ts';
import type { LatentSize } from './sessions.ts';
import { samplerSettings } from './settings/index.ts';
import { checkSides } from './sides.ts';

/** One run of a sampler: from noise, from the request's picture, or from what the pass before it made. */
export interface SamplingPass {
  /** What is asked of this pass: the request, with what the pass has of its own in its place. */
  readonly request: GenerateRequest;
  readonly model: PipelineModel;
  readonly adapters: JobAdapters;
  /** Units of control, opened for this model. */
  readonly controls: JobControls;
  /** Pixels. */
  readonly size: PlaneSize;
  readonly tiny?: OpenedTaesd | undefined;
  readonly latentSize: LatentSize;
  readonly table: NoiseTable;
  readonly plan: SamplingPlan;
  /** Layers from the end of the text encoder, within what the model has. */
  readonly clipSkip: number;
  /** How its start is made of what the pass before it drew; of a first pass undefined. */
  readonly enlarge?: Enlargement | undefined;
  /** The model that takes over on the way. */
  readonly handOver?: HandOver | undefined;
  /** The pass before it, on whose steps prompt editing goes on counting. */
  readonly before?: SamplingPass | undefined;
}

export interface HandOver {
  /** The rest of the noise in the other model's hands: its prompts, context and guidance as of a pass of its own. */
  readonly pass: SamplingPass;
  /** It takes over once this part of the noise is gone. */
  readonly at: number;
}

/** A request's pictures. It is its own first pass. */
export interface GenerationJob extends SamplingPass {
  /** The request as it came: where it is outpainted, before it had its canvas. */
  readonly asked: GenerateRequest;
  /** Every pass in order, this one included. */
  readonly passes: readonly SamplingPass[];
  /** Of every picture, in order; variation seeds only where a variation is asked for. */
  readonly seeds: readonly number[];
  readonly variationSeeds: readonly number[];
  /** The prompts as the infotext claims them: without what was left out. */
  readonly texts: { readonly prompt: string; readonly negativePrompt: string };
  /** How many pictures are sampled at once, batch after batch. */
  readonly batches: readonly Batch[];
}

export interface Batch {
  readonly first: number;
  readonly count: number;
}

/** Names and combinations that can be checked without a model. @throws UserError */
export function checkRequest(request: GenerateRequest): void {
  findSamplerAndScheduler(request.sampler, request.scheduler);
  if (wantsHires(request)) {
    const { sampler, scheduler } = hiresRequest(request);
    findSamplerAndScheduler(sampler, scheduler);
  }
  checkRegions(request);
  if (request.mask && !request.init) {
    throw new UserError('request.mask', 'A mask needs a picture to paint in; give an init picture as well.');
  }
  if (request.latentMask && !request.mask) {
    const message = 'A latent mask needs a mask, which says what of the result is shown; give both.';
    throw new UserError('request.mask', message);
  }
  if (skipsFirstPass(request) && (request.mask || wantsOutpaint(request) || request.sdUpscale > 1)) {
    const message =
      'Hires fix of a picture (hiresOnly) draws all of it at once; leave out the mask, outpainting and SD upscale.';
    throw new UserError('request.hires', message);
  }
  const { controls, controlPictures: pictures, init } = request;
  checkControls(controls, {
    init: init !== undefined,
    initMask: request.mask !== undefined,
    image: (unit) => pictures?.[unit]?.image !== undefined,
    mask: (unit) => pictures?.[unit]?.mask !== undefined,
  });
}

/** A model with the adapters that prompts name for it. */
export interface OpenedModel {
  readonly model: PipelineModel;
  readonly adapters: JobAdapters;
  readonly controls: JobControls;
  /** The tiny autoencoder of its latents, where it is there. */
  readonly tiny?: OpenedTaesd | undefined;
}

/** The models of a request, opened. */
export interface OpenedModels extends OpenedModel {
  /** Of the second pass; the same model's or another's. */
  readonly hires?: OpenedModel | undefined;
  readonly refiner?: OpenedModel | undefined;
}

/** Whether a second pass is asked for, and can be. */
export function wantsHires({ hires, hiresOnly, init }: GenerateRequest): boolean {
  return hires && (init === undefined || hiresOnly);
}

/** Whether the picture to start from stands for what a first pass would have drawn. */
function skipsFirstPass(request: GenerateRequest): boolean {
  return request.init !== undefined && wantsHires(request);
}

/** @throws UserError for sizes, names, seeds or steps that this model cannot do. */
export function planJob(asked: GenerateRequest, opened: OpenedModels, drawSeed: () => number): GenerationJob {
  const { model, adapters } = opened;
  const seed = asked.seed === -1 ? drawSeed() : asked.seed;
  const request = wantsOutpaint(asked) ? outpainted({ ...asked, seed }, model.parts.limits) : asked;
  const passes = planPasses(request, opened);
  const [begin] = passes as [SamplingPass];
  const first = begin.before ?? begin;
  const pictures = request.batchSize * request.batchCount;
  const strength = request.subseedStrength;
  const subseed = request.subseed === -1 ? drawSeed() : request.subseed;
  const coupled = passes.some(({ plan }) => plan.sampler.batchCoupled);
  return {
    ...first,
    model,
    asked,
    passes,
    texts: textsOf(request, adapters),
    ...batchSeeds(pictures, seed, { seed: subseed, strength }),
    batches: batchesOf(pictures, coupled ? 1 : request.batchSize),
  };
}

/** The first is planned where it is not run, too: the second one's size and words follow from it. */
function planPasses(request: GenerateRequest, opened: OpenedModels): SamplingPass[] {
  const { hires, refiner } = opened;
  const refines = (pass: string) => !hires || request.hiresRefiner === pass || request.hiresRefiner === 'both passes';
  const size = pictureSize(request, opened.model.parts);
  const isGiven = skipsFirstPass(request);
  const strength = isGiven ? undefined : request.init && request.denoisingStrength;
  const entry = strength === undefined ? undefined : { strength, exactSteps: request.exactSteps };
  const first = planPass(request, {
    ...opened,
    size,
    entry,
    refiner: !isGiven && refines('first pass') ? refiner : undefined,
  });
  if (!hires) return [first];
  const { factor } = hires.model.parts.latent;
  const sizes = hiresSizes(request, size, Math.max(factor, hires.model.parts.limits.sizeMultiple));
  checkSameLatents(request, opened.model, hires.model);
  const second = planPass(hiresRequest(request), {
    ...hires,
    size: sizes.size,
    entry: { strength: request.denoisingStrength, exactSteps: true },
    refiner: refines('second pass') ? refiner : undefined,
  });
  const enlarging = { ...second, before: first, enlarge: { to: sizes.to, upscaler: request.hiresUpscaler } };
  return isGiven ? [enlarging] : [first, enlarging];
}

/** @throws UserError where latents of one model mean nothing to the other */
function checkSameLatents({ hiresUpscaler }: GenerateRequest, a: PipelineModel, b: PipelineModel): void {
  const [from, to] = [a.parts.latent, b.parts.latent];
  if (!latentMode(hiresUpscaler) || (from.channels === to.channels && from.factor === to.factor)) return;
  const message = `${a.reference.name} and ${b.reference.name} have latents of different kinds; choose an upscaler for pictures, such as Lanczos, in place of ${hiresUpscaler}.`;
  throw new UserError('request.hires', message);
}

interface PassParts extends OpenedModel {
  readonly size: PlaneSize;
  /** Of a pass that begins with a picture. */
  readonly entry?: { readonly strength: number; readonly exactSteps?: boolean } | undefined;
  readonly refiner?: OpenedModel | undefined;
}

function planPass(
  request: GenerateRequest,
  { model, adapters, controls, tiny, size, entry, refiner }: PassParts,
): SamplingPass {
  const { parts } = model;
  const { sampler, scheduler } = findSamplerAndScheduler(request.sampler, request.scheduler);
  const table = parts.noiseTable({
    zeroTerminal: request.noiseSchedule === 'Zero Terminal SNR',
    halves: request.downcastAlphas ? (sampler.space === 'vp' ? 'products' : 'levels') : undefined,
  });
  const plan = planSampling({
    sampler,
    scheduler,
    steps: request.steps,
    table,
    ...entry,
    settings: { ...samplerSettings({ ...request, sTmax: request.sTmax || Number.POSITIVE_INFINITY }, sampler.reads) },
    scheduleSettings: { ...parts.schedules, ...scheduleSettingsOf(request) },
    discardPenultimate: request.discardPenultimateSigma,
    startScale: request.sgmNoiseMultiplier ? 'unit-variance' : 'sigma',
  });
  const { factor } = parts.latent;
  return {
    request,
    model,
    adapters,
    controls,
    tiny,
    size,
    latentSize: { height: size.height / factor, width: size.width / factor },
    table,
    plan,
    clipSkip: Math.min(request.clipSkip, deepestClipSkip(request, parts.limits)),
    handOver: refiner && handOverOf(request, { ...refiner, size, entry }),
  };
}

/** How many layers from its end a text encoder may stop. */
export function deepestClipSkip(
  { clipSkipSdxl }: Pick<GenerateRequest, 'clipSkipSdxl'>,
  { maxClipSkip, maxForcedClipSkip = maxClipSkip }: ModelLimits,
): number {
  return clipSkipSdxl ? maxForcedClipSkip : maxClipSkip;
}

function handOverOf(request: GenerateRequest, parts: PassParts): HandOver {
  return { pass: planPass(request, parts), at: request.refinerSwitchAt };
}

/** 0 stands for the schedule's own. */
function scheduleSettingsOf({ sigmaMin, sigmaMax, rho, betaAlpha, betaBeta }: GenerateRequest): ScheduleSettings {
  return {
    sigmaMin: sigmaMin || undefined,
    sigmaMax: sigmaMax || undefined,
    rho: rho || undefined,
    betaShape: [betaAlpha, betaBeta],
  };
}

/** Networks that were left out are not claimed. */
function textsOf({ prompt, negativePrompt }: GenerateRequest, { leftOut }: JobAdapters): GenerationJob['texts'] {
  const tags = new Set(leftOut.map(({ tag }) => tag));
  const absent = extractExtraNetworks(prompt)
    .networks.map(tagOf)
    .filter((tag) => tags.has(tag));
  const without = absent.reduce((text, tag) => text.replace(tag, ''), prompt);
  return { prompt: absent.length === 0 ? prompt : without.trim(), negativePrompt };
}

function batchesOf(pictures: number, size: number): Batch[] {
  const count = Math.ceil(pictures / size);
  return Array.from({ length: count }, (_, i) => ({ first: i * size, count: Math.min(size, pictures - i * size) }));
}

/** What was asked for; else the init picture's shape; else the model's own size. */
function pictureSize(request: GenerateRequest, { limits }: ModelParts): PlaneSize {
  const { width, height, init } = request;
  const like = init && (skipsFirstPass(request) ? ownSize(init, limits) : sizeLike(init, limits));
  const own = like && width === undefined && height === undefined ? like : limits.defaultSize;
  const size = { width: width ?? own.width, height: height ?? own.height };
  checkSides(size, limits.sizeMultiple);
  return size;
}

/** Longer sides than this many times the model's own give repeated bodies and cost a lot. */
const longestSide = 1.5;

/** Of a picture that is not drawn anew at its own size: as it is, but for what the model's steps of size cut off. */
function ownSize({ width, height }: PlaneSize, { sizeMultiple }: ModelLimits): PlaneSize {
  const onGrid = (side: number): number => Math.max(Math.floor(side / sizeMultiple), 1) * sizeMultiple;
  return { width: onGrid(width), height: onGrid(height) };
}

/** The picture's shape on the model's grid, made smaller where the model was not trained for such sides. */
function sizeLike(init: PlaneSize, { defaultSize, gridMultiple }: ModelLimits): PlaneSize {
  const longest = longestSide * Math.max(defaultSize.width, defaultSize.height);
  const scale = Math.min(1, longest / Math.max(init.width, init.height));
  const onGrid = (side: number): number => Math.max(Math.round((side * scale) / gridMultiple), 1) * gridMultiple;
  return { width: onGrid(init.width), height: onGrid(init.height) };
}
