/** One graph on a device: its weights, and a program for every set of sizes that it is run with. */

import { type HostTensor, sizeOf } from '#core/tensor';
import type { CompileOptions, Feeds, ResidentFeeds, ResidentResults, RunOptions, Session } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { checkFeeds, checkOutput } from '#engine/feeds';
import { symbolsOf } from '#graph/dim';
import type { Graph } from '#graph/value';
import type { Gpu } from './device.ts';
import type { DeviceMemory } from './memory.ts';
import { bytesOf, type Place } from './place.ts';
import type { PlannedOutput, Precision } from './planner.ts';
import { type KernelTime, profileProgram } from './profile.ts';
import { createProgram, type Program, type ResidentWeights, writeWords } from './program.ts';
import { GpuTensor, Readback } from './tensor.ts';
import { fromWords } from './transfer.ts';
import { loadWeights, type ReadRange } from './weights.ts';

export interface SessionOptions {
  readonly gpu: Gpu;
  readonly graph: Graph;
  readonly options: CompileOptions;
  readonly precision: Precision;
  readonly readRange: ReadRange | undefined;
  readonly warn: (message: string) => void;
  readonly onDispose: (session: Session) => void;
}

/** Programs of other sizes that are kept: batches with and without guidance, previews. */
const PROGRAMS_KEPT = 4;

/** A session that tells how long its kernels take. */
export interface GpuSession extends Session {
  /** Slowest first, of one run. Rejects with an EngineError `unavailable` where the device tells no times. */
  profile(feeds: ResidentFeeds): Promise<KernelTime[]>;
}

export async function createSession(options: SessionOptions): Promise<GpuSession> {
  const session = new ProgramSession(options, await weightsFor(options, options.precision));
  try {
    await session.prepare();
  } catch (e) {
    await session.dispose();
    throw e;
  }
  return session;
}

function weightsFor(
  { gpu, graph, readRange, options }: SessionOptions,
  precision: Precision,
): Promise<ResidentWeights> {
  const { weights: source, bindings = {}, loaded } = options;
  return loadWeights({ gpu, graph, source, bindings, precision, readRange, loaded });
}

type Sizes = Readonly<Record<string, number>>;

class ProgramSession implements GpuSession {
  readonly graph: Graph;
  readonly #options: SessionOptions;
  #weights: ResidentWeights;
  #precision: Precision;
  readonly #leaves: readonly (Graph['inputs'][number] | Graph['parameters'][number])[];
  readonly #programs = new Map<string, Promise<Program>>();
  #disposed = false;

  constructor(options: SessionOptions, weights: ResidentWeights) {
    this.graph = options.graph;
    this.#options = options;
    this.#weights = weights;
    this.#precision = options.precision;
    this.#leaves = [...this.graph.inputs, ...this.graph.parameters.filter((p) => !weights.has(p.attrs.name))];
  }

  /** Where no size is open, everything that can fail fails here and not at the first run. */
  async prepare(): Promise<void> {
    const { bindings = {} } = this.#options.options;
    const open = this.#leaves.some((v) => v.shape.some((d) => symbolsOf(d).some((s) => bindings[s] === undefined)));
    if (!open) await this.#program(bindings);
  }

  async run(feeds: Feeds, { into = {}, unchanged = nothing }: RunOptions = {}): Promise<Record<string, HostTensor>> {
    return (await this.#run({ feeds, unchanged, keep: nothing, into })).host;
  }

  async runResident(feeds: ResidentFeeds, keep: readonly string[]): Promise<ResidentResults> {
    return await this.#run({ feeds, unchanged: nothing, keep: new Set(keep), into: {} });
  }

  async profile(feeds: ResidentFeeds): Promise<KernelTime[]> {
    await this.#run({ feeds, unchanged: nothing, keep: nothing, into: {} });
    const { gpu, options } = this.#options;
    const program = await this.#program(checkFeeds('webgpu', this.#leaves, feeds, options.bindings));
    const brought = new Map<Place, DeviceMemory>();
    for (const [name, place] of program.inputs) {
      const t = feeds[name]!;
      if (!('data' in t)) brought.set(place, memoryOn(gpu, t));
    }
    return await profileProgram(gpu, program, brought);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#release();
    this.#options.onDispose(this);
  }

  async #release(): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    for (const program of programs) (await program.catch(() => undefined))?.dispose();
    for (const { memory } of this.#weights.values()) this.#options.gpu.pool.give(memory);
    this.#weights = new Map();
  }

  /** Halves end at 65504: what leaves them becomes infinite, and then NaN. */
  async #widen(): Promise<void> {
    const { warn, graph } = this.#options;
    warn(`${graph.name} gave values that are not numbers (NaN) in half precision; it goes on in full precision.`);
    await this.#release();
    this.#precision = 'full';
    this.#weights = await weightsFor(this.#options, 'full');
  }

  async #run(given: GivenRun): Promise<ResidentResults> {
    const { feeds, into } = given;
    const { gpu, graph } = this.#options;
    if (this.#disposed) throw new EngineError('disposed', 'webgpu', `the session of ${graph.name} is disposed`);
    const sizes = checkFeeds('webgpu', this.#leaves, feeds, this.#options.options.bindings);
    for (const [name, v] of Object.entries(graph.outputs))
      if (into[name]) checkOutput('webgpu', name, v, into[name], sizes);
    const once = async (): Promise<ResidentResults> => {
      const program = await this.#program(sizes);
      return await gpu.watch('run', `running ${graph.name}`, () => runOnce(gpu, program, given));
    };
    const results = await once();
    if (this.#precision === 'full' || Object.values(results.host).every(isFinite32)) return results;
    for (const t of Object.values(results.device)) t.dispose();
    await this.#widen();
    return await once();
  }

  #program(sizes: Sizes): Promise<Program> {
    const { gpu, graph, warn } = this.#options;
    const precision = this.#precision;
    const key = JSON.stringify(Object.entries(sizes).sort());
    const known = this.#programs.get(key);
    // The newest is last.
    this.#programs.delete(key);
    const program = known ?? createProgram({ gpu, graph, sizes, precision, weights: this.#weights, warn });
    this.#programs.set(key, program);
    program.catch(() => this.#programs.delete(key));
    if (this.#programs.size > PROGRAMS_KEPT) {
      const [oldest, old] = this.#programs.entries().next().value!;
      this.#programs.delete(oldest);
      void old.then((p) => p.dispose());
    }
    return program;
  }
}

/** A sum is finite only where all terms are: float64 does not overflow on float32's values. */
function isFinite32({ data }: HostTensor): boolean {
  if (!(data instanceof Float32Array)) return true;
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]!;
  return Number.isFinite(sum);
}

interface GivenRun {
  readonly feeds: ResidentFeeds;
  /** See `RunOptions`. */
  readonly unchanged: ReadonlySet<string>;
  /** Outputs that stay on the device. */
  readonly keep: ReadonlySet<string>;
  readonly into: Feeds;
}

const nothing: ReadonlySet<string> = new Set();

/** Uploads, computes and copies out in one submission; everything is given to the device before the first wait. */
function runOnce(gpu: Gpu, program: Program, { feeds, unchanged, keep, into }: GivenRun): Promise<ResidentResults> {
  const brought = new Map<Place, DeviceMemory>();
  for (const [name, place] of program.inputs) {
    const t = feeds[name]!;
    if ('data' in t) bring(gpu, program, place, t, unchanged.has(name));
    else brought.set(place, memoryOn(gpu, t));
  }
  const outputs = Object.entries(program.plan.outputs);
  const copies: { readonly from: Place; readonly to: DeviceMemory }[] = [];
  const device: ResidentResults['device'] = {};
  for (const [name, output] of outputs) {
    if (!keep.has(name)) continue;
    const memory = gpu.pool.take(bytesOf({ storage: 'f32', elements: sizeOf(output.shape) }));
    device[name] = new GpuTensor(gpu, output.value.dtype, output.shape, memory);
    // A kernel writes there, unless the output is a leaf or is one already.
    if (program.writes(output.place) && !brought.has(output.place)) brought.set(output.place, memory);
    else copies.push({ from: output.place, to: memory });
  }
  const wanted = outputs.filter(([name]) => !keep.has(name));
  const encoder = gpu.device.createCommandEncoder();
  program.encode(encoder, brought);
  const memoryOf = (place: Place): DeviceMemory => brought.get(place) ?? program.memoryOf(place);
  for (const { from, to } of copies) copyMemory(encoder, memoryOf(from), to, bytesOf(from));
  const reading = new Readback(
    gpu,
    wanted.map(([, o]) => 4 * sizeOf(o.shape)),
  );
  for (const [i, [, o]] of wanted.entries()) reading.copy(encoder, i, memoryOf(o.place));
  gpu.device.queue.submit([encoder.finish()]);
  return finishRun(reading, wanted, device, into);
}

/** Uploads a feed, unless it is there from an earlier run. */
function bring(gpu: Gpu, program: Program, place: Place, tensor: HostTensor, unchanged: boolean): void {
  if (unchanged && program.held.get(place) === tensor) return;
  writeWords(gpu, program.memoryOf(place), tensor);
  if (unchanged) program.held.set(place, tensor);
  else program.held.delete(place);
}

async function finishRun(
  reading: Readback,
  wanted: readonly (readonly [string, PlannedOutput])[],
  device: ResidentResults['device'],
  into: Feeds,
): Promise<ResidentResults> {
  const words = await reading.words();
  const host = wanted.map(([name, { value, shape }], i) => [
    name,
    fromWords(value.dtype, shape, words[i]!, into[name]),
  ]);
  return { host: Object.fromEntries(host) as Record<string, HostTensor>, device };
}

function memoryOn(gpu: Gpu, tensor: ResidentFeeds[string]): DeviceMemory {
  if (tensor instanceof GpuTensor && tensor.gpu === gpu) return tensor.memory;
  throw new EngineError('feed', 'webgpu', 'a tensor of another device was fed');
}

function copyMemory(encoder: GPUCommandEncoder, from: DeviceMemory, to: DeviceMemory, bytes: number): void {
  for (const part of from.parts(0, bytes)) {
    for (const target of to.parts(part.at, part.length)) {
      encoder.copyBufferToBuffer(part.buffer, part.offset + target.at, target.buffer, target.offset, target.length);
    }
  }
}
