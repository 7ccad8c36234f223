/** Symbol values from the shapes that leaves are actually fed with. */

import { InternalError } from '#core/errors';
import type { Shape } from '#core/tensor';
import { type Dim, evaluateDim, formatShape, symbolsOf } from './dim.ts';
import { GraphError } from './shapes.ts';
import type { Value } from './value.ts';

type Leaf = Value<'input'> | Value<'parameter'>;

/**
 * Solves the symbols of the leaves' shapes. A dimension helps once all but one of its symbols are known and that one
 * occurs linearly (`8*h`, `tokens + 1`). Throws a GraphError that names the leaf when a fed shape contradicts the
 * declared one.
 */
export function bindSymbols(
  leaves: readonly Leaf[],
  shapeOf: (leaf: Leaf) => Shape,
  known: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const bindings: Record<string, number> = { ...known };
  const pending = leaves.flatMap((leaf) => {
    const got = shapeOf(leaf);
    if (got.length !== leaf.shape.length) throw mismatch(leaf, got, bindings);
    return leaf.shape.flatMap((dim, i) => (typeof dim === 'number' ? [] : [{ dim, size: got[i]! }]));
  });
  let open = pending;
  while (open.length > 0) {
    const rest = open.filter(({ dim, size }) => !solve(dim, size, bindings));
    if (rest.length === open.length) break;
    open = rest;
  }
  if (open.length > 0) throw new InternalError(`cannot solve the symbolic dimension ${open[0]!.dim} from fed shapes`);
  for (const leaf of leaves) {
    const got = shapeOf(leaf);
    if (!leaf.shape.every((d, i) => evaluateDim(d, bindings) === got[i])) throw mismatch(leaf, got, bindings);
  }
  return bindings;
}

/** Binds the one unknown symbol of `dim`, if it can; true when nothing in `dim` is unknown any more. */
function solve(dim: Dim, size: number, bindings: Record<string, number>): boolean {
  const unknown = symbolsOf(dim).filter((s) => bindings[s] === undefined);
  if (unknown.length === 0) return true;
  if (unknown.length > 1) return false;
  const s = unknown[0]!;
  const at = (value: number) => evaluateDim(dim, { ...bindings, [s]: value });
  const slope = at(1) - at(0);
  if (slope === 0 || at(2) - at(1) !== slope) return false;
  bindings[s] = (size - at(0)) / slope;
  return true;
}

function mismatch(leaf: Leaf, got: Shape, bindings: Readonly<Record<string, number>>): GraphError {
  const bound = Object.entries(bindings).map(([s, n]) => `${s}=${n}`);
  const where = bound.length > 0 ? ` with ${bound.join(', ')}` : '';
  return new GraphError(
    leaf.op,
    `${leaf.attrs.name} got shape [${got.join(', ')}], expected ${formatShape(leaf.shape)}${where}`,
  );
}
