/**
 * A plan made ready to run: shaders compiled, every place in memory, bindings made. Memory of intermediate results is
 * shared by those whose lives do not overlap; a run is one command buffer.
 */

import type { HostTensor } from '#core/tensor';
import { EngineError, toEngineError } from '#engine/errors';
import type { Graph, Value } from '#graph/value';
import type { Gpu } from './device.ts';
import type { Kernel, KernelText } from './kernel.ts';
import { placesOf } from './kernel.ts';
import type { DeviceMemory, TakeMemory } from './memory.ts';
import { bytesOf, type Place } from './place.ts';
import { type Plan, Planner, type Precision } from './planner.ts';
import { toWords } from './transfer.ts';

type Leaf = Value<'input'> | Value<'parameter'>;

/** Weights that every plan of a session reads, by parameter name. */
export type ResidentWeights = ReadonlyMap<string, { readonly place: Place; readonly memory: DeviceMemory }>;

export interface ProgramOptions {
  readonly gpu: Gpu;
  readonly graph: Graph;
  readonly sizes: Readonly<Record<string, number>>;
  readonly precision: Precision;
  readonly weights: ResidentWeights;
  readonly warn: (message: string) => void;
}

interface Compiled {
  readonly kernel: Kernel;
  readonly text: KernelText;
  readonly pipeline: GPUComputePipeline;
  /** Bind groups by the memory of the places that a run may bring along. */
  readonly groups: Map<string, GPUBindGroup>;
}

export interface Program {
  readonly plan: Plan;
  /** Places of inputs and of parameters without weights, by leaf name. */
  readonly inputs: ReadonlyMap<string, Place>;
  /** What places of inputs hold from earlier runs, of tensors that do not change. */
  readonly held: Map<Place, HostTensor>;
  /** Whether a kernel of the plan writes this place (as opposed to leaves). */
  writes(place: Place): boolean;
  memoryOf(place: Place): DeviceMemory;
  /** Encodes all kernels; `brought` replaces the memory of places, `times` gives each kernel a pass that is timed. */
  encode(encoder: GPUCommandEncoder, brought: ReadonlyMap<Place, DeviceMemory>, times?: TimesOfKernel): void;
  dispose(): void;
}

/** Where the times of the kernel of this index go. */
export type TimesOfKernel = (kernel: number) => {
  readonly querySet: GPUQuerySet;
  readonly beginningOfPassWriteIndex: number;
  readonly endOfPassWriteIndex: number;
};

let nextPlace = 0;

/** What shaders count to: indices are u32. */
const MOST_ELEMENTS = 2 ** 32 - 1;

/**
 * A new place; ids are unique, so that equal shaders have equal text only by their own numbering.
 * @throws EngineError `out-of-memory` for more elements than can be counted
 */
export function newPlace(storage: Place['storage'], elements: number, rounded?: boolean): Place {
  if (elements > MOST_ELEMENTS) {
    const message = `a tensor of ${elements} elements is more than shaders count to (${MOST_ELEMENTS}); use a smaller size, a smaller batch or tiles`;
    throw new EngineError('out-of-memory', 'webgpu', message);
  }
  return { id: nextPlace++, storage, elements, rounded };
}

export async function createProgram(options: ProgramOptions): Promise<Program> {
  const { gpu, graph, sizes, precision, weights } = options;
  const inputs = new Map<string, Place>();
  const constants: { place: Place; tensor: HostTensor }[] = [];
  const sizeOfLeaf = (v: Value): number => planner.elementsOf(v);
  const leaf = (v: Leaf | Value<'constant'>): Place => {
    if (v.op === 'constant') {
      const place = newPlace(storageFor(v), sizeOfLeaf(v));
      constants.push({ place, tensor: v.attrs.tensor });
      return place;
    }
    const known = (v.op === 'parameter' ? weights.get(v.attrs.name)?.place : undefined) ?? inputs.get(v.attrs.name);
    if (known) return known;
    const place = newPlace(storageFor(v), sizeOfLeaf(v));
    inputs.set(v.attrs.name, place);
    return place;
  };
  const planner = new Planner(graph, { traits: gpu.traits, sizes, precision, leaf, newPlace });
  const plan = planner.plan();
  const compiled = await compileAll(options, plan.kernels);
  const memory = await gpu.reserve(graph.name, (take) => {
    const into = new Map([...weights.values()].map((w) => [w.place, w.memory]));
    const hold = (place: Place): unknown => into.set(place, take(bytesOf(place)));
    for (const place of inputs.values()) hold(place);
    for (const { place, tensor } of constants) {
      hold(place);
      writeWords(gpu, into.get(place)!, tensor);
    }
    placeResults(plan, compiled, into, take);
    return into;
  });
  const written = new Set(
    compiled.flatMap((c) => c.text.bindings.flatMap((b) => (b.access === 'write' ? [b.place] : []))),
  );
  return {
    plan,
    inputs,
    held: new Map(),
    writes: (place) => written.has(place),
    memoryOf: (place) => memory.get(place)!,
    encode: (encoder, brought, times) => encode(gpu, compiled, memory, encoder, brought, times),
    dispose: () => {
      for (const m of ownMemory(memory, weights)) gpu.pool.give(m);
    },
  };
}

function ownMemory(memory: ReadonlyMap<Place, DeviceMemory>, weights: ResidentWeights): Set<DeviceMemory> {
  const own = new Set(memory.values());
  for (const w of weights.values()) own.delete(w.memory);
  return own;
}

function storageFor(v: Value): Place['storage'] {
  return v.dtype === 'bool' || v.dtype === 'u32' || v.dtype === 'u64' ? 'u32' : /^(f|bf)/.test(v.dtype) ? 'f32' : 'i32';
}

/** Uploads the elements of a tensor. */
export function writeWords(gpu: Gpu, memory: DeviceMemory, tensor: Pick<HostTensor, 'dtype' | 'data'>): void {
  const words = toWords(tensor);
  for (const { buffer, offset, length, at } of memory.parts(0, words.byteLength)) {
    gpu.device.queue.writeBuffer(buffer, offset, words.buffer, words.byteOffset + at, length);
  }
}

/** Gives results memory in the order of their making; memory whose reader was the last one serves the next. */
function placeResults(
  plan: Plan,
  kernels: readonly Compiled[],
  memory: Map<Place, DeviceMemory>,
  take: TakeMemory,
): void {
  const last = new Map<Place, number>();
  kernels.forEach(({ text }, i) => {
    for (const { place } of text.bindings) last.set(place, i);
  });
  const kept = new Set(Object.values(plan.outputs).map((o) => o.place));
  const held = new Set<DeviceMemory>();
  const free: DeviceMemory[] = [];
  kernels.forEach(({ text }, i) => {
    const places = placesOf([text]);
    for (const place of places) {
      if (memory.has(place)) continue;
      const bytes = bytesOf(place);
      const fit = bestFit(free, bytes);
      const taken = fit ?? take(bytes);
      if (!fit) held.add(taken);
      memory.set(place, taken);
    }
    for (const place of places) {
      const mine = memory.get(place)!;
      if (last.get(place) === i && !kept.has(place) && held.has(mine)) free.push(mine);
    }
  });
  for (const place of kept) if (!memory.has(place)) memory.set(place, take(bytesOf(place)));
}

/** Takes the smallest of `free` that is large enough without wasting more than it holds. */
function bestFit(free: DeviceMemory[], bytes: number): DeviceMemory | undefined {
  let best = -1;
  free.forEach((m, i) => {
    if (m.bytes >= bytes && m.bytes <= 2 * bytes && (best < 0 || m.bytes < free[best]!.bytes)) best = i;
  });
  return best < 0 ? undefined : free.splice(best, 1)[0];
}

async function compileAll({ gpu, graph, warn }: ProgramOptions, kernels: readonly Kernel[]): Promise<Compiled[]> {
  const doing = `compiling the shaders of ${graph.name}`;
  try {
    return await Promise.all(kernels.map((kernel) => compileOne(gpu, kernel, warn)));
  } catch (cause) {
    throw gpu.lost ?? toEngineError('compile', 'webgpu', doing, cause);
  }
}

async function compileOne(gpu: Gpu, kernel: Kernel, warn: (message: string) => void): Promise<Compiled> {
  const groups = new Map<string, GPUBindGroup>();
  try {
    return { kernel, text: kernel, groups, pipeline: await gpu.pipeline(kernel.label, kernel.code) };
  } catch (cause) {
    if (!kernel.plain || gpu.lost) throw cause;
    const text = kernel.plain();
    warn(`The driver does not compile the shader for ${kernel.label}; its plain form is used, which is slower.`);
    return { kernel, text, groups, pipeline: await gpu.pipeline(`${kernel.label}, plain`, text.code) };
  }
}

function encode(
  gpu: Gpu,
  compiled: readonly Compiled[],
  memory: ReadonlyMap<Place, DeviceMemory>,
  encoder: GPUCommandEncoder,
  brought: ReadonlyMap<Place, DeviceMemory>,
  times?: TimesOfKernel,
): void {
  const dispatch = (pass: GPUComputePassEncoder, c: Compiled): void => {
    pass.setPipeline(c.pipeline);
    pass.setBindGroup(0, bindGroup(gpu, c, memory, brought));
    pass.dispatchWorkgroups(...c.text.workgroups);
  };
  if (times) {
    for (const [i, c] of compiled.entries()) {
      // The types are of an earlier form of timestamps.
      const pass = encoder.beginComputePass({ timestampWrites: times(i) as unknown as GPUComputePassTimestampWrites });
      dispatch(pass, c);
      pass.end();
    }
    return;
  }
  const pass = encoder.beginComputePass();
  for (const c of compiled) dispatch(pass, c);
  pass.end();
}

const ids = new WeakMap<DeviceMemory, number>();
let nextId = 0;

function idOf(memory: DeviceMemory): number {
  const known = ids.get(memory) ?? nextId++;
  ids.set(memory, known);
  return known;
}

/** Two sets of brought memory are kept: training swaps between them. */
const GROUPS_KEPT = 4;

function bindGroup(
  gpu: Gpu,
  { groups, pipeline, text }: Compiled,
  memory: ReadonlyMap<Place, DeviceMemory>,
  brought: ReadonlyMap<Place, DeviceMemory>,
): GPUBindGroup {
  const key =
    brought.size === 0
      ? ''
      : text.bindings.flatMap(({ place }) => (brought.has(place) ? [idOf(brought.get(place)!)] : [])).join();
  const known = groups.get(key);
  if (known) return known;
  const entries = text.bindings.map((b, binding) => ({
    binding,
    resource: (brought.get(b.place) ?? memory.get(b.place)!).bind(b),
  }));
  const group = gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  if (groups.size >= GROUPS_KEPT) groups.delete(groups.keys().next().value!);
  groups.set(key, group);
  return group;
}
