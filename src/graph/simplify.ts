/**
 * Simplification: equal subexpressions become one value, small constants are computed ahead, and algebra that changes
 * no result is applied (`rewrites.ts`). What no output needs any more is gone with the references to it.
 *
 * Run it after differentiation: it gives the backward graph its sharing with the forward one.
 */

import { constant } from './build.ts';
import { canonicalText } from './hash.ts';
import { evaluateConstant } from './interpret.ts';
import { mapGraph, withInputs } from './map-graph.ts';
import { type Rewrite, rewriteRules } from './rewrites.ts';
import type { Graph, Value } from './value.ts';

export interface SimplifyOptions {
  /** Largest number of elements of a constant that is computed ahead. Default 4096. */
  readonly foldLimit?: number;
}

/** An equal graph with fewer values. Leaves that no longer matter are dropped from its inputs. */
export function simplify(graph: Graph, options: SimplifyOptions = {}): Graph {
  const settle = settler(options.foldLimit ?? 4096);
  return mapGraph(graph, (v, inputs) => settle(withInputs(v, inputs)));
}

const commutative: ReadonlySet<string> = new Set([
  'add',
  'mul',
  'maximum',
  'minimum',
  'equal',
  'logicalAnd',
  'logicalOr',
]);

/** Returns the function that maps a value to the one representative of everything equal to it. */
function settler(foldLimit: number): (v: Value) => Value {
  const ids = new Map<Value, number>();
  const known = new Map<string, Value>();

  function keyOf(v: Value): string {
    const operands = v.inputs.map((x) => ids.get(x)!);
    if (commutative.has(v.op)) operands.sort((a, b) => a - b);
    return `${v.op} ${operands} ${canonicalText(v.attrs)}`;
  }

  return function settle(v: Value): Value {
    if (ids.has(v)) return v;
    const operands = v.inputs.map(settle);
    const current = withInputs(v, operands);
    const better = folded(current, foldLimit) ?? rewrite(current);
    if (better && better !== current) return settle(better);
    const key = keyOf(current);
    const representative = known.get(key) ?? current;
    if (representative === current) {
      known.set(key, current);
      ids.set(current, ids.size);
    }
    return representative;
  };
}

function rewrite(v: Value): Value | undefined {
  const rule = rewriteRules[v.op] as Rewrite<typeof v.op> | undefined;
  return rule?.(v);
}

/** The value as a constant, when all its operands are constants and none of them is large. */
function folded(v: Value, limit: number): Value | undefined {
  if (v.inputs.length === 0 || v.inputs.some((x) => x.op !== 'constant')) return undefined;
  return [v, ...v.inputs].every((x) => isSmall(x, limit)) ? constant(evaluateConstant(v)) : undefined;
}

function isSmall(v: Value, limit: number): boolean {
  return v.shape.reduce<number>((n, d) => (typeof d === 'number' ? n * d : Number.POSITIVE_INFINITY), 1) <= limit;
}
