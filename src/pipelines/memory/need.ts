/**
 * What a pass takes memory for: its networks as they are run, with what request, prompts and control units change about
 * them. Files are opened and nothing is loaded.
 */

import { sizeOf } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { blockBytes } from '#engine/memory';
import { blockFormOf, isBlockPacking } from '#formats/packing';
import { fixedShape } from '#graph/dim';
import type { Graph } from '#graph/value';
import type { CombinedAdapters } from '#models/adapters/combine';
import { withSideBranches } from '#models/adapters/side-branch';
import { shallowPart, withDeepFeatures } from '#models/adjust/deep-cache';
import { clipVisionGraph } from '#models/clip/vision';
import { controlNetGraph } from '#models/control/controlnet';
import { withHypernetworks, withHypernetworkWeights } from '#models/hypernetworks/apply';
import type { ImageSize } from '#models/nn/grid';
import { splitComposition } from '#prompt/composition';
import { denoiserAdjustment } from '../adjustments.ts';
import { changesOf, controlledGraph } from '../control/prepare.ts';
import { visionWidthsOf } from '../control/prompt-unit.ts';
import { mostPasses } from '../denoiser.ts';
import { latentMode } from '../hires.ts';
import type { GenerationJob, SamplingPass } from '../job.ts';
import { guidanceOf } from '../pass-sampling.ts';
import { needsEncoder } from '../start.ts';
import type { Upscalers } from '../upscale/upscalers.ts';
import { wordsOf } from '../words.ts';
import type { MemoryNeed, NetworkNeed } from './plan.ts';

export interface NeedContext {
  readonly backend: Backend;
  readonly upscalers: Upscalers;
}

/** Copies of an adapter's tensors: as they were read, and as they are fed. */
const ADAPTER_COPIES = 2;

export async function needOf(
  { batches }: Pick<GenerationJob, 'batches'>,
  pass: SamplingPass,
  { backend, upscalers }: NeedContext,
): Promise<MemoryNeed> {
  const { request, latentSize: size, tiny } = pass;
  const { parts, weights } = pass.model;
  const { combined } = pass.adapters;
  const graph = denoiserGraph(pass);
  const caches = request.stepCache > 1 && request.sagScale === 0;
  const textEncoders = parts.textEncoders.map((part) => part.graph());
  const inBlocks = await blocksOf(pass, [graph, ...textEncoders], backend);
  const weighed = { weights: withHypernetworkWeights(weights, combined.hypernetworks), inBlocks };
  const pictures = Math.max(...batches.map(({ count }) => count));
  const half =
    (name: 'decoder' | 'encoder', asked: string) =>
    (at: ImageSize): NetworkNeed => {
      const own = asked === 'TAESD' ? tiny?.[name] : undefined;
      if (own) return widened({ ...own, graph: own.graph(at) });
      const graphOf = name === 'decoder' ? parts.autoencoder.decoderGraph : parts.autoencoder.encoderGraph;
      return { graph: graphOf(at), ...weighed };
    };
  const { enlarge } = pass;
  const encodes = needsEncoder(pass) || (enlarge !== undefined && !latentMode(enlarge.upscaler));
  return {
    size,
    rows: pictures * passesOf(pass),
    textEncoders: textEncoders.map((each) => ({ graph: each, ...weighed })),
    denoiser: { graph: caches ? withDeepFeatures(graph) : graph, ...weighed },
    shallow: caches ? { graph: shallowPart(graph), ...weighed } : undefined,
    ...(await controlNeeds(pass)),
    decoder: half('decoder', request.vaeDecoder),
    encoder: encodes ? half('encoder', request.vaeEncoder) : undefined,
    enlarging: await enlargingOf(pass, upscalers),
    adapterBytes: bytesOf(combined, graph),
  };
}

/** Of one call; where the prompt's parts have regions, as if they had none, which is no less. */
function passesOf(pass: SamplingPass): number {
  const { request, plan } = pass;
  const weights = splitComposition(wordsOf(request).prompt).map(({ weight }) => weight);
  const guidance = guidanceOf(pass, request.init !== undefined);
  return mostPasses(guidance, weights, plan.sampler.needsUnconditional === true);
}

function widened(network: Omit<NetworkNeed, 'inBlocks'>): NetworkNeed {
  return { ...network, inBlocks: () => undefined };
}

/** With control units, the request's changes, adapters and hypernetworks. */
function denoiserGraph({ model, request, latentSize, adapters, controls }: SamplingPass): Graph {
  const { parts } = model;
  const { branches, hypernetworks } = adapters.combined;
  const changes = changesOf(controls);
  const own = denoiserAdjustment(request, parts.latent);
  const controlled = controlledGraph(parts.denoiser.graph(latentSize), own, changes);
  return withSideBranches(withHypernetworks(controlled, hypernetworks), new Set(branches.keys()));
}

/** Bytes of an element of the model's weights that a backend keeps in blocks. */
async function blocksOf(
  { model: { weights } }: SamplingPass,
  graphs: readonly Graph[],
  backend: Backend,
): Promise<NetworkNeed['inBlocks']> {
  const kept = new Set<string>();
  for (const graph of graphs) for (const name of (await backend.keptInBlocks?.(graph, weights)) ?? []) kept.add(name);
  return (name) => {
    const ref = kept.has(name) ? weights.get(name) : undefined;
    return ref?.kind === 'packed' && isBlockPacking(ref.packing) ? blockBytes(blockFormOf(ref.packing)) : undefined;
  };
}

async function controlNeeds({ controls, latentSize, model }: SamplingPass) {
  const beside: NetworkNeed[] = [];
  const once: NetworkNeed[] = [];
  for (const { found } of controls.units) {
    const control = found?.model;
    if (control?.kind === 'controlnet') {
      const { config, weights, branches } = control;
      const graph = withSideBranches(controlNetGraph(config, latentSize), new Set(branches.keys()));
      beside.push(widened({ graph, weights }));
    } else if (control?.kind === 'ip-adapter') {
      const vision = await model.openVision?.(visionWidthsOf(control.config));
      if (vision) once.push(widened({ graph: clipVisionGraph(vision.config), weights: vision.weights }));
    }
  }
  return { beside, once };
}

async function enlargingOf({ enlarge, before }: SamplingPass, upscalers: Upscalers): Promise<MemoryNeed['enlarging']> {
  if (!enlarge || !before || latentMode(enlarge.upscaler)) return undefined;
  const upscaler = await upscalers.networkFor(enlarge.upscaler, before.size);
  return upscaler && { upscaler: widened(upscaler), from: before.latentSize };
}

/** Of what acts on a graph: products and hypernetworks as they were read, what is merged as it was made. */
function bytesOf({ branches, merged, hypernetworks }: CombinedAdapters, graph: Graph): number {
  let values = 0;
  for (const { down, up } of branches.values()) values += ADAPTER_COPIES * (down.data.length + up.data.length);
  for (const { network } of hypernetworks) {
    for (const { key, value } of network.pairs.values()) {
      for (const { weight, bias } of [...key, ...value]) values += weight.data.length + (bias?.data.length ?? 0);
    }
  }
  for (const { attrs, shape } of graph.parameters) {
    if (merged.has(attrs.name)) values += sizeOf(fixedShape(shape, `parameter ${attrs.name}`));
  }
  return 4 * values;
}
