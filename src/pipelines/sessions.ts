/**
 * Compiled parts of one model: made when first needed, kept until another size or setting of the same part is asked for,
 * or, where the plan of memory has room for every pass of a job, until so many others have been.
 *
 * Sizes are fixed at compile time, which lets the runtime fold shapes and plan memory; the batch and the length of the
 * prompt stay open.
 */

import { byteSize } from '#core/dtype';
import { sizeOf } from '#core/tensor';
import type { Backend, CompileOptions, Feeds, Session, WeightSource } from '#engine/backend';
import { compileInPieces } from '#engine/pieces';
import { fixedShape } from '#graph/dim';
import type { Graph } from '#graph/value';
import { type CombinedAdapters, noAdapters } from '#models/adapters/combine';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { shallowPart, withDeepFeatures } from '#models/adjust/deep-cache';
import { withHiddenTokens } from '#models/clip/hidden-tokens';
import { withInsertedVectors } from '#models/embeddings/insert';
import type { ClipSkip, TextEncoderPart } from '#models/family';
import {
  hypernetworksKey,
  strengthFeeds,
  withHypernetworks,
  withHypernetworkWeights,
} from '#models/hypernetworks/apply';
import type { Adjustment } from './adjustments.ts';
import { tellingBytes } from './loading.ts';
import { type MemoryPlan, piecesOf } from './memory/plan.ts';
import { inRows } from './memory/rows.ts';
import { tiledSession, tileOf } from './memory/tiles.ts';
import type { PipelineModel } from './model.ts';
import type { GenerateEvent } from './request.ts';

export type LoadingEvent = Extract<GenerateEvent, { type: 'loading' }>;

/** Yields what is being loaded; returns the session. */
export type LoadingSession = AsyncGenerator<LoadingEvent, Session, undefined>;

type LoadingAnswers = AsyncGenerator<LoadingEvent, Feeds, undefined>;

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

/** A network with weights of its own. */
export interface NetworkBeside extends CompileOptions {
  graph(): Graph;
  readonly weights: WeightSource;
}

export class ModelSessions {
  readonly model: PipelineModel;
  readonly #backend: Backend;
  readonly #memoryBudget: number;
  /** By part, the one that was used last at the end. */
  readonly #slots = new Map<string, readonly Slot[]>();
  readonly #beside = new Map<string, Slot>();
  #adapters = noAdapters;
  #plan: MemoryPlan | undefined;

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

  /** How to keep within memory from now on; undefined where nobody knows how much there is. */
  usePlan(plan: MemoryPlan | undefined): void {
    this.#plan = plan;
  }

  /** What the plan of memory wants gone before pictures are decoded, when the last step is done. */
  async beforeDecoding(): Promise<void> {
    if (!this.#plan?.releaseDenoiser) return;
    const { component } = this.model.parts.denoiser;
    for (const part of [component, shallowOf(component)]) await this.#release(part);
  }

  /** `hides`: able not to look at some tokens. */
  textEncoder(part: TextEncoderPart, { clipSkip = 1, forced = false }: ClipSkip, hides = false): LoadingSession {
    // Run once a prompt: loading soonest matters more than running fastest.
    const whole = (): Graph => withInsertedVectors(part.graph({ clipSkip, forced }));
    const graph = (): Graph => (hides ? withHiddenTokens(whole()) : whole());
    const options = { optimize: 'load', precision: 'half' } as const;
    const setting = [clipSkip, forced && 'forced', hides && 'hides'].filter(Boolean).join(' ');
    return this.#open(part.component, part.component, setting, graph, options);
  }

  /** `givesDeep`: with the result of its deep part, for `shallowDenoiser`. */
  async *denoiser(size: LatentSize, adjustment: Adjustment, givesDeep = false): LoadingSession {
    const { denoiser, textEncoders } = this.model.parts;
    const { releaseEncoders, rows } = this.#plan ?? {};
    if (releaseEncoders) for (const { component } of textEncoders) await this.#release(component);
    const memoryBudget = this.#memoryBudget * (1 - decoderShare);
    const { hypernetworks } = this.#adapters;
    const changed = (): Graph => withHypernetworks(adjustment.apply(denoiser.graph(size)), hypernetworks);
    const graph = (): Graph => (givesDeep ? withDeepFeatures(changed()) : changed());
    const setting = [sizeKey(size, adjustment), hypernetworksKey(hypernetworks), givesDeep && 'deep'].join(' ');
    const options = { memoryBudget, precision: 'half' } as const;
    const session = yield* this.#open(denoiser.component, denoiser.component, setting, graph, options);
    return rows === undefined ? session : inRows(session, 'sample', rows);
  }

  /** The denoiser without what is deep in it. */
  async *shallowDenoiser(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { component, graph: graphOf } = this.model.parts.denoiser;
    const { hypernetworks } = this.#adapters;
    const graph = (): Graph => shallowPart(withHypernetworks(adjustment.apply(graphOf(size)), hypernetworks));
    const setting = [sizeKey(size, adjustment), hypernetworksKey(hypernetworks)].join(' ');
    const session = yield* this.#open(component, shallowOf(component), setting, graph, { precision: 'half' });
    const { rows } = this.#plan ?? {};
    return rows === undefined ? session : inRows(session, 'sample', rows);
  }

  encoder(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { autoencoder } = this.model.parts;
    return this.#autoencoder('encoder', (own) => autoencoder.encoderGraph(own), size, adjustment, { optimize: 'load' });
  }

  decoder(size: LatentSize, adjustment: Adjustment): LoadingSession {
    const { autoencoder } = this.model.parts;
    const memoryBudget = this.#memoryBudget * decoderShare;
    return this.#autoencoder('decoder', (own) => autoencoder.decoderGraph(own), size, adjustment, { memoryBudget });
  }

  /** In tiles where the plan of memory wants it and nothing is changed that only the whole picture has. */
  async *#autoencoder(
    half: 'encoder' | 'decoder',
    graphOf: (size: LatentSize) => Graph,
    size: LatentSize,
    adjustment: Adjustment,
    options: CompileOptions,
  ): LoadingSession {
    const { autoencoder, latent } = this.model.parts;
    const tiling = adjustment.key === '' ? this.#plan?.tiling : undefined;
    const own = tiling ? tileOf(size, tiling) : size;
    const graph = (): Graph => adjustment.apply(graphOf(own));
    const part = `${autoencoder.component}.${half}`;
    const session = yield* this.#open(autoencoder.component, part, sizeKey(own, adjustment), graph, options);
    if (!tiling || (own.height === size.height && own.width === size.width)) return session;
    const ends = half === 'encoder' ? { input: 'image', inputScale: latent.factor, outputScale: 1 } : undefined;
    return tiledSession({
      ...(ends ?? { input: 'latent', inputScale: 1, outputScale: latent.factor }),
      graph: graphOf(size),
      session,
      tiling,
    });
  }

  async #release(part: string): Promise<void> {
    const slots = this.#slots.get(part) ?? [];
    this.#slots.delete(part);
    for (const { session } of slots) await session.dispose();
  }

  /** Those of a part that fit, as the last ones used; others go beyond what the plan has room for. */
  async #reuse(part: string, fits: (slot: Slot) => boolean): Promise<Slot | undefined> {
    const slots = this.#slots.get(part) ?? [];
    const found = slots.find(fits);
    const others = slots.filter((slot) => slot !== found);
    const room = (this.#plan?.sizes ?? 1) - 1;
    const kept = room > 0 ? others.slice(-room) : [];
    this.#slots.set(part, found ? [...kept, found] : kept);
    for (const slot of others) if (!kept.includes(slot)) await slot.session.dispose();
    return found;
  }

  /** A network beside the model's own that reads its batch as `sample`, kept under its name until another key is asked for there. */
  async *beside(name: string, key: string, { graph: graphOf, weights, ...options }: NetworkBeside): LoadingSession {
    const { rows } = this.#plan ?? {};
    const asPlanned = (session: Session): Session => (rows === undefined ? session : inRows(session, 'sample', rows));
    const slot = this.#beside.get(name);
    if (slot?.key === key) return asPlanned(slot.session);
    this.#beside.delete(name);
    await slot?.session.dispose();
    const graph = graphOf();
    const session = yield* tellingBytes(name, weightBytes(graph, weights), (loaded) =>
      this.#backend.compile(graph, { ...options, weights, loaded }),
    );
    this.#beside.set(name, { key, session, branches: new Set() });
    return asPlanned(session);
  }

  /** What such a network answers once; it is given back at once. */
  async *once(name: string, { graph: graphOf, weights }: NetworkBeside, feeds: Feeds): LoadingAnswers {
    const graph = graphOf();
    const session = yield* tellingBytes(name, weightBytes(graph, weights), (loaded) =>
      this.#backend.compile(graph, { weights, optimize: 'load', loaded }),
    );
    try {
      return await session.run(feeds);
    } finally {
      await session.dispose();
    }
  }

  /** Gives back the networks beside the model's own but for these. */
  async keepBeside(names: readonly string[]): Promise<void> {
    for (const [name, { session }] of [...this.#beside]) {
      if (names.includes(name)) continue;
      this.#beside.delete(name);
      await session.dispose();
    }
  }

  async dispose(): Promise<void> {
    await this.keepBeside([]);
    const slots = [...this.#slots.values()].flat();
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
    const known = (this.#slots.get(part) ?? []).flatMap((slot) => [...slot.branches]);
    const slot = await this.#reuse(part, (each) => {
      return each.key === key && wanted.every((module) => each.branches.has(module));
    });
    if (slot) return adapted(slot, adapters);
    // Those that were there stay, so that going back and forth between adapters ends in one session for all of them.
    const branches = new Set([...known, ...wanted]);
    const graph = withSideBranches(graphOf(), branches);
    const elements = graph.parameters.reduce((n, { shape }) => n + sizeOf(fixedShape(shape, 'a parameter')), 0);
    const pieces = component === this.model.parts.denoiser.component ? (this.#plan?.pieces ?? 1) : 1;
    const session = yield* tellingBytes(part, weightBytes(graph, this.model.weights), async (loaded) => {
      const merged = (await this.model.mergedWeights?.(component, adapters)) ?? this.model.weights;
      const weights = withHypernetworkWeights(merged, adapters.hypernetworks);
      return await compileInPieces(
        this.#backend,
        graph,
        { ...options, weights, loaded },
        piecesOf(4 * elements, pieces),
      );
    });
    const opened = { key, session, branches };
    this.#slots.set(part, [...(this.#slots.get(part) ?? []), opened]);
    return adapted(opened, adapters);
  }
}

/** The session with its side branches and the strengths of its hypernetworks fed. */
function adapted({ session, branches }: Slot, { branches: products, hypernetworks }: CombinedAdapters): Session {
  const { graph } = session;
  const strengths = strengthFeeds(graph, hypernetworks);
  if (branches.size === 0 && Object.keys(strengths).length === 0) return session;
  const feeds = { ...branchFeeds(graph, products), ...strengths };
  const unchanged = new Set(Object.keys(feeds));
  return {
    graph,
    run: (own, options) => session.run({ ...own, ...feeds }, { ...options, unchanged }),
    dispose: () => session.dispose(),
  };
}

function shallowOf(component: string): string {
  return `${component}.shallow`;
}

function sizeKey({ height, width }: LatentSize, { key }: Adjustment): string {
  return `${width}x${height} ${key}`;
}

/** Bytes of a graph's weights as they are stored. */
function weightBytes(graph: Graph, weights: WeightSource): number {
  let bytes = 0;
  for (const { attrs } of graph.parameters) {
    const ref = weights.get(attrs.name);
    if (ref && ref.kind !== 'memory') bytes += ref.byteLength;
    else if (ref) bytes += sizeOf(ref.tensor.shape) * byteSize(ref.tensor.dtype);
  }
  return bytes;
}
