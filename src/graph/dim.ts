/**
 * Dimensions: a number, or a polynomial with integer coefficients over named symbols (`batch`, `height`, `tokens`).
 *
 * Polynomials are enough for every network here: strided convolutions divide exactly when the caller names the
 * smallest grid (`8*h`), reshapes multiply, concatenations add. Whatever is not exact is refused, never guessed.
 */

import { InternalError } from '#core/errors';

export type Dim = number | SymbolicDim;

/** Terms in canonical order: each is a coefficient times a sorted product of symbols. */
export class SymbolicDim {
  /** Canonical text, e.g. `4*batch + height*width + 1`; equal dimensions have equal keys. */
  readonly key: string;
  readonly terms: ReadonlyMap<string, number>;

  constructor(terms: ReadonlyMap<string, number>) {
    this.terms = new Map([...terms].filter(([, c]) => c !== 0).sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0)));
    this.key = [...this.terms].map(([m, c]) => (m === '' ? `${c}` : c === 1 ? m : `${c}*${m}`)).join(' + ');
  }

  toString(): string {
    return this.key;
  }
}

/** A named dimension whose size is bound when the graph runs. */
export function symbol(name: string): SymbolicDim {
  return new SymbolicDim(new Map([[name, 1]]));
}

function termsOf(d: Dim): ReadonlyMap<string, number> {
  return typeof d === 'number' ? new Map([['', d]]) : d.terms;
}

function fromTerms(terms: ReadonlyMap<string, number>): Dim {
  const dim = new SymbolicDim(terms);
  if (dim.terms.size === 0) return 0;
  return dim.terms.size === 1 && dim.terms.has('') ? dim.terms.get('')! : dim;
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const sum = new Map(termsOf(a));
  for (const [m, c] of termsOf(b)) sum.set(m, (sum.get(m) ?? 0) + c);
  return fromTerms(sum);
}

export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const product = new Map<string, number>();
  for (const [ma, ca] of termsOf(a)) {
    for (const [mb, cb] of termsOf(b)) {
      const m = [...ma.split('*'), ...mb.split('*')].filter(Boolean).sort().join('*');
      product.set(m, (product.get(m) ?? 0) + ca * cb);
    }
  }
  return fromTerms(product);
}

export function subDims(a: Dim, b: Dim): Dim {
  return addDims(a, mulDims(b, -1));
}

/** floor(a / b) for a positive integer b; symbols must divide exactly, a constant rest is floored. */
export function floorDivDim(a: Dim, b: number): Dim {
  if (typeof a === 'number') return Math.floor(a / b);
  const quotient = new Map<string, number>();
  for (const [m, c] of a.terms) {
    if (m !== '' && c % b !== 0) throw new InternalError(`cannot divide the symbolic dimension ${a.key} by ${b}`);
    quotient.set(m, Math.floor(c / b));
  }
  return fromTerms(quotient);
}

/** a / b when the division is exact (b may be symbolic if it is a single term), otherwise undefined. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a % b === 0 ? a / b : undefined;
  const divisor = [...termsOf(b)];
  if (divisor.length !== 1) return sameDim(a, b) ? 1 : undefined;
  const [symbols, coefficient] = divisor[0]!;
  const quotient = new Map<string, number>();
  for (const [m, c] of termsOf(a)) {
    const rest = m.split('*').filter(Boolean);
    for (const s of symbols.split('*').filter(Boolean)) {
      const at = rest.indexOf(s);
      if (at < 0) return undefined;
      rest.splice(at, 1);
    }
    if (c % coefficient !== 0) return undefined;
    quotient.set(rest.join('*'), c / coefficient);
  }
  return fromTerms(quotient);
}

export function sameDim(a: Dim, b: Dim): boolean {
  return a === b || (typeof a !== 'number' && typeof b !== 'number' && a.key === b.key);
}

export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => sameDim(d, b[i]!));
}

export function productOf(shape: readonly Dim[]): Dim {
  return shape.reduce<Dim>(mulDims, 1);
}

export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.map(String).join(', ')}]`;
}

/** The names of the symbols in a dimension. */
export function symbolsOf(d: Dim): string[] {
  if (typeof d === 'number') return [];
  return [...new Set([...d.terms.keys()].flatMap((m) => m.split('*')).filter(Boolean))];
}

/** The size of a dimension once every symbol has a value. */
export function evaluateDim(d: Dim, bindings: Readonly<Record<string, number>>): number {
  if (typeof d === 'number') return d;
  let total = 0;
  for (const [m, c] of d.terms) {
    let product = c;
    for (const s of m.split('*').filter(Boolean)) {
      const value = bindings[s];
      if (value === undefined) throw new InternalError(`the symbol ${s} of dimension ${d.key} has no value`);
      product *= value;
    }
    total += product;
  }
  return total;
}

/** Sizes of a shape as plain numbers, for passes that need them fixed. */
export function fixedShape(shape: readonly Dim[], what: string): number[] {
  return shape.map((d) => {
    if (typeof d !== 'number') throw new InternalError(`${what} needs fixed dimensions, got ${formatShape(shape)}`);
    return d;
  });
}
