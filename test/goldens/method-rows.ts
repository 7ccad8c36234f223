/**
 * Three AdamW steps of each training method on a tiny model: the losses, the norms and first gradients, and what the
 * trained tensors are afterwards (fixtures of `training-methods`).
 */

import { f32, type HostTensor, i64, toF32 } from '#core/tensor';
import type { Backend, Feeds } from '#engine/backend';
import { grad } from '#graph/gradient';
import { closeGraph } from '#graph/value';
import { findModule, moduleNames } from '#models/adapters/modules';
import { readWeight } from '#models/adapters/read-weight';
import type { LoadedCheckpoint } from '#models/load';
import { numberSinusoids } from '#models/sdxl/size-conditioning';
import type { ModelFiles } from '#models/tensor-file';
import { alphaBarsOf, type LossWeighting, type Prediction } from '#training/diffusion-objective';
import type { FormName, FormOptions } from '#training/networks/adapter-forms';
import { hypernetworks } from '#training/networks/hypernetwork';
import { type LoraTarget, loraNetworks } from '#training/networks/lora';
import { invertedNetworks } from '#training/networks/textual-inversion';
import type { TrainedNetworks } from '#training/networks/trained-networks';
import { wholeNetworks } from '#training/networks/whole';
import { multiresNoise, type NoiseShape, perturbNoise } from '#training/noise';
import { adamW } from '#training/optimizers/adamw';
import { buildTrainingStep, scalarFeed } from '#training/step';
import {
  type DenoisingOptions,
  denoisingObjective,
  idsInput,
  noisedFeeds,
  readsText,
  restOf,
  windowInput,
  withOffset,
} from '#training/tasks/denoising';
import { type RowCheck, relativeError } from './row-check.ts';

export interface MethodCase {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>> & {
    readonly start?: string;
    readonly update_l2: number;
    readonly update_l2_rtol: number;
  };
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

export interface MethodFixture {
  readonly model: LoadedCheckpoint;
  readonly backend: Backend;
  readonly files: ModelFiles;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Trained tensors before the first step. */
  readonly start: ReadonlyMap<string, HostTensor>;
}

const steps = 3;
const learningRate = 1e-3;
const optimizer = adamW({ weightDecay: 0.01 });
const noDropout = { dropout: 0, rankDropout: 0, moduleDropout: 0 };

export async function* checkMethodCase(row: MethodCase, fixture: MethodFixture): AsyncGenerator<RowCheck> {
  const run = await trained(row, fixture);
  const want = (role: string): HostTensor => fixture.tensors.get(row.outputs[role]!)!;
  for (const role of ['loss', 'grad_norm'] as const) {
    yield { name: `${row.name} ${role}`, error: relativeError(run[role], toF32(want(role))), tolerance: row.rtol };
  }
  let difference = 0;
  for (const role of Object.keys(row.outputs)) {
    const [part, name] = role.split(/\/(.*)/) as ['grad' | 'after', string | undefined];
    if (name === undefined) continue;
    const expected = toF32(want(role));
    // What the model never runs stays as it was.
    const still = () => (part === 'after' ? toF32(fixture.start.get(name)!) : new Float32Array(expected.length));
    const got = run.state[part].get(storedName(name, fixture)) ?? still();
    yield { name: `${row.name} ${role}`, error: relativeError(got, expected), tolerance: row.rtol };
    if (part === 'after') difference += got.reduce((sum, x, i) => sum + (x - expected[i]!) ** 2, 0);
  }
  const { update_l2: update, update_l2_rtol: tolerance } = row.params;
  yield { name: `${row.name} update`, error: Math.sqrt(difference) / update, tolerance };
}

/** Whole networks are trained under canonical names. */
const storedName = (name: string, { start }: MethodFixture): string => (start.size > 0 ? name : `unet.${name}`);

interface Trained {
  readonly loss: number[];
  readonly grad_norm: number[];
  readonly state: { readonly grad: Map<string, Float32Array>; readonly after: Map<string, Float32Array> };
}

async function trained(row: MethodCase, fixture: MethodFixture): Promise<Trained> {
  const { model, backend } = fixture;
  const networks = await networksOf(row, fixture);
  const options = optionsOf(row, fixture, networks);
  const latents = fixture.tensors.get(row.inputs.latents!)!;
  const [, , height, width] = latents.shape.slice(-4) as [number, number, number, number];
  const objective = denoisingObjective(options, { height, width });
  const names = new Set(networks.trained.map(({ name }) => name));
  const trains = (name: string): boolean => names.has(name);
  const clipNorm = row.params.clip_grad_norm as number | undefined;
  const step = buildTrainingStep(row.name, objective, { optimizer, clipNorm, ema: false, accumulate: 1, trains });
  const learnt = closeGraph('loss', { loss: objective.loss }).parameters.filter((p) => trains(p.attrs.name));
  // The gradients come from the graph that recomputes, the steps from the one that does not.
  const gradients = grad(objective.loss, learnt, { recompute: true });
  const first = closeGraph('gradients', Object.fromEntries(gradients.map((g, i) => [learnt[i]!.attrs.name, g])));
  const weights = { get: (name: string) => (trains(name) ? undefined : model.weights.get(name)) };
  const sessions = [await backend.compile(first, { weights }), await backend.compile(step.apply, { weights })] as const;
  let state: Record<string, HostTensor> = {};
  for (const { name, parameter, slot, shape } of step.state) {
    const initial = networks.trained.find((each) => each.name === parameter)!.initial;
    const values = fixture.start.get(parameter) ?? (initial.kind === 'values' ? f32(shape, initial.values) : undefined);
    const size = shape.reduce((a, b) => a * b, 1);
    state[name] = f32(shape, slot === 'parameter' ? toF32(values!).slice() : new Float32Array(size));
  }
  const [losses, norms]: [number[], number[]] = [[], []];
  let grads: Record<string, HostTensor> = {};
  for (let at = 0; at < steps; at++) {
    const scalars = Object.entries(optimizer.scalars(at + 1, learningRate));
    const feeds = {
      ...state,
      ...(await feedsOf(row, fixture, options, at)),
      ...Object.fromEntries(scalars.map(([name, value]) => [scalarFeed(name), f32([], [value])])),
    };
    if (at === 0) grads = await sessions[0].run(needed(sessions[0], feeds));
    const results = await sessions[1].run(needed(sessions[1], feeds));
    losses.push(Number(results['metric:loss']!.data[0]));
    norms.push(Number(results['metric:gradientNorm']!.data[0]));
    state = Object.fromEntries(step.state.map(({ name }) => [name, results[name]!]));
  }
  for (const session of sessions) await session.dispose();
  const arrays = (of: Record<string, HostTensor>) => new Map(Object.entries(of).map(([k, t]) => [k, toF32(t)]));
  return { loss: losses, grad_norm: norms, state: { grad: arrays(grads), after: arrays(state) } };
}

function needed(
  session: {
    graph: { inputs: readonly { attrs: { name: string } }[]; parameters: readonly { attrs: { name: string } }[] };
  },
  feeds: Feeds,
): Feeds {
  const { inputs, parameters } = session.graph;
  const names = [...inputs, ...parameters].map(({ attrs }) => attrs.name).filter((name) => feeds[name]);
  return Object.fromEntries(names.map((name) => [name, feeds[name]!]));
}

// Networks

async function networksOf(row: MethodCase, fixture: MethodFixture): Promise<TrainedNetworks> {
  const { model, files, start } = fixture;
  const { params } = row;
  const read = async (name: string) => (await readWeight(files, model.weights.get(name)!)).data;
  const has = (ending: string): boolean => [...start.keys()].some((name) => name.endsWith(ending));
  if (start.size === 0) return await wholeNetworks(model, { trainsDenoiser: true, trainsText: false }, read);
  if (start.has('emb_params')) return invertedNetworks(model, [toF32(start.get('emb_params')!)]);
  if (params.layer_structure) {
    const widths = [...new Set([...start.keys()].map((name) => Number(name.split('.')[0])))];
    return hypernetworks(model, widths, {
      structure: params.layer_structure as number[],
      activation: params.activation as 'relu',
      initialisation: 'Normal',
      layerNorm: false,
      activateOutput: false,
    });
  }
  const form: FormName = has('.hada_w1_a') ? 'loha' : has('.lokr_w1') ? 'lokr' : 'lora';
  const dora = params.norm_axis
    ? { axis: params.norm_axis as 'in' | 'out', detached: params.norm_detached as boolean }
    : undefined;
  const options: FormOptions = { ...noDropout, factor: 4, wholeFactor: false, dora };
  return await loraNetworks(model, targetsOf(fixture), form, options, read);
}

/** The layers that the start names, with the ranks of its tensors. */
function targetsOf({ model, start }: MethodFixture): LoraTarget[] {
  const modules = moduleNames(model.family, model.config);
  const rankOf = (name: string): number =>
    ['lora_down.weight', 'hada_w1_b', 'lokr_w2_b'].flatMap((slot) => start.get(`${name}.${slot}`)?.shape[0] ?? [])[0]!;
  const stored = [...start.keys()]
    .filter((name) => name.endsWith('.alpha'))
    .map((name) => name.replace(/\.alpha$/, ''));
  return stored.flatMap((name) => {
    const module = findModule(modules, name);
    const alpha = Number(start.get(`${name}.alpha`)!.data[0]);
    return module ? [{ name, module, shape: module.weight.shape, rank: rankOf(name), alpha }] : [];
  });
}

// Options and data

function optionsOf(row: MethodCase, { model }: MethodFixture, networks: TrainedNetworks): DenoisingOptions {
  const { params, name } = row;
  const table = model.parts.noiseTable();
  const weightings: LossWeighting[] = [
    ...(params.min_snr_gamma ? [{ name: 'min-snr' as const, gamma: params.min_snr_gamma as number }] : []),
    ...(name === 'opt_debiased' ? [{ name: 'debiased' as const }] : []),
  ];
  const never = () => Promise.reject(new Error('examples come from the fixture'));
  return {
    model,
    weights: model.weights,
    networks,
    prediction: (params.prediction_type === 'v_prediction' ? 'v' : 'eps') satisfies Prediction,
    alphaBars: alphaBarsOf(table),
    batchSize: 2,
    loss: {
      type: (params.loss_type ?? 'l2') as 'l2',
      huberSchedule: (params.huber_schedule ?? 'snr') as 'snr',
      huberC: (params.huber_c ?? 0.1) as number,
      weightings,
      masks: name === 'opt_masked' ? 'mean' : undefined,
      priorWeight: (params.prior_loss_weight ?? 1) as number,
    },
    noise: {
      offset: (params.noise_offset ?? 0) as number,
      adaptiveScale: (params.adaptive_noise_scale ?? 0) as number,
      multiresIterations: 0,
      multiresDiscount: 0,
      inputPerturbation: 0,
    },
    timesteps: [0, 1000],
    windows: 1,
    clipSkip: 1,
    sizes: [],
    examples: never,
    heldOut: never,
  };
}

async function feedsOf(row: MethodCase, fixture: MethodFixture, options: DenoisingOptions, at: number): Promise<Feeds> {
  const stepOf = (role: string): { shape: number[]; data: Float32Array } => {
    const all = fixture.tensors.get(row.inputs[role]!)!;
    const shape = all.shape.slice(1);
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from(Array.from(all.data, Number).slice(at * size, (at + 1) * size));
    return { shape, data };
  };
  const latents = latentsOf(row, fixture, at);
  const [batch, , height, width] = latents.shape as [number, number, number, number];
  const noise = noiseOf(row, stepOf, options, latents.data);
  const masks = row.inputs.mask === undefined ? undefined : averaged(stepOf('mask'), height, width);
  const isClass = Array.from({ length: batch }, (_, i) => row.params.prior_loss_weight !== undefined && i >= batch / 2);
  const ids = textOf(row, fixture, stepOf);
  const text = readsText(options) ? ids : await contextOf(fixture, ids);
  const timesteps = Array.from(stepOf('timesteps').data);
  const examples = { size: { height, width }, latents: latents.data, masks, isClass, text };
  return noisedFeeds(options, examples, timesteps, noise);
}

/** The same in every step. */
function latentsOf(row: MethodCase, { tensors }: MethodFixture, at: number): { shape: number[]; data: Float32Array } {
  const all = tensors.get(row.inputs.latents!)!;
  if (all.shape.length === 4) return { shape: [...all.shape], data: toF32(all) };
  const shape = all.shape.slice(1);
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: toF32(all).slice(at * size, (at + 1) * size) };
}

type StepOf = (role: string) => { shape: number[]; data: Float32Array };

function noiseOf({ inputs, params }: MethodCase, stepOf: StepOf, options: DenoisingOptions, latents: Float32Array) {
  let target = stepOf('noise').data;
  if (inputs.offset_draw) target = withOffset(options.noise, target, stepOf('offset_draw').data, latents);
  if (inputs.draw_0) {
    const levels = ['draw_0', 'draw_1', 'draw_2']
      .map(stepOf)
      .map(({ shape, data }) => ({ shape: shape as unknown as NoiseShape, data }));
    target = Float32Array.from(multiresNoise(target, levels, params.multires_noise_discount as number));
  }
  if (!inputs.perturb_draw) return { target, input: target };
  return { target, input: perturbNoise(target, stepOf('perturb_draw').data, params.ip_noise_gamma as number) };
}

function textOf(row: MethodCase, { model, start }: MethodFixture, stepOf: StepOf): Feeds {
  const feeds: Record<string, HostTensor> = {};
  for (const [index, role] of ['ids', 'ids_2'].entries()) {
    if (!row.inputs[role]) continue;
    const { shape, data } = stepOf(role);
    feeds[idsInput(index, 0)] = i64(shape, Array.from(data));
  }
  if (row.inputs.time_ids) {
    const { vectorWidth } = (model.config as { unet: { vectorWidth: number } }).unet;
    const { shape, data } = stepOf('time_ids');
    const [batch, numbers] = shape as [number, number];
    const pooled = model.parts.textEncoders[1]!.pooledWidth!;
    const width = (vectorWidth - pooled) / numbers;
    const rest = Array.from({ length: batch }, (_, i) => [
      ...numberSinusoids(Array.from(data.subarray(i * numbers, (i + 1) * numbers)), width),
    ]).flat();
    feeds[restOf('vector')] = f32([batch, vectorWidth - pooled], rest);
  }
  if (start.has('emb_params')) Object.assign(feeds, placedVectors(row, stepOf));
  return feeds;
}

/** What text encoders that do not learn say. */
async function contextOf({ model, backend }: MethodFixture, ids: Feeds): Promise<Feeds> {
  const session = await backend.compile(model.parts.textEncoders[0]!.graph(), { weights: model.weights });
  const { context } = await session.run({ ids: ids[idsInput(0, 0)]! });
  await session.dispose();
  return { context: context! };
}

function placedVectors({ params }: MethodCase, stepOf: StepOf): Feeds {
  const [batch, positions] = stepOf('ids').shape as [number, number];
  const [indices, here] = [new Array<number>(batch * positions).fill(0), new Float32Array(batch * positions)];
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < (params.vectors as number); i++) {
      const place = n * positions + (params.insert_at as number) + i;
      indices[place] = i;
      here[place] = 1;
    }
  }
  return {
    [windowInput('vector_0', 0)]: i64([batch, positions], indices),
    [windowInput('here_0', 0)]: f32([batch, positions, 1], here),
  };
}

/** Means of the cells' pixels. */
function averaged(
  { shape, data }: { shape: number[]; data: Float32Array },
  height: number,
  width: number,
): Float32Array {
  const [tall, wide] = shape.slice(-2) as [number, number];
  const [sy, sx] = [tall / height, wide / width];
  const count = data.length / (tall * wide);
  const out = new Float32Array(count * height * width);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++) {
        out[(n * height + Math.floor(y / sy)) * width + Math.floor(x / sx)]! +=
          data[(n * tall + y) * wide + x]! / (sy * sx);
      }
    }
  }
  return out;
}
