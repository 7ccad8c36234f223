/**
 * Writes the value of graph values at an index as WGSL: what is in memory is read, what is pointwise is computed on the
 * spot by its rule. An index is the name of a `u32` (or a literal): the row-major position in the value's own shape.
 * Equal requests in one scope are written once.
 */

import { InternalError } from '#core/errors';
import { type Shape, sizeOf, stridesOf } from '#core/tensor';
import type { Dim } from '#graph/dim';
import { scalarOf, type Value } from '#graph/value';
import { literal } from './literal.ts';
import { type Place, scalarType } from './place.ts';
import type { Shader } from './shader.ts';

/** What a kernel may know about values. */
export interface Placement {
  placeOf(v: Value): Place | undefined;
  shapeOf(v: Value): Shape;
  sizeOf(d: Dim): number;
  /** Results that were prepared for a value, such as the statistics of a normalisation. */
  prepared(v: Value): readonly Place[];
  write(e: Emitter, v: Value, index: string): string;
}

export interface Stored {
  readonly target: Value;
  readonly place: Place;
}

export class Emitter {
  readonly shader: Shader;
  readonly #placement: Placement;
  #known = new Map<Value, Map<string, string>>();
  #lines: string[] = [];
  #count = 0;

  constructor(shader: Shader, placement: Placement) {
    this.shader = shader;
    this.#placement = placement;
  }

  get body(): string {
    return this.#lines.join('');
  }

  line(text: string): void {
    this.#lines.push(`${text}\n`);
  }

  /** A new name; short expressions that need none are their own. */
  let(expression: string, prefix = 'v'): string {
    if (/^[\w.]+$/.test(expression)) return expression;
    const name = `${prefix}${this.#count++}`;
    this.line(`let ${name} = ${expression};`);
    return name;
  }

  /** A variable; returns its name. */
  variable(type: string, initial?: string): string {
    const name = `m${this.#count++}`;
    this.line(`var ${name}: ${type}${initial === undefined ? '' : ` = ${initial}`};`);
    return name;
  }

  /** Writes `open {`, what `write` writes, `}`. Names made inside stay inside. */
  block(open: string, write: () => void): void {
    const outer = this.#known;
    this.#known = new Map([...outer].map(([v, names]) => [v, new Map(names)]));
    this.line(`${open} {`);
    write();
    this.line('}');
    this.#known = outer;
  }

  /** Writes a loop of `count` rounds; `write` gets the name of the counter. Returns it, or undefined for no rounds. */
  loop(count: number, write: (k: string) => void): string | undefined {
    if (count === 0) return undefined;
    const k = `k${this.#count++}`;
    this.block(`for (var ${k} = 0u; ${k} < ${count}u; ${k}++)`, () => write(k));
    return k;
  }

  /** What is written by `write`, instead of writing it here. */
  captured(write: () => void): string {
    const [outer, known] = [this.#lines, this.#known];
    [this.#lines, this.#known] = [[], new Map()];
    write();
    const text = this.body;
    [this.#lines, this.#known] = [outer, known];
    return text;
  }

  /** Says that `name` holds the value of `v` at `index`. */
  set(v: Value, at: string, name: string): void {
    const index = this.#indexIn(v, at);
    const names = this.#known.get(v) ?? new Map<string, string>();
    names.set(index, name);
    this.#known.set(v, names);
  }

  shapeOf(v: Value): Shape {
    return this.#placement.shapeOf(v);
  }

  sizesOf(dims: readonly Dim[]): number[] {
    return dims.map((d) => this.#placement.sizeOf(d));
  }

  prepared(v: Value): readonly Place[] {
    return this.#placement.prepared(v);
  }

  /** The name of the value of `v` at `index`. */
  at(v: Value, wanted: string): string {
    const index = this.#indexIn(v, wanted);
    const known = this.#known.get(v)?.get(index);
    if (known !== undefined) return known;
    const scalar = scalarOf(v);
    const place = this.#placement.placeOf(v);
    const text =
      scalar !== undefined
        ? literal(scalar, scalarType(v.dtype))
        : place
          ? this.#load(place, v, index)
          : this.#placement.write(this, v, index);
    const name = scalar !== undefined ? text : this.let(text);
    this.set(v, index, name);
    return name;
  }

  /** A value of one element has one index. */
  #indexIn(v: Value, index: string): string {
    return sizeOf(this.shapeOf(v)) === 1 ? `0u` : index;
  }

  #load(place: Place, v: Value, index: string): string {
    const at = place.transposed ? this.#transposedIndex(index, place.transposed) : index;
    const read = `${this.shader.read(place)}(${at})`;
    return v.dtype === 'bool' ? `(${read} != 0u)` : read;
  }

  #transposedIndex(index: string, [rows, columns]: readonly [number, number]): string {
    return this.let(`(${index} % ${rows}u) * ${columns}u + ${index} / ${rows}u`, 'i');
  }

  /** Stores the value of `target` at `index`. */
  store({ target, place }: Stored, index: string): void {
    const value = this.at(target, index);
    const stored = target.dtype === 'bool' ? `select(0u, 1u, ${value})` : value;
    this.line(`${this.shader.write(place)}(${index}, ${stored});`);
  }

  /**
   * The index `base + sum of coordinate * stride` for the row-major position `index` in `shape`. Strides may be
   * negative: sums wrap around.
   */
  affine(index: string, shape: Shape, strides: readonly number[], base: string | number = 0): string {
    const { sizes, steps } = mergeAxes(shape, strides);
    const places = stridesOf(sizes);
    const start = typeof base === 'number' ? (base === 0 ? [] : [`${base}u`]) : [base];
    const terms = sizes.flatMap((size, i) => {
      const step = steps[i]!;
      if (step === 0) return [];
      const divided = places[i] === 1 ? index : `${index} / ${places[i]}u`;
      const coordinate = i === 0 ? divided : `(${divided}) % ${size}u`;
      if (step === 1) return [places[i] === 1 && i === 0 ? index : `(${coordinate})`];
      return [`(${coordinate}) * ${step < 0 ? `(0u - ${-step}u)` : `${step}u`}`];
    });
    const all = [...start, ...terms];
    return all.length === 0 ? '0u' : all.length === 1 ? this.let(all[0]!, 'i') : this.let(all.join(' + '), 'i');
  }

  /** The index in an operand of `from` that is broadcast to `to`, where `index` counts. */
  broadcast(index: string, to: Shape, from: Shape): string {
    const own = stridesOf(from);
    const lead = to.length - from.length;
    const strides = to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : own[i - lead]!));
    return this.affine(index, to, strides);
  }

  /** Coordinates of `index` in `shape`. */
  coordinates(index: string, shape: Shape): string[] {
    const places = stridesOf(shape);
    return shape.map((size, i) => {
      if (size === 1) return '0u';
      const divided = places[i] === 1 ? index : `${index} / ${places[i]}u`;
      return this.let(i === 0 ? divided : `(${divided}) % ${size}u`, 'c');
    });
  }

  /** The place of `v` for code that addresses memory itself. */
  requirePlace(v: Value): Place {
    const place = this.#placement.placeOf(v);
    if (!place) throw new InternalError(`${v.op} has no place in device memory`);
    return place;
  }
}

/** Joins neighbouring axes that one division can serve, and drops axes of size one. */
function mergeAxes(shape: Shape, strides: readonly number[]): { sizes: number[]; steps: number[] } {
  const sizes: number[] = [];
  const steps: number[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const step = strides[i]!;
    const last = sizes.length - 1;
    if (last >= 0 && steps[last] === step * size) {
      sizes[last]! *= size;
      steps[last] = step;
    } else {
      sizes.push(size);
      steps.push(step);
    }
  });
  return { sizes, steps };
}
