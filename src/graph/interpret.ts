/**
 * Reference interpreter: runs a graph in plain float64 loops. It is the oracle of tests and folds small constants; it
 * is never how pictures are made. Integers beyond 2^53 are not exact here.
 */

import { isFloat } from '#core/dtype';
import type { HostTensor } from '#core/tensor';
import { bindSymbols } from './bind.ts';
import { type Dim, evaluateDim } from './dim.ts';
import { contractionRules } from './interpret/contractions.ts';
import {
  type Dense,
  type Frame,
  fromHost,
  type InterpretRule,
  type InterpretRules,
  roundTo,
  toHost,
} from './interpret/dense.ts';
import { elementwiseRules } from './interpret/elementwise.ts';
import { movementRules } from './interpret/movement.ts';
import { normalisationRules } from './interpret/normalisation.ts';
import { reductionRules } from './interpret/reductions.ts';
import { spatialRules } from './interpret/spatial.ts';
import { GraphError } from './shapes.ts';
import { type Graph, topological, type Value } from './value.ts';

type ComputedOp = Exclude<Value['op'], 'input' | 'parameter'>;

export const interpretRules: InterpretRules<ComputedOp> = {
  constant: (v) => fromHost(v.attrs.tensor).data,
  ...elementwiseRules,
  ...contractionRules,
  ...normalisationRules,
  ...spatialRules,
  ...movementRules,
  ...reductionRules,
};

export interface InterpretOptions {
  /** Values of parameters by name; what is not here must be fed. */
  readonly parameters?: Readonly<Record<string, HostTensor>>;
  /**
   * `f64` keeps every float in float64 and returns float outputs as f64; `declared` (default) rounds each result to
   * its dtype.
   */
  readonly precision?: 'f64' | 'declared';
  /** Sizes of symbols that no leaf's shape determines. */
  readonly bindings?: Readonly<Record<string, number>>;
}

/**
 * Outputs of a graph by name. Feeds are by input name (or parameter name) and may have any float dtype where the graph
 * declares a float. Throws a GraphError for a missing or misshapen feed.
 */
export function interpret(
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>>,
  options: InterpretOptions = {},
): Record<string, HostTensor> {
  const leaves = [...graph.inputs, ...graph.parameters];
  const fed = (leaf: Value<'input'> | Value<'parameter'>): HostTensor => {
    const t = feeds[leaf.attrs.name] ?? options.parameters?.[leaf.attrs.name];
    if (!t) throw new GraphError(leaf.op, `${leaf.attrs.name} is not fed; got ${Object.keys(feeds).join(', ')}`);
    return t;
  };
  const bindings = bindSymbols(leaves, (leaf) => fed(leaf).shape, options.bindings);
  const results = evaluate(
    Object.values(graph.outputs),
    (leaf) => fromHost(fed(leaf)).data,
    bindings,
    options.precision,
  );
  return Object.fromEntries(
    Object.entries(graph.outputs).map(([name, v]) => {
      const wide = options.precision === 'f64' && isFloat(v.dtype);
      return [name, toHost(results.get(v)!, wide ? 'f64' : v.dtype)];
    }),
  );
}

/** The elements of a value that depends on no leaf, as a tensor of its dtype. */
export function evaluateConstant(v: Value): HostTensor {
  const refuse = (leaf: Value): never => {
    throw new GraphError(leaf.op, 'is no constant');
  };
  return toHost(evaluate([v], refuse, {}, 'declared').get(v)!, v.dtype);
}

function evaluate(
  roots: readonly Value[],
  leafData: (leaf: Value<'input'> | Value<'parameter'>) => Float64Array,
  bindings: Readonly<Record<string, number>>,
  precision: 'f64' | 'declared' = 'declared',
): Map<Value, Dense> {
  const results = new Map<Value, Dense>();
  const dim = (d: Dim): number => evaluateDim(d, bindings);
  for (const v of topological(roots)) {
    const shape = v.shape.map(dim);
    const inputs = v.inputs.map((x) => results.get(x)!);
    const leaf = v.op === 'input' || v.op === 'parameter';
    const data = leaf ? leafData(v) : compute(v, inputs, { shape, dim });
    if (!(precision === 'f64' && isFloat(v.dtype))) roundTo(v.dtype, data);
    results.set(v, { shape, data });
  }
  return results;
}

function compute(v: Value<ComputedOp>, inputs: readonly Dense[], frame: Frame): Float64Array {
  const rule = interpretRules[v.op] as InterpretRule<typeof v.op>;
  return (rule as (v: Value, inputs: readonly Dense[], frame: Frame) => Float64Array)(v, inputs, frame);
}
