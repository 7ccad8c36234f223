/**
 * The end-to-end cases of the model goldens through the product's own loop: diffusers' conventions for schedule and
 * start, given noise, the latent after every step.
 */

import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { NoiseTable } from '#diffusion/noise-table';
import { asSigmas, type Latent } from '#diffusion/numbers';
import { diffusersFirstStep, planSampling, type SamplingOptions, type SamplingPlan } from '#diffusion/sample';
import { karrasSigmas, type Schedule } from '#diffusion/schedules';
import { diffusersEulerSchedule, withRoundedTimesteps } from '#diffusion/timesteps';
import type { Backend } from '#engine/backend';
import type { Graph } from '#graph/value';
import { withAttentionMap } from '#models/adjust/attention-map';
import { withPerturbedAttention } from '#models/adjust/perturbed-attention';
import type { DenoiserPart } from '#models/family';
import type { LdmConfig } from '#models/ldm/parts';
import type { LoadedCheckpoint } from '#models/load';
import { conditioningVector } from '#models/sdxl/size-conditioning';
import type { Conditioning } from '#pipelines/conditioning';
import type { StepControl } from '#pipelines/control/step-control';
import { decodeLatent, encodePlanes } from '#pipelines/latents';
import { joinChannels } from '#pipelines/planes';
import { sampleLatents } from '#pipelines/sampling';

export interface PipelineCase {
  readonly name: string;
  readonly kind: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

export const pipelineKinds = [
  'txt2img',
  'img2img',
  'inpaint_masked',
  'inpaint_9ch',
  'inpaint_9ch_sdxl',
  'guidance_rescale',
  'pag',
  'sag',
  'pix2pix',
] as const;

/** Sampler and ready schedule by the case's sampler name. */
const conventions: Readonly<Record<string, (steps: number, table: NoiseTable) => Partial<SamplingOptions>>> = {
  ddim: () => ({ sampler: 'DDIM diffusers' }),
  euler: (steps, table) => ({
    sampler: 'Euler',
    schedule: diffusersEulerSchedule(steps, table, { spacing: 'linspace' }),
  }),
  'euler leading': (steps, table) => ({
    sampler: 'Euler',
    schedule: diffusersEulerSchedule(steps, table, { spacing: 'leading' }),
    startScale: 'unit-variance',
  }),
  dpmpp_2m: (steps, table) => ({
    sampler: 'DPM++ 2M',
    schedule: roundedKarras(steps, table),
    startScale: 'unit-variance',
  }),
};

function roundedKarras(steps: number, table: NoiseTable): Schedule {
  const { sigmas } = table;
  return withRoundedTimesteps(asSigmas([...karrasSigmas(steps, sigmas[0]!, sigmas.at(-1)!), 0]), table);
}

/** What a control network makes of the denoiser's graph, and feeds it. */
export interface Controlled {
  readonly adjust?: (graph: Graph) => Graph;
  readonly control?: StepControl;
}

/** Answers by the case's output names; those it does not ask for may be among them. */
export async function runPipelineCase(
  testCase: PipelineCase,
  model: LoadedCheckpoint,
  backend: Backend,
  given: (role: string) => HostTensor | undefined,
  { adjust = (graph) => graph, control }: Controlled = {},
): Promise<Record<string, HostTensor>> {
  const { params } = testCase;
  const steps = Number(params.steps);
  const { parts, weights } = model;
  const table = parts.noiseTable();
  const noise = toF32(given('noise')!);
  const shape = given('noise')!.shape as [number, number, number, number];
  const size = { height: shape[2], width: shape[3] };
  const strength = params.strength === undefined ? 1 : Number(params.strength);
  const plan = planSampling({
    sampler: 'Euler',
    ...conventions[conventionOf(testCase)]!(steps, table),
    steps,
    table,
    firstStep: diffusersFirstStep(steps, strength),
  });
  const seen = testCase.kind === 'pix2pix' ? given('image_latent') : undefined;
  const image = seen ? undefined : given('image');
  let original: Float32Array | undefined;
  if (image) {
    const session = await backend.compile(parts.autoencoder.encoderGraph(size), { weights });
    original = await encodePlanes(session, parts.latent, toF32(image), size);
    await session.dispose();
  }
  const perturbed = Number(params.pag_scale ?? 0);
  const plain = adjust(parts.denoiser.graph(size));
  const blurred = Number(params.sag_scale ?? 0);
  const mapped = blurred > 0 ? withAttentionMap(plain) : plain;
  const session = await backend.compile(perturbed > 0 ? withPerturbedAttention(mapped) : mapped, { weights });
  const mask = given('mask');
  const masked = given('masked_image_latent');
  const run = sampleLatents({
    session,
    part: { ...parts.denoiser, feeds: feedsOf(model, given) },
    parts,
    shape,
    size: { width: size.width * parts.latent.factor, height: size.height * parts.latent.factor },
    cond: [{ weight: 1, conditioning: contextOf(given('cond')!, given('cond_pooled')) }],
    uncond: contextOf(given('uncond')!, given('uncond_pooled')),
    guidance: {
      scale: Number(params.cfg_scale),
      rescale: Number(params.guidance_rescale ?? 0),
      perturbed,
      blurred,
      imageScale: seen && Number(params.image_cfg_scale),
    },
    extra: seen ? toF32(seen) : masked && joinChannels(toF32(mask!), toF32(masked), shape[0], size.height * size.width),
    control,
    table,
    plan,
    start: plan.start(noise, original),
    noise: () => new Float32Array(noise.length),
    keep: original && mask && { original, mask: toF32(mask) },
  });
  const states: Latent[] = [];
  for await (const step of run) states.push(variancePreserving(testCase, plan, step.x, step.sigma));
  await session.dispose();
  const latent = Float32Array.from(states.at(-1)!);
  const answers = {
    latent: f32(shape, latent),
    steps: f32(
      [states.length, ...shape],
      states.flatMap((s) => [...s]),
    ),
    ...timesOf(plan, steps, conventionOf(testCase), table),
    ...(original && { image_latent: f32(shape, original) }),
  };
  if (!model.components.includes(parts.autoencoder.component)) return answers;
  const decoder = await backend.compile(parts.autoencoder.decoderGraph(size), { weights });
  const planes = await decodeLatent(decoder, parts.latent, latent, size);
  await decoder.dispose();
  const { factor } = parts.latent;
  return { ...answers, image: f32([shape[0], 3, size.height * factor, size.width * factor], planes) };
}

/** Base and refiner on one schedule: the latent after the base's last step, and after each of all. */
export async function runHandOverCase(
  testCase: PipelineCase,
  models: { readonly base: LoadedCheckpoint; readonly refiner: LoadedCheckpoint },
  backend: Backend,
  given: (role: string) => HostTensor | undefined,
): Promise<Record<string, HostTensor>> {
  const { params } = testCase;
  const steps = Number(params.steps);
  const table = models.base.parts.noiseTable();
  const noise = toF32(given('noise')!);
  const shape = given('noise')!.shape as [number, number, number, number];
  const size = { height: shape[2], width: shape[3] };
  const plan = planSampling({ sampler: 'Euler', ...conventions['euler leading']!(steps, table), steps, table });
  const stage = async (model: LoadedCheckpoint, prefix: string, ids: readonly [string, string]) => ({
    session: await backend.compile(model.parts.denoiser.graph(size), { weights: model.weights }),
    part: { ...model.parts.denoiser, feeds: signedFeedsOf(model, given(ids[0])!, given(ids[1])!) },
    parts: model.parts,
    shape,
    size,
    cond: [{ weight: 1, conditioning: contextOf(given(`${prefix}cond`)!, given('cond_pooled')) }],
    uncond: contextOf(given(`${prefix}uncond`)!, given('uncond_pooled')),
    guidance: { scale: Number(params.cfg_scale), rescale: 0, perturbed: 0 },
    table,
  });
  const run = sampleLatents({
    ...(await stage(models.base, 'base_', ['base_time_ids', 'base_time_ids'])),
    plan,
    start: plan.start(noise),
    noise: () => new Float32Array(noise.length),
    handOver: {
      at: Number(params.denoising_end),
      next: () => stage(models.refiner, '', ['cond_time_ids', 'uncond_time_ids']),
    },
  });
  const states: Latent[] = [];
  for await (const step of run) states.push(step.x);
  return {
    base_latent: f32(shape, Float32Array.from(states[Number(params.base_steps) - 1]!)),
    latent: f32(shape, Float32Array.from(states.at(-1)!)),
    steps: f32(
      [states.length, ...shape],
      states.flatMap((s) => [...s]),
    ),
    ...timesOf(plan, steps, 'euler leading', table),
  };
}

/** The further input, from other numbers for the negative condition. */
function signedFeedsOf(model: LoadedCheckpoint, positive: HostTensor, negative: HostTensor): DenoiserPart['feeds'] {
  const [ours, theirs] = [positive, negative].map((ids) => feedsOf(model, () => ids)!);
  return (condition) => (condition.negative ? theirs! : ours!)(condition);
}

/** `leading` has SDXL's own start, other Euler cases `linspace`. */
function conventionOf({ params, inputs }: PipelineCase): string {
  return params.sampler === 'euler' && inputs.time_ids !== undefined ? 'euler leading' : String(params.sampler);
}

/** The further input of models that have one, from the case's own numbers. */
function feedsOf({ config }: LoadedCheckpoint, given: (role: string) => HostTensor | undefined): DenoiserPart['feeds'] {
  const numbers = given('time_ids');
  if (!numbers) return undefined;
  const { vectorWidth } = (config as LdmConfig).unet;
  const values = Array.from(numbers.data, Number).slice(0, numbers.shape.at(-1));
  return ({ pooled }) => ({ vector: conditioningVector(pooled.text!, values, vectorWidth!) });
}

/** For each row of a network's own case. */
export function vectorOf(
  { config }: LoadedCheckpoint,
  given: (role: string) => HostTensor | undefined,
): Record<string, HostTensor> {
  const [texts, numbers] = [given('text_embeds'), given('time_ids')];
  if (!texts || !numbers) return {};
  const vectorWidth = (config as LdmConfig).unet.vectorWidth!;
  const rows = Array.from({ length: texts.shape[0]! }, (_, i) => {
    const row = ({ shape, data }: HostTensor) => Array.from(data, Number).slice(i * shape[1]!, (i + 1) * shape[1]!);
    return conditioningVector(Float32Array.from(row(texts)), row(numbers), vectorWidth);
  });
  return {
    vector: f32(
      [rows.length, vectorWidth],
      rows.flatMap((row) => [...row]),
    ),
  };
}

function contextOf({ shape, data }: HostTensor, pooled?: HostTensor): Conditioning {
  const text: Record<string, Float32Array> = pooled ? { text: toF32(pooled) } : {};
  const context = { tokens: shape[1]!, data: data as Float32Array, pooled: text };
  return { at: () => context };
}

/** DPM++ 2M's states are told as sqrt(alpha-bar) x0 + ..., which the k-diffusion form becomes by a factor. */
function variancePreserving({ params }: PipelineCase, { sampler }: SamplingPlan, x: Latent, sigma: number): Latent {
  if (params.sampler !== 'dpmpp_2m' || sampler.space === 'vp') return x;
  return x.map((v) => v / Math.sqrt(1 + sigma * sigma));
}

/** The whole schedule, of which picture to picture runs the end. */
function timesOf(
  { sampler, timestepOf }: SamplingPlan,
  steps: number,
  convention: string,
  table: NoiseTable,
): Record<string, HostTensor> {
  const whole = planSampling({ sampler, ...conventions[convention]!(steps, table), steps, table });
  const { sigmas, timesteps } = whole.schedule;
  const times = timesteps ?? sigmas.slice(0, steps).map(timestepOf);
  return {
    timesteps: f32([times.length], [...times]),
    sigmas: f32([sigmas.length], [...sigmas]),
  };
}
