/** What all forms of a sum of products (product.ts) have in common: where elements lie, and how a sum is stored. */

import type { Value } from '#graph/value';
import type { Emitter, Stored } from '../emitter.ts';

export interface Side {
  /** The element of batch `z` at `outer` (a row or a column of the result) and `k`. */
  readonly element: (e: Emitter, z: string, outer: string, k: string) => string;
  /** The coordinate along which memory is contiguous. */
  readonly fast: 'k' | 'outer';
}

export interface Product {
  readonly value: Value;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Side;
  readonly right: Side;
  /** Row-major index of a result in `value`. */
  readonly index: (e: Emitter, z: string, m: string, n: string) => string;
  /** What is added to the sum. */
  readonly bias?: (e: Emitter, z: string, m: string, n: string) => string;
}

/** Writes the statements that store a sum: `z`, `row`, `column` and `value` are names. */
export type Finish = (e: Emitter, part: string) => void;

export function finishing(product: Product, stored: Stored): Finish {
  return (e) => {
    const sum = product.bias ? e.let(`value + ${product.bias(e, 'z', 'row', 'column')}`) : 'value';
    const index = e.let(product.index(e, 'z', 'row', 'column'), 'o');
    e.set(product.value, index, sum);
    e.store(stored, index);
  };
}

/** Declares `name(z, outer, k) -> f32`, zero outside. */
export function declareSide(
  e: Emitter,
  name: string,
  side: Side,
  outer: number,
  depth: string,
  guarded: boolean,
): void {
  const body = e.captured(() => {
    if (guarded) e.line(`if (outer >= ${outer}u || k >= ${depth}) { return 0.0; }`);
    e.line(`return ${side.element(e, 'z', 'outer', 'k')};`);
  });
  e.shader.declare(`fn ${name}(z: u32, outer: u32, k: u32) -> f32 {\n${body}}`);
}
