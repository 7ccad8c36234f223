/**
 * How a job fits into memory. Before anything is loaded, the peak of each phase is told from the graphs: weights in the
 * form in which the runtime keeps them, what is there twice while they are loaded, the values of a run. Of the ways to
 * need less, the first that fits is taken, from those that cost nothing to those that cost time.
 */

import { InternalError } from '#core/errors';
import type { WeightSource } from '#engine/backend';
import { activationMemory, type WeightMemory, weightMemory } from '#engine/memory';
import { splitGraph } from '#graph/split';
import type { Graph } from '#graph/value';
import { type Tiling, tileOf } from './tiles.ts';

/** Of a latent, cells. */
interface LatentSize {
  readonly height: number;
  readonly width: number;
}

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
  /** Sizes of a part that stay compiled side by side, so that passes need not compile each other's away; default 1. */
  readonly sizes?: number;
}

export interface MemoryEstimate {
  /** Bytes of the process at the highest. */
  readonly peak: number;
  /** In which phase that is. */
  readonly phase: string;
  readonly phases: Readonly<Record<string, number>>;
}

/** A network as it is run. */
export interface NetworkNeed {
  readonly graph: Graph;
  readonly weights: WeightSource;
  /** Bytes of an element of a weight that stays packed; undefined for one that is widened. */
  inBlocks(parameter: string): number | undefined;
}

/** What of a job its memory depends on. */
export interface MemoryNeed {
  /** Of the largest pass, cells of the latent. */
  readonly size: LatentSize;
  /** Of the largest run of the denoiser: pictures times passes of guidance. */
  readonly rows: number;
  readonly textEncoders: readonly NetworkNeed[];
  readonly denoiser: NetworkNeed;
  /** The denoiser's shallow part, where a step cache runs it by itself. */
  readonly shallow?: NetworkNeed | undefined;
  /** Networks that run before the denoiser at each step. */
  readonly beside: readonly NetworkNeed[];
  /** Networks that run once before the first step and are let go. */
  readonly once: readonly NetworkNeed[];
  /** Of a latent of some size. */
  decoder(size: LatentSize): NetworkNeed;
  /** Where pictures are encoded. */
  readonly encoder?: ((size: LatentSize) => NetworkNeed) | undefined;
  /** What enlarges pictures between passes, and the latent's size before it. */
  readonly enlarging?: { readonly upscaler: NetworkNeed; readonly from: LatentSize } | undefined;
  /** Bytes of adapters' own tensors. */
  readonly adapterBytes: number;
}

/** Node with the runtime's library, before any model. Measured. */
const PROCESS = 180e6;
/** The runtime's arena and its copies in blocked layout beside the values themselves. Measured. */
const ARENA = 1.9;
/** More pieces gain little and cost copies between them; where room is short, finer ones. */
const PIECES = 4;
const FINE_PIECES = 8;
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
  for (const count of [pieces, FINE_PIECES]) {
    for (let rows = Math.ceil(need.rows / 2); ; rows = Math.ceil(rows / 2)) {
      yield { pieces: count, releaseEncoders: true, tiling: smallest, rows, releaseDenoiser: false };
      if (rows === 1) break;
    }
    yield { pieces: count, releaseEncoders: true, tiling: smallest, rows: 1, releaseDenoiser: true };
  }
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
  readonly #values = new Map<string, number>();
  readonly #base: number;
  readonly #encoders: number;
  readonly #beside: { readonly resident: number; readonly peak: number };

  constructor(need: MemoryNeed) {
    this.#need = need;
    this.#base = PROCESS + need.adapterBytes;
    this.#encoders = need.textEncoders.reduce((bytes, each) => bytes + memoryOf(each).resident, 0);
    this.#beside = loadedInTurn(need.beside.map(memoryOf));
  }

  of(plan: MemoryPlan): MemoryEstimate {
    const { beside, once, shallow } = this.#need;
    const { rows } = plan;
    const early = this.#base + this.#encoders;
    const kept = (plan.releaseEncoders ? this.#base : early) + this.#beside.resident;
    const denoiser = this.#loading(plan.pieces);
    // Each piece has an arena of its own and keeps it.
    const graphs = [...denoiser.graphs, ...beside.map(({ graph }) => graph), ...(shallow ? [shallow.graph] : [])];
    const values = graphs.reduce((n, graph, i) => n + this.#arena(`${plan.pieces} ${i}`, graph, rows), 0);
    const part = shallow ? memoryOf(shallow) : nothing;
    const running = denoiser.resident + part.resident + values;
    const phases: Record<string, number> = {
      'reading the prompt': early,
      'loading control networks': early + this.#beside.peak,
      'reading control pictures': early + Math.max(0, ...once.map(wholeOf)),
      'loading the denoiser': kept + Math.max(denoiser.peak, denoiser.resident + part.resident + part.making),
      denoising: kept + running,
      decoding: kept + (plan.releaseDenoiser ? 0 : running) + this.#autoencoder('decoder', plan),
      ...this.#enlarging(kept + denoiser.resident, plan),
    };
    if (this.#need.encoder) {
      const encoder = this.#autoencoder('encoder', plan);
      phases['encoding a picture'] = early + encoder;
      for (const name of ['loading the denoiser', 'denoising', 'decoding']) phases[name]! += encoder;
    }
    const [phase, peak] = Object.entries(phases).reduce((a, b) => (b[1] > a[1] ? b : a));
    return { peak, phase, phases };
  }

  /** Between two passes: the smaller picture is decoded and goes through the upscaler beside what drew it. */
  #enlarging(underneath: number, { rows }: MemoryPlan): Record<string, number> {
    const { enlarging, decoder, denoiser } = this.#need;
    if (!enlarging) return {};
    const { from, upscaler } = enlarging;
    const share = (from.height * from.width) / (this.#need.size.height * this.#need.size.width);
    const drawn = share * this.#arena('whole', denoiser.graph, rows);
    return { 'enlarging a picture': underneath + drawn + wholeOf(decoder(from)) + wholeOf(upscaler) };
  }

  /** Of the denoiser: what it keeps, and the highest while it is loaded piece by piece. */
  #loading(count: number): Pieces {
    const known = this.#pieces.get(count);
    if (known) return known;
    const { denoiser } = this.#need;
    const graphs = splitGraph(denoiser.graph, piecesOf(memoryOf(denoiser).resident, count));
    const pieces = { graphs, ...loadedInTurn(graphs.map((graph) => memoryOf({ ...denoiser, graph }))) };
    this.#pieces.set(count, pieces);
    return pieces;
  }

  #autoencoder(half: 'decoder' | 'encoder', { tiling }: MemoryPlan): number {
    return wholeOf(this.#need[half]!(tiling ? tileOf(this.#need.size, tiling) : this.#need.size));
  }

  /** What a run of a graph takes; `name` tells graphs apart. */
  #arena(name: string, graph: Graph, rows: number): number {
    const key = `${name} ${rows}`;
    const known = this.#values.get(key) ?? ARENA * activationMemory(graph, { batch: rows });
    this.#values.set(key, known);
    return known;
  }
}

const nothing: WeightMemory = { resident: 0, making: 0 };

function memoryOf({ graph, weights, inBlocks }: NetworkNeed): WeightMemory {
  return weightMemory(graph, weights, inBlocks);
}

/** Bytes of a process that holds one network alone and runs it on one row. */
export function aloneMemory(network: NetworkNeed): number {
  return PROCESS + wholeOf(network);
}

/** Of a network that runs one row. What it took on the way to its layout stays with the process while it runs. */
function wholeOf(network: NetworkNeed): number {
  const { resident, making } = memoryOf(network);
  return resident + making + ARENA * activationMemory(network.graph, { batch: 1 });
}

/** Networks that are loaded one after the other and stay: what they keep, and the highest on the way. */
function loadedInTurn(networks: readonly WeightMemory[]): { resident: number; peak: number } {
  let resident = 0;
  let peak = 0;
  for (const network of networks) {
    resident += network.resident;
    peak = Math.max(peak, resident + network.making);
  }
  return { resident, peak };
}

/** Small networks are compiled in one. */
export function piecesOf(weightBytes: number, wanted: number): number {
  return weightBytes < SMALL ? 1 : wanted;
}
