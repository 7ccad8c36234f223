/**
 * Turns a graph with known sizes into a list of kernels over places in device memory.
 *
 * Values are visited operands first. A value that only moves or maps elements joins its user where it has one user; a
 * chain of elementwise operations behind a kernel becomes that kernel's last lines; maps over equally many elements
 * that read the same memory share one pass with several results (an optimiser's update). What is left becomes memory.
 */

import { isFloat } from '#core/dtype';
import { type Shape, sizeOf } from '#core/tensor';
import { type Dim, evaluateDim } from '#graph/dim';
import { type Graph, scalarOf, topological, type Value } from '#graph/value';
import { Emitter, type Placement, type Stored } from './emitter.ts';
import type { Kernel } from './kernel.ts';
import { mapKernel } from './kernels/map.ts';
import { bytesOf, type Place, type Storage, storageOf } from './place.ts';
import type { PointwiseRule, Rule } from './rule.ts';
import { elementwiseRules } from './rules/elementwise.ts';
import { rules } from './rules/table.ts';
import type { DeviceTraits, Shader } from './shader.ts';

export type Precision = 'full' | 'half';

export interface PlanOptions {
  readonly traits: DeviceTraits;
  readonly sizes: Readonly<Record<string, number>>;
  readonly precision: Precision;
  /** Leaves that are in memory already. */
  readonly leaf: (v: Value<'input'> | Value<'parameter'> | Value<'constant'>) => Place;
  readonly newPlace: (storage: Storage, elements: number, rounded?: boolean) => Place;
}

export interface Plan {
  readonly kernels: readonly Kernel[];
  readonly outputs: Readonly<Record<string, PlannedOutput>>;
}

export interface PlannedOutput {
  readonly value: Value;
  readonly shape: Shape;
  readonly place: Place;
}

/** Operations written into one expression at most; beyond that registers run out. */
const MOST_JOINED = 48;
/** Scalar arithmetic that is done again by every invocation rather than by a kernel of its own. */
const CHEAP = 4;
/** Bindings that are left for results. */
const SPARE_BUFFERS = 2;
/** Values of fewer elements stay in f32 in half precision: scalars, embeddings of time, biases. */
const SMALL = 8192;

interface Group {
  readonly members: Value[];
  readonly elements: number;
  readonly reads: Set<Place>;
}

type Step = { readonly kernels: readonly Kernel[] } | { readonly group: Group };

export class Planner implements Placement {
  readonly traits: DeviceTraits;
  readonly #graph: Graph;
  readonly #options: PlanOptions;
  readonly #order: readonly Value[];
  readonly #users = new Map<Value, Set<Value>>();
  readonly #outputs: ReadonlySet<Value>;
  readonly #shapes = new Map<Value, Shape>();
  readonly #places = new Map<Value, Place>();
  readonly #prepared = new Map<Value, readonly Place[]>();
  /** Values that live in registers of a kernel only. */
  readonly #fused = new Set<Value>();
  readonly #weights = new Map<Value, number>();
  readonly #producedAt = new Map<Place, number>();
  readonly #steps: Step[] = [];
  readonly #leaves = new Map<string, Place>();

  constructor(graph: Graph, options: PlanOptions) {
    this.#graph = graph;
    this.#options = options;
    this.traits = options.traits;
    this.#outputs = new Set(Object.values(graph.outputs));
    this.#order = topological([...this.#outputs]);
    for (const v of this.#order) {
      for (const x of v.inputs) this.#usersOf(x).add(v);
    }
  }

  plan(): Plan {
    for (const v of this.#order) this.#visit(v);
    const kernels = this.#steps.flatMap((s) => ('group' in s ? this.#groupKernels(s.group) : s.kernels));
    const outputs = Object.entries(this.#graph.outputs).map(([name, value]) => {
      const place = this.placeOf(value) ?? this.#constantPlace(value);
      return [name, { value, shape: this.shapeOf(value), place }] as const;
    });
    return { kernels, outputs: Object.fromEntries(outputs) };
  }

  // What kernels and rules ask

  placeOf(v: Value): Place | undefined {
    if (this.#fused.has(v)) return undefined;
    const known = this.#places.get(v);
    if (known || scalarOf(v) !== undefined) return known;
    if (v.op !== 'input' && v.op !== 'parameter' && v.op !== 'constant') return undefined;
    const key = v.op === 'constant' ? undefined : `${v.op} ${v.attrs.name}`;
    const place = (key === undefined ? undefined : this.#leaves.get(key)) ?? this.#options.leaf(v);
    if (key !== undefined) this.#leaves.set(key, place);
    this.#places.set(v, place);
    return place;
  }

  shapeOf(v: Value): Shape {
    let shape = this.#shapes.get(v);
    if (!shape) {
      shape = v.shape.map((d) => this.sizeOf(d));
      this.#shapes.set(v, shape);
    }
    return shape;
  }

  sizeOf(d: Dim): number {
    return evaluateDim(d, this.#options.sizes);
  }

  elementsOf(v: Value): number {
    return sizeOf(this.shapeOf(v));
  }

  prepared(v: Value): readonly Place[] {
    return this.#prepared.get(v) ?? [];
  }

  prepare(v: Value, places: readonly Place[]): void {
    this.#prepared.set(v, places);
  }

  write(e: Emitter, v: Value, index: string): string {
    const rule = rules[v.op as keyof typeof rules] as PointwiseRule<never>;
    return rule.write(e, v as never, index);
  }

  emitter(shader: Shader): Emitter {
    return new Emitter(shader, this);
  }

  /** Memory for partial results, in f32. */
  scratch(elements: number): Place {
    return this.#options.newPlace('f32', elements);
  }

  get half(): boolean {
    return this.#options.precision === 'half';
  }

  /** Adds kernels that write `result`, which is in memory from now on. */
  done({ target, place }: Stored, ...kernels: readonly Kernel[]): void {
    this.#places.set(target, place);
    this.add(...kernels);
  }

  add(...kernels: readonly Kernel[]): void {
    for (const k of kernels) {
      for (const { place, access } of k.bindings) {
        if (access === 'write') this.#producedAt.set(place, this.#steps.length);
      }
    }
    this.#steps.push({ kernels });
  }

  /**
   * What the kernel of `v` stores: `v` itself, or the last of the elementwise operations behind it, which the emitter
   * computes from `v`. It is in memory once the kernels are `done`.
   */
  finish(v: Value): Stored {
    let target = v;
    let weight = 0;
    const reads = this.#readsOf(v);
    while (!this.#outputs.has(target)) {
      const users = [...this.#usersOf(target)];
      const next = users[0];
      if (users.length !== 1 || !next || !this.#follows(next, target)) break;
      weight += 1;
      this.#readsOf(next, target, reads);
      if (weight > MOST_JOINED || this.#isCrowded(reads)) break;
      this.#fused.add(target);
      target = next;
    }
    return { target, place: this.#newPlaceFor(target) };
  }

  /** Whether `v` is the transpose of a matrix in memory (its last two axes swapped, the others kept). */
  isMatrixTranspose(v: Value): boolean {
    const place = this.placeOf(v);
    if (place) return place.transposed !== undefined;
    if (v.op === 'reshape') return false;
    if (v.op !== 'transpose') return false;
    const { perm } = v.attrs;
    return perm.at(-1) !== perm.length - 1;
  }

  // Decisions

  #usersOf(v: Value): Set<Value> {
    const known = this.#users.get(v) ?? new Set();
    this.#users.set(v, known);
    return known;
  }

  #visit(v: Value): void {
    if (this.#places.has(v) || this.#fused.has(v) || v.op === 'input' || v.op === 'parameter' || v.op === 'constant') {
      return;
    }
    const rule = rules[v.op] as Rule<never>;
    this.#relieve(v);
    if (rule.kind === 'kernel') {
      rule.schedule(this, v as never);
      return;
    }
    rule.prepare?.(this, v as never);
    if (this.#alias(v)) return;
    if (this.#mustStore(v, rule)) this.#schedule(v);
    else this.#weights.set(v, this.#weightOf(v));
  }

  /** A reshape of what is in memory is the same memory. Work is in the graph's order, so nothing need wait. */
  #alias(v: Value): boolean {
    if (v.op !== 'reshape' && v.op !== 'stopGradient' && v.op !== 'after') return false;
    const place = this.placeOf(v.inputs[0]!);
    if (!place || place.transposed) return false;
    this.#places.set(v, place);
    return true;
  }

  /** Stores operands that were to be computed by the way, until what is read fits in the bindings of one shader. */
  #relieve(v: Value): void {
    const open = v.inputs.filter((x) => !this.placeOf(x) && this.#weights.has(x));
    const width = (x: Value): number => this.#readsOf(x).size;
    for (const x of open.sort((a, b) => width(b) - width(a))) {
      if (!this.#isCrowded(this.#readsOf(v))) return;
      if (!this.placeOf(x)) this.#schedule(x);
    }
  }

  /** Whether reading these places leaves too few bindings. */
  #isCrowded(reads: ReadonlySet<Place>): boolean {
    let windows = 0;
    for (const p of reads) windows += Math.ceil(bytesOf(p) / this.traits.bindingBytes);
    return windows > this.traits.storageBuffers - SPARE_BUFFERS;
  }

  #weightOf(v: Value): number {
    return v.inputs.reduce((n, x) => n + (this.#weights.get(x) ?? 0), 1);
  }

  /** Whether reading through `v` costs no arithmetic. */
  #isView(v: Value): boolean {
    if (this.placeOf(v) || scalarOf(v) !== undefined) return true;
    const rule = rules[v.op as keyof typeof rules] as Rule<never>;
    return rule.kind === 'view' && this.#isView(v.inputs[0]!);
  }

  #mustStore(v: Value, rule: PointwiseRule<never>): boolean {
    const users = [...this.#usersOf(v)];
    if (this.#outputs.has(v) || users.length === 0) return true;
    if (this.#weightOf(v) > MOST_JOINED) return true;
    const view = this.#isView(v);
    if (view) return false;
    const elements = this.elementsOf(v);
    if (elements === 1 && rule.kind === 'map' && this.#weightOf(v) <= CHEAP)
      return users.some((u) => !this.#absorbs(u));
    if (users.length > 1) return true;
    const [user] = users as [Value];
    if (!this.#absorbs(user)) return true;
    if (rule.kind === 'sweep') return !isElementwise(user) || this.elementsOf(user) !== elements;
    const userRule = rules[user.op as keyof typeof rules] as Rule<never>;
    return userRule.kind !== 'kernel' && this.elementsOf(user) > elements;
  }

  /** Whether `user` reads every element of its operands about once and can compute them meanwhile. */
  #absorbs(user: Value): boolean {
    const rule = rules[user.op as keyof typeof rules] as Rule<never>;
    if (rule.kind === 'kernel') return rule.absorbs === true;
    return rule.kind !== 'sweep' && rule.prepare === undefined;
  }

  #follows(next: Value, target: Value): boolean {
    if (!isElementwise(next) && next.op !== 'reshape') return false;
    if (this.elementsOf(next) !== this.elementsOf(target)) return false;
    return next.inputs.every((x) => x === target || this.#isReady(x, 8));
  }

  #isReady(v: Value, depth: number): boolean {
    if (this.placeOf(v) || scalarOf(v) !== undefined) return true;
    if (depth === 0 || this.#fused.has(v)) return false;
    const rule = rules[v.op as keyof typeof rules] as Rule<never>;
    if (rule.kind === 'kernel' || rule.kind === 'sweep') return false;
    if (rule.prepare && !this.#prepared.has(v)) return false;
    return this.#weights.has(v) && v.inputs.every((x) => this.#isReady(x, depth - 1));
  }

  /** Places that computing `v` reads; what is in registers is not followed. */
  #readsOf(v: Value, known?: Value, into = new Set<Place>()): Set<Place> {
    for (const p of this.prepared(v)) into.add(p);
    for (const x of v.inputs) {
      if (x === known || scalarOf(x) !== undefined) continue;
      const place = this.placeOf(x);
      if (place) into.add(place);
      else if (!this.#fused.has(x)) this.#readsOf(x, known, into);
    }
    return into;
  }

  /** Adds `v` to a pass over equally many elements that reads some of the same memory, or starts one. */
  #schedule(v: Value): void {
    const elements = this.elementsOf(v);
    const reads = this.#readsOf(v);
    const at = this.#joinable(v, elements, reads);
    const position = at ?? this.#steps.length;
    if (at === undefined) this.#steps.push({ group: { members: [v], elements, reads } });
    else {
      const { group } = this.#steps[at] as { group: Group };
      group.members.push(v);
      for (const p of reads) group.reads.add(p);
    }
    const place = this.#newPlaceFor(v);
    this.#places.set(v, place);
    this.#producedAt.set(place, position);
  }

  #joinable(v: Value, elements: number, reads: ReadonlySet<Place>): number | undefined {
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]!;
      if ('group' in step && this.#joins(v, elements, reads, step.group, i)) return i;
      // Everything that is read was made before.
      if ([...reads].some((p) => this.#producedAt.get(p) === i)) return undefined;
    }
    return undefined;
  }

  #joins(v: Value, elements: number, reads: ReadonlySet<Place>, group: Group, at: number): boolean {
    if (group.elements !== elements) return false;
    const own = new Set(group.members.map((m) => this.#places.get(m)!));
    const shared = [...reads].some((p) => own.has(p) || (group.reads.has(p) && p.elements > 1));
    const early = [...reads].every((p) => own.has(p) || (this.#producedAt.get(p) ?? -1) < at);
    if (!shared || !early || this.#isCrowded(new Set([...group.reads, ...reads, ...own]))) return false;
    return [...own].every((p) => !reads.has(p) || this.#readsInPlace(v, p));
  }

  /** Whether `v` reads `place` only at the position that it writes. */
  #readsInPlace(v: Value, place: Place): boolean {
    if (!isElementwise(v) && v.op !== 'reshape') return false;
    return v.inputs.every((x) => {
      const known = scalarOf(x) === undefined ? this.placeOf(x) : undefined;
      if (known === place) return this.elementsOf(x) === this.elementsOf(v);
      if (known || scalarOf(x) !== undefined || !this.#readsOf(x).has(place)) return true;
      return this.elementsOf(x) === this.elementsOf(v) && this.#readsInPlace(x, place);
    });
  }

  #groupKernels({ members, elements }: Group): Kernel[] {
    const own = new Set(members);
    const placement: Placement = {
      placeOf: (v) => (own.has(v) ? undefined : this.placeOf(v)),
      shapeOf: (v) => this.shapeOf(v),
      sizeOf: (d) => this.sizeOf(d),
      prepared: (v) => this.prepared(v),
      write: (e, v, index) => this.write(e, v, index),
    };
    const results = members.map((target) => ({ target, place: this.#places.get(target)! }));
    return mapKernel(this.traits, placement, results, elements);
  }

  #newPlaceFor(v: Value): Place {
    const elements = this.elementsOf(v);
    const storage = storageOf(v.dtype);
    if (!this.half || !isFloat(v.dtype) || elements < SMALL || this.#outputs.has(v)) {
      return this.#options.newPlace(storage, elements);
    }
    return this.traits.f16 ? this.#options.newPlace('f16', elements) : this.#options.newPlace(storage, elements, true);
  }

  /** Outputs that are constants. */
  #constantPlace(v: Value): Place {
    return this.#options.leaf(v as Value<'constant'>);
  }
}

function isElementwise(v: Value): boolean {
  return v.op in elementwiseRules;
}
