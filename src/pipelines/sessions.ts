/**
 * Compiled parts of one model: made when first needed, kept until another size or setting of the same part is asked for.
 *
 * Sizes are fixed at compile time, which lets the runtime fold shapes and plan memory; the batch and the length of the
 * prompt stay open.
 */

import { byteSize } from '#core/dtype';
import { sizeOf } from '#core/tensor';
import type { Backend, CompileOptions, Session } from '#engine/backend';
import type { Graph } from '#graph/value';
import { type CombinedAdapters, noAdapters } from '#models/adapters/combine';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { withInsertedVectors } from '#models/embeddings/insert';
import type { TextEncoderPart } from '#models/family';
import {
  hypernetworksKey,
  strengthFeeds,
  withHypernetworks,
  withHypernetworkWeights,
} from '#models/hypernetworks/apply';
import type { Adjustment } from './adjustments.ts';
import type { PipelineModel } from './model.ts';
import type { GenerateEvent } from './request.ts';

export type LoadingEvent = Extract<GenerateEvent, { type: 'loading' }>;

/** Yields what is being loaded; returns the session. */
export type LoadingSession = AsyncGenerator<LoadingEvent, Session, undefined>;

/** Size of a latent in cells. */
export interface LatentSize {
  readonly height: number;
  readonly width: number;
}

/** Of the memory budget: a decoder has few weights, and its large pictures gain most from them. */
const decoderShare = 0.25;

interface Slot {
  readonly key: string;
  readonly session: Session;
  /** Modules with side branches for adapters. */
  readonly branches: ReadonlySet<string>;
}

export class ModelSessions {
  readonly model: PipelineModel;
  readonly #backend: Backend;
  readonly #memoryBudget: number;
  readonly #slots = new Map<string, Slot>();
  #adapters = noAdapters;

  /** `memoryBudget`: bytes for faster forms of the weights that every step and every picture needs. */
  constructor(backend: Backend, model: PipelineModel, memoryBudget = 0) {
    this.#backend = backend;
    this.model = model;
    this.#memoryBudget = memoryBudget;
  }

  /** What acts in sessions that are asked for from now on. */
  useAdapters(adapters: CombinedAdapters): void {
    this.#adapters = adapters;
  }

  textEncoder(part: TextEncoderPart, clipSkip: number): LoadingSession {
    // Run once a prompt: loading soonest matters more than running fastest.
    const graph = (): Graph => withInsertedVectors(part.graph({ clipSkip }));
    return this.#open(part.component, part.component, String(clipSkip), graph, { optimize: 'load' });
  }

  denoiser(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { denoiser } = this.model.parts;
    const memoryBudget = this.#memoryBudget * (1 - decoderShare);
    const { hypernetworks } = this.#adapters;
    const graph = (): Graph => withHypernetworks(adjustment.apply(denoiser.graph(size)), hypernetworks);
    const setting = [sizeKey(size, adjustment), hypernetworksKey(hypernetworks)].join(' ');
    return this.#open(denoiser.component, denoiser.component, setting, graph, { memoryBudget });
  }

  encoder(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { autoencoder } = this.model.parts;
    const graph = (): Graph => adjustment.apply(autoencoder.encoderGraph(size));
    return this.#open(autoencoder.component, `${autoencoder.component}.encoder`, sizeKey(size, adjustment), graph, {
      optimize: 'load',
    });
  }

  decoder(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { autoencoder } = this.model.parts;
    const memoryBudget = this.#memoryBudget * decoderShare;
    const graph = (): Graph => adjustment.apply(autoencoder.decoderGraph(size));
    return this.#open(autoencoder.component, `${autoencoder.component}.decoder`, sizeKey(size, adjustment), graph, {
      memoryBudget,
    });
  }

  async dispose(): Promise<void> {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    for (const { session } of slots) await session.dispose();
  }

  async *#open(
    component: string,
    part: string,
    setting: string,
    graphOf: () => Graph,
    options: CompileOptions = {},
  ): LoadingSession {
    const adapters = this.#adapters;
    const wanted = [...adapters.branches.keys()].filter((module) => module.startsWith(`${component}.`));
    const key = `${setting} ${adapters.mergeKey(component)}`;
    const slot = this.#slots.get(part);
    if (slot?.key === key && wanted.every((module) => slot.branches.has(module))) return adapted(slot, adapters);
    // Those that were there stay, so that going back and forth between adapters ends in one session for all of them.
    const branches = new Set([...(slot?.branches ?? []), ...wanted]);
    this.#slots.delete(part);
    await slot?.session.dispose();
    const graph = withSideBranches(graphOf(), branches);
    const totalBytes = weightBytes(graph, this.model);
    yield { type: 'loading', part, bytes: 0, totalBytes };
    const merged = (await this.model.mergedWeights?.(component, adapters)) ?? this.model.weights;
    const weights = withHypernetworkWeights(merged, adapters.hypernetworks);
    const session = await this.#backend.compile(graph, { ...options, weights });
    const opened = { key, session, branches };
    this.#slots.set(part, opened);
    yield { type: 'loading', part, bytes: totalBytes, totalBytes };
    return adapted(opened, adapters);
  }
}

/** The session with its side branches and the strengths of its hypernetworks fed. */
function adapted({ session, branches }: Slot, { branches: products, hypernetworks }: CombinedAdapters): Session {
  const { graph } = session;
  const strengths = strengthFeeds(graph, hypernetworks);
  if (branches.size === 0 && Object.keys(strengths).length === 0) return session;
  const feeds = { ...branchFeeds(graph, products), ...strengths };
  return {
    graph,
    run: (own, options) => session.run({ ...own, ...feeds }, options),
    dispose: () => session.dispose(),
  };
}

function sizeKey({ height, width }: LatentSize, { key }: Adjustment): string {
  return `${width}x${height} ${key}`;
}

/** Bytes of a graph's weights as they are stored. */
function weightBytes(graph: Graph, { weights }: PipelineModel): number {
  let bytes = 0;
  for (const { attrs } of graph.parameters) {
    const ref = weights.get(attrs.name);
    if (ref && ref.kind !== 'memory') bytes += ref.byteLength;
    else if (ref) bytes += sizeOf(ref.tensor.shape) * byteSize(ref.tensor.dtype);
  }
  return bytes;
}
