/**
 * Units made ready for a pass: hints made, networks loaded, what is read once a picture read. What comes of it is a
 * change of the denoiser's graph and what feeds it, call by call.
 */

import { f32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import type { Graph } from '#graph/value';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { withImagePrompts } from '#models/adjust/image-prompt';
import { withReference } from '#models/adjust/reference';
import { featureName, featurePlaces, residualName, withFeatures, withResiduals } from '#models/adjust/residuals';
import { controlNetGraph, hintFactor } from '#models/control/controlnet';
import type { ControlModel } from '#models/control/open';
import { t2iAdapterGraph } from '#models/control/t2i-adapter';
import type { Adjustment } from '../adjustments.ts';
import { encoderOf } from '../autoencoding.ts';
import type { SamplingPass } from '../job.ts';
import { encodePlanes } from '../latents.ts';
import { cover, toRgb } from '../picture.ts';
import { planesOf } from '../planes.ts';
import type { PlaneSize } from '../resample.ts';
import type { LoadingEvent, ModelSessions } from '../sessions.ts';
import type { StartPicture } from '../start.ts';
import { hintPlanes, type RunAnnotator } from './hint.ts';
import { imagePromptFeeds } from './image-prompt.ts';
import { type PromptUnit, promptOf } from './prompt-unit.ts';
import { ReferenceUnit } from './reference-unit.ts';
import {
  controlNetAnswers,
  type ResidualUnit,
  residualFeeds,
  softAdapterWeight,
  softControlNetWeight,
} from './residual-unit.ts';
import type { ControlledCall, StepControl } from './step-control.ts';
import type { ControlUnit } from './unit.ts';
import { hintFor, pictureOf, regionOf } from './unit-pictures.ts';
import { besideName, isReference, type JobControls, networkAs, type OpenUnit } from './units.ts';

type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;

export interface ControlContext {
  readonly sessions: ModelSessions;
  readonly start: StartPicture;
  readonly runAnnotator: RunAnnotator | undefined;
  /** Steps of the pass, and calls of the denoiser in each. */
  readonly steps: number;
  readonly callsPerStep: number;
}

export interface PreparedControl {
  /** Of the denoiser: `own` is what the request changes besides. */
  adjustment(own: Adjustment): Adjustment;
  readonly control: StepControl;
}

interface ReadyUnits {
  readonly controlNets: ResidualUnit[];
  readonly adapters: ResidualUnit[];
  readonly prompts: PromptUnit[];
  reference: { readonly unit: ControlUnit; readonly reads: ReferenceUnit } | undefined;
}

/** Undefined where no unit acts. */
export async function* prepareControl(
  pass: SamplingPass,
  context: ControlContext,
): Loading<PreparedControl | undefined> {
  const { units } = pass.controls;
  const named = units.filter(({ found }) => found?.model.kind === 'controlnet').map(besideName);
  await context.sessions.keepBeside(named);
  if (units.length === 0) return undefined;
  const ready: ReadyUnits = { controlNets: [], adapters: [], prompts: [], reference: undefined };
  for (const each of units) {
    if (isReference(each)) ready.reference = { unit: each.unit, reads: yield* referenceOf(each, pass, context) };
    else if (each.found?.model.kind === 'controlnet') ready.controlNets.push(yield* controlNetOf(each, pass, context));
    else if (each.found?.model.kind === 't2i-adapter') ready.adapters.push(yield* adapterOf(each, pass, context));
    else if (each.found?.model.kind === 'ip-adapter') ready.prompts.push(yield* promptOf(each, pass, context));
  }
  return assembled(ready, pass, context);
}

function assembled(ready: ReadyUnits, pass: SamplingPass, context: ControlContext): PreparedControl {
  const plain = pass.model.parts.denoiser.graph(pass.latentSize);
  const changes = changesOf(pass.controls);
  const residuals = changes.residuals ? portsOf(withResiduals(plain), /^residual_/) : [];
  const features = changes.features ? portsOf(withAllFeatures(plain), /^feature_/) : [];
  const { prompts, reference } = changes;
  const key = [
    changes.residuals && 'residuals',
    changes.features && 'features',
    prompts > 0 && `image prompts ${prompts}`,
    reference !== undefined && `reference ${reference}`,
  ];
  return {
    adjustment: (own) => ({
      key: [own.key, ...key].filter(Boolean).join(', '),
      apply: (graph) => controlledGraph(graph, own, changes),
    }),
    control: new UnitsControl(ready, { residuals, features }, context),
  };
}

/** What units change about the denoiser's graph. */
export interface GraphChanges {
  readonly residuals: boolean;
  readonly features: boolean;
  /** How many pictures it reads as prompts. */
  readonly prompts: number;
  /** Weight of a picture that it looks at. */
  readonly reference: number | undefined;
}

export function changesOf({ units }: JobControls): GraphChanges {
  const count = (kind: ControlModel['kind']): number =>
    units.filter((each) => !isReference(each) && each.found?.model.kind === kind).length;
  return {
    residuals: count('controlnet') > 0,
    features: count('t2i-adapter') > 0,
    prompts: count('ip-adapter'),
    reference: units.find(isReference)?.unit.weight,
  };
}

/** The denoiser's graph with what units change; `own`: what the request changes besides. */
export function controlledGraph(graph: Graph, own: Adjustment, changes: GraphChanges): Graph {
  const { prompts, reference } = changes;
  const skips = changes.residuals ? withResiduals(graph) : graph;
  const levels = changes.features ? withAllFeatures(skips) : skips;
  const changed = own.apply(levels);
  const pictured = prompts > 0 ? withImagePrompts(changed, prompts) : changed;
  return reference === undefined ? pictured : withReference(pictured, reference);
}

function withAllFeatures(graph: Graph): Graph {
  return withFeatures(graph, featurePlaces(graph).length);
}

interface Port {
  readonly name: string;
  /** Of one row. */
  readonly shape: readonly number[];
}

/** In the order of their places: skips from the finest, the middle last. */
function portsOf(graph: Graph, wanted: RegExp): Port[] {
  const found = graph.inputs.filter(({ attrs }) => wanted.test(attrs.name));
  const place = (name: string): number => (name === residualName('middle') ? found.length : Number(name.split('_')[1]));
  return found
    .map(({ attrs, shape }) => ({ name: attrs.name, shape: shape.slice(1) as number[] }))
    .sort((a, b) => place(a.name) - place(b.name));
}

/** Inputs of the denoiser's graph that units add to. */
interface Ports {
  readonly residuals: readonly Port[];
  readonly features: readonly Port[];
}

class UnitsControl implements StepControl {
  readonly #ready: ReadyUnits;
  readonly #ports: Ports;
  readonly #context: Pick<ControlContext, 'steps' | 'callsPerStep'>;

  constructor(ready: ReadyUnits, ports: Ports, context: Pick<ControlContext, 'steps' | 'callsPerStep'>) {
    this.#ready = ready;
    this.#ports = ports;
    this.#context = context;
  }

  async feeds(call: ControlledCall): Promise<Feeds> {
    const { controlNets, adapters, prompts, reference } = this.#ready;
    const { residuals, features } = this.#ports;
    const acts = ({ unit }: { readonly unit: ControlUnit }): boolean => this.#acts(unit, call.call);
    const others: Feeds = {
      ...(await residualFeeds(controlNets.filter(acts), residuals, call)),
      ...(await residualFeeds(adapters.filter(acts), features, call)),
      ...this.#promptFeeds(call, (each) => (acts(each) ? each.unit.weight : 0)),
    };
    if (!reference) return others;
    if (!acts(reference)) return { ...others, ...reference.reads.idle(call) };
    const idle: Feeds = {
      ...(await residualFeeds([], residuals, call)),
      ...(await residualFeeds([], features, call)),
      ...(prompts.length > 0 && this.#promptFeeds(call, () => 0)),
    };
    return { ...others, ...(await reference.reads.feeds(call, idle)) };
  }

  #promptFeeds({ passes, images }: ControlledCall, weightOf: (each: PromptUnit) => number): Feeds {
    const feeds = this.#ready.prompts.map((each, i) =>
      imagePromptFeeds(i, each.layers, each.prompt, passes, images, () => weightOf(each)),
    );
    return Object.assign({}, ...feeds) as Feeds;
  }

  #acts({ start, end }: ControlUnit, call: number): boolean {
    const { steps, callsPerStep } = this.#context;
    const share = Math.floor(call / callsPerStep) / steps;
    return share >= start && share <= end;
  }
}

const times = ({ width, height }: PlaneSize, factor: number): PlaneSize => ({
  width: width * factor,
  height: height * factor,
});

async function* controlNetOf(each: OpenUnit, pass: SamplingPass, context: ControlContext): Loading<ResidualUnit> {
  const { unit, found } = each;
  const { config, weights, branches } = networkAs(each, 'controlnet');
  const size = times(pass.latentSize, hintFactor(config));
  const hint = hintPlanes(await hintFor(each, pass, context, size), config.hintChannels);
  const graph = (): Graph => withSideBranches(controlNetGraph(config, pass.latentSize), new Set(branches.keys()));
  const optimize = unit.lowMemory ? 'load' : 'speed';
  const key = `${found!.id} ${pass.latentSize.width}x${pass.latentSize.height} ${optimize}`;
  const session = yield* context.sessions.beside(besideName(each), key, { graph, weights, optimize });
  return {
    unit,
    latentSize: pass.latentSize,
    region: regionOf(each, pass, context),
    softWeight: (_name, place) => softControlNetWeight(place),
    answers: controlNetAnswers(session, {
      channels: config.unet.inChannels,
      hint,
      hintShape: [config.hintChannels, size.height, size.width],
      branches: branchFeeds(session.graph, branches),
    }),
  };
}

/** Pixels of the hint to one cell of the latent: what T2I adapters were made for, whatever the VAE. */
const adapterFactor = 8;

async function* adapterOf(each: OpenUnit, pass: SamplingPass, context: ControlContext): Loading<ResidualUnit> {
  const { config, weights } = networkAs(each, 't2i-adapter');
  const whole = times(pass.latentSize, adapterFactor);
  const up = (side: number): number => Math.ceil(side / config.unshuffle) * config.unshuffle;
  const size = { width: up(whole.width), height: up(whole.height) };
  const hint = hintPlanes(await hintFor(each, pass, context, size), config.hintChannels);
  const feeds = { hint: f32([1, config.hintChannels, size.height, size.width], hint) };
  const network = { graph: () => t2iAdapterGraph(config, size), weights };
  const features = yield* context.sessions.once(besideName(each), network, feeds);
  return {
    unit: each.unit,
    latentSize: pass.latentSize,
    region: regionOf(each, pass, context),
    softWeight: (name) => softAdapterWeight(Number(name.slice(featureName(0).length - 1))),
    answers: async () => features,
  };
}

async function* referenceOf(each: OpenUnit, pass: SamplingPass, context: ControlContext): Loading<ReferenceUnit> {
  const { unit } = each;
  const { latentSize, size, model } = pass;
  const { latent: format } = model.parts;
  const { image } = pictureOf(each, pass, context);
  const encoder = yield* encoderOf(pass, context.sessions);
  const latent = await encodePlanes(encoder.session, encoder.format, planesOf(toRgb(cover(image, size))), latentSize);
  const told = unit.thresholdA ?? 0.5;
  const fidelity = unit.controlMode === 'prompt' ? 0 : unit.controlMode === 'control' ? 1 : told;
  return new ReferenceUnit({ latent, fidelity, channels: format.channels, latentSize });
}
