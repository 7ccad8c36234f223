/**
 * How a job fits into memory. Before anything is loaded, the peak of each phase is told from the graphs: weights in the
 * form in which the runtime keeps them, what is there twice while they are loaded, the values of a run. Of the ways to
 * need less, the first that fits is taken, from those that cost nothing to those that cost time.
 */

import { InternalError } from '#core/errors';
import type { WeightSource } from '#engine/backend';
import { activationMemory, weightMemory } from '#engine/memory';
import { splitGraph } from '#graph/split';
import type { Graph } from '#graph/value';
import type { ModelParts } from '#models/family';
import { type Tiling, tileOf } from './tiles.ts';

export interface MemoryPlan {
  /** Pieces in which the denoiser is compiled. */
  readonly pieces: number;
  /** Text encoders are let go once the prompts are encoded. */
  readonly releaseEncoders: boolean;
  /** The autoencoder runs in tiles of this size. */
  readonly tiling: Tiling | undefined;
  /** Rows of a batch that the denoiser runs at once. */
  readonly rows: number;
  /** The denoiser is let go before pictures are decoded. */
  readonly releaseDenoiser: boolean;
}

export interface MemoryEstimate {
  /** Bytes of the process at the highest. */
  readonly peak: number;
  /** In which phase that is. */
  readonly phase: string;
  readonly phases: Readonly<Record<string, number>>;
}

/** What of a job its memory depends on. */
export interface MemoryNeed {
  readonly parts: ModelParts;
  readonly weights: WeightSource;
  /** Of the largest pass, cells of the latent. */
  readonly size: { readonly height: number; readonly width: number };
  /** Of the largest run of the denoiser: pictures times passes of guidance. */
  readonly rows: number;
  readonly encodes: boolean;
  /** Bytes of an element of a weight that stays packed; undefined for one that is widened. */
  inBlocks(parameter: string): number | undefined;
}

/** Node with the runtime's library, before any model. Measured. */
const PROCESS = 180e6;
/** The runtime's arena and its copies in blocked layout beside the values themselves. Measured. */
const ARENA = 1.9;
/** More pieces gain little and cost copies between them. */
const PIECES = 4;
/** Below this a network's weights may well be there twice. */
const SMALL = 256e6;

const tilings: readonly (Tiling | undefined)[] = [
  undefined,
  ...[96, 64, 48, 32].map((side) => ({ side, overlap: side / 4 })),
];

/** In the order of what they cost. */
function* plans(need: MemoryNeed): Generator<MemoryPlan> {
  const pieces = PIECES;
  const fitting = tilings.filter((t) => !t || t.side < Math.max(need.size.height, need.size.width));
  const smallest = fitting.at(-1);
  yield { pieces, releaseEncoders: false, tiling: undefined, rows: need.rows, releaseDenoiser: false };
  for (const tiling of fitting) {
    yield { pieces, releaseEncoders: true, tiling, rows: need.rows, releaseDenoiser: false };
  }
  for (let rows = Math.ceil(need.rows / 2); ; rows = Math.ceil(rows / 2)) {
    yield { pieces, releaseEncoders: true, tiling: smallest, rows, releaseDenoiser: false };
    if (rows === 1) break;
  }
  yield { pieces, releaseEncoders: true, tiling: smallest, rows: 1, releaseDenoiser: true };
}

/** The first plan that fits into `limit` bytes, or the one that needs least; with what it needs. */
export function planMemory(need: MemoryNeed, limit: number): { plan: MemoryPlan; estimate: MemoryEstimate } {
  const estimator = new Estimator(need);
  let least: { plan: MemoryPlan; estimate: MemoryEstimate } | undefined;
  for (const plan of plans(need)) {
    const estimate = estimator.of(plan);
    if (estimate.peak <= limit) return { plan, estimate };
    if (!least || estimate.peak < least.estimate.peak) least = { plan, estimate };
  }
  if (!least) throw new InternalError('there is no plan of a job at all');
  return least;
}

interface Pieces {
  readonly graphs: readonly Graph[];
  readonly resident: number;
  /** While they are loaded one after the other. */
  readonly peak: number;
}

class Estimator {
  readonly #need: MemoryNeed;
  readonly #pieces = new Map<number, Pieces>();
  readonly #denoiser: Graph;
  readonly #encoders: readonly Graph[];

  constructor(need: MemoryNeed) {
    this.#need = need;
    this.#denoiser = need.parts.denoiser.graph(need.size);
    this.#encoders = need.parts.textEncoders.map((part) => part.graph());
  }

  of(plan: MemoryPlan): MemoryEstimate {
    const encoders = this.#encoders.reduce((bytes, graph) => bytes + this.#weights(graph).resident, 0);
    const kept = PROCESS + (plan.releaseEncoders ? 0 : encoders);
    const denoiser = this.#loading(plan.pieces);
    // Each piece has an arena of its own and keeps it.
    const values = ARENA * denoiser.graphs.reduce((n, piece) => n + activationMemory(piece, { batch: plan.rows }), 0);
    const underneath = plan.releaseDenoiser ? 0 : denoiser.resident + values;
    const { autoencoder } = this.#need.parts;
    const phases: Record<string, number> = {
      'reading the prompt': PROCESS + encoders,
      'loading the denoiser': kept + denoiser.peak,
      denoising: kept + denoiser.resident + values,
      decoding: kept + underneath + this.#autoencoder((size) => autoencoder.decoderGraph(size), plan.tiling),
    };
    if (this.#need.encodes) {
      const encoder = this.#autoencoder((size) => autoencoder.encoderGraph(size), plan.tiling);
      phases['encoding a picture'] = PROCESS + encoders + encoder;
      for (const name of ['loading the denoiser', 'denoising', 'decoding']) phases[name]! += encoder;
    }
    const [phase, peak] = Object.entries(phases).reduce((a, b) => (b[1] > a[1] ? b : a));
    return { peak, phase, phases };
  }

  #weights(graph: Graph): ReturnType<typeof weightMemory> {
    return weightMemory(graph, this.#need.weights, (name) => this.#need.inBlocks(name));
  }

  /** Of the denoiser: what it keeps, and the highest while it is loaded piece by piece. */
  #loading(count: number): Pieces {
    const known = this.#pieces.get(count);
    if (known) return known;
    let resident = 0;
    let peak = 0;
    const graphs = splitGraph(this.#denoiser, piecesOf(this.#weights(this.#denoiser).resident, count));
    for (const piece of graphs) {
      const own = this.#weights(piece);
      resident += own.resident;
      peak = Math.max(peak, resident + own.making);
    }
    const pieces = { graphs, resident, peak };
    this.#pieces.set(count, pieces);
    return pieces;
  }

  #autoencoder(graphOf: (size: MemoryNeed['size']) => Graph, tiling: Tiling | undefined): number {
    const graph = graphOf(tiling ? tileOf(this.#need.size, tiling) : this.#need.size);
    return this.#weights(graph).resident + ARENA * activationMemory(graph, { batch: 1 });
  }
}

/** Small networks are compiled in one. */
export function piecesOf(weightBytes: number, wanted: number): number {
  return weightBytes < SMALL ? 1 : wanted;
}
