/**
 * Reverse-mode differentiation: adds the backward graph of a loss.
 *
 * The walk goes once over the values between the loss and what is asked for, in reverse topological order, and builds
 * nothing for branches that do not depend on `wrt`. Gradients are ordinary values, so they can be differentiated
 * again, except through the ops that exist only as gradients of a maximum.
 */

import { isFloat } from '#core/dtype';
import { add, full } from './build.ts';
import { filled } from './compose.ts';
import { formatShape, sameShape } from './dim.ts';
import { contractionGradients } from './gradients/contractions.ts';
import { elementwiseGradients } from './gradients/elementwise.ts';
import { movementGradients } from './gradients/movement.ts';
import { normalisationGradients } from './gradients/normalisation.ts';
import { reductionGradients } from './gradients/reductions.ts';
import { type GradientRule, type GradientRules, noGradient, sumTo } from './gradients/rule.ts';
import { spatialGradients } from './gradients/spatial.ts';
import { blocksOf, isLeaf, recomputed } from './recompute.ts';
import { GraphError } from './shapes.ts';
import { topological, type Value } from './value.ts';

export const gradientRules: GradientRules = {
  input: noGradient,
  parameter: noGradient,
  constant: noGradient,
  ...elementwiseGradients,
  ...contractionGradients,
  ...normalisationGradients,
  ...spatialGradients,
  ...movementGradients,
  ...reductionGradients,
};

export interface GradOptions {
  /** Scalar that stands for d loss / d loss, for instance a loss scale. Default 1. */
  readonly seed?: Value;
  /** Keep little of the forward pass and compute the rest again, block by block (recompute.ts). Default false. */
  readonly recompute?: boolean;
}

/** Gradients of a scalar `loss` with respect to each of `wrt`; zeros where the loss does not depend on one. */
export function grad(loss: Value, wrt: readonly Value[], options: GradOptions = {}): Value[] {
  if (loss.shape.length > 0) {
    throw new GraphError('gradient', `the loss has shape ${formatShape(loss.shape)}, expected a scalar; reduce it`);
  }
  return vjp(loss, options.seed ?? full(1, loss.dtype), wrt, options.recompute);
}

/**
 * Vector-Jacobian products: gradients of sum(output * upstream) with respect to each of `wrt`.
 * `upstream` has the output's shape and dtype; results have the shapes and dtypes of `wrt`.
 */
export function vjp(output: Value, upstream: Value, wrt: readonly Value[], recompute = false): Value[] {
  if (upstream.dtype !== output.dtype || !sameShape(upstream.shape, output.shape)) {
    throw new GraphError(
      'gradient',
      `upstream is ${upstream.dtype}${formatShape(upstream.shape)}, output ${output.dtype}${formatShape(output.shape)}`,
    );
  }
  for (const w of wrt) {
    if (!isFloat(w.dtype)) throw new GraphError('gradient', `cannot differentiate with respect to a ${w.dtype} value`);
  }
  const order = topological([output]);
  const identity = leafIdentity(order, wrt);
  const needed = dependents(order, new Set(wrt.map(identity)), identity);
  const gradients = new Map<Value, Value>();
  if (needed.has(identity(output))) gradients.set(identity(output), upstream);
  const again = recompute ? new Recomputation(order, gradients) : undefined;
  for (const v of order.reverse()) {
    const g = gradients.get(identity(v));
    if (g) propagate(v, again?.of(v) ?? v, g, gradients, needed, identity);
  }
  return wrt.map((w) => gradients.get(identity(w)) ?? filled(0, w.dtype, w.shape));
}

type Identity = (v: Value) => Value;

/** Two leaves of one name are one value, however often a model asked for them. */
function leafIdentity(order: readonly Value[], wrt: readonly Value[]): Identity {
  const leaves = new Map<string, Value>();
  const keyOf = (v: Value): string | undefined =>
    v.op === 'input' || v.op === 'parameter' ? `${v.op} ${v.attrs.name}` : undefined;
  for (const v of [...wrt, ...order]) {
    const key = keyOf(v);
    if (key !== undefined && !leaves.has(key)) leaves.set(key, v);
  }
  return (v) => {
    const key = keyOf(v);
    return key === undefined ? v : leaves.get(key)!;
  };
}

function dependents(order: readonly Value[], roots: ReadonlySet<Value>, identity: Identity): Set<Value> {
  const needed = new Set(roots);
  for (const v of order) {
    if (isFloat(v.dtype) && v.inputs.some((x) => needed.has(identity(x)))) needed.add(v);
  }
  return needed;
}

/** Values of the forward pass as the backward pass finds them: the last block as it is, the others made again. */
class Recomputation {
  readonly #blocks: ReadonlyMap<Value, number>;
  readonly #members = new Map<number, Value[]>();
  readonly #gradients: ReadonlyMap<Value, Value>;
  /** Gradients of leaves when the block at hand was begun. */
  #before = new Map<Value, Value>();
  #block: number;
  #again: ReadonlyMap<Value, Value> = new Map();

  constructor(order: readonly Value[], gradients: ReadonlyMap<Value, Value>) {
    this.#gradients = gradients;
    this.#blocks = blocksOf(order);
    this.#block = Math.max(0, ...this.#blocks.values());
    for (const [v, block] of this.#blocks) this.#members.set(block, [...(this.#members.get(block) ?? []), v]);
  }

  /** Asked for in the reverse of the forward pass's order. */
  of(v: Value): Value {
    const block = this.#blocks.get(v);
    if (block !== undefined && block !== this.#block) this.#enter(block);
    return this.#again.get(v) ?? v;
  }

  /** Holds the block back until what it gets its gradients from is done, that of the weights there included. */
  #enter(block: number): void {
    const values = this.#members.get(block)!;
    const ofLeaves = new Map([...this.#gradients].filter(([v]) => isLeaf(v)));
    const settled = [...ofLeaves].filter(([v, g]) => this.#before.get(v) !== g).map(([, g]) => g);
    const arriving = values.flatMap((v) => this.#gradients.get(v) ?? []);
    this.#before = ofLeaves;
    this.#block = block;
    this.#again = recomputed(values, [...arriving, ...settled]);
  }
}

/** `v` stands in the graph that is walked, `found` for the same value as the backward pass finds it. */
function propagate(
  v: Value,
  found: Value,
  g: Value,
  gradients: Map<Value, Value>,
  needed: ReadonlySet<Value>,
  identity: Identity,
): void {
  if (!v.inputs.some((x) => needed.has(identity(x)))) return;
  const rule = gradientRules[v.op] as GradientRule<typeof v.op>;
  const parts = (rule as (v: Value, g: Value) => ReturnType<typeof rule>)(found, g);
  v.inputs.forEach((x, i) => {
    const part = parts[i];
    const key = identity(x);
    if (!part || !needed.has(key)) return;
    const contribution = sumTo(part(), x.shape);
    const known = gradients.get(key);
    gradients.set(key, known ? add(known, contribution) : contribution);
  });
}
