/** Values: the nodes of a graph. Immutable; a graph is whatever is reachable from its outputs. */

import type { DType } from '#core/dtype';
import { InternalError } from '#core/errors';
import { type Dim, formatShape, sameShape } from './dim.ts';
import { readNumber } from './host.ts';
import type { Op, OpAttrs } from './ops.ts';
import { shapeRules } from './shapes.ts';

/** One result of one operation. Distributes over `Op`, so that `switch (v.op)` narrows the attributes. */
export type Value<O extends Op = Op> = { [P in O]: ValueOf<P> }[O];

interface ValueOf<O extends Op> {
  readonly op: O;
  readonly inputs: readonly Value[];
  readonly attrs: OpAttrs[O];
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What a shape rule derives. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** Makes a value; its type follows from the shape rule, and illegal operands throw here, at construction. */
export function make<O extends Exclude<Op, 'input' | 'parameter'>>(
  op: O,
  inputs: readonly Value[],
  attrs: OpAttrs[O],
): Value {
  const rule = shapeRules[op] as (inputs: readonly Value[], attrs: OpAttrs[O]) => ValueType;
  const { dtype, shape } = rule(inputs, attrs);
  return { op, inputs, attrs, dtype, shape } as unknown as Value;
}

/** A graph with named outputs; its leaves are found by walking. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value<'input'>[];
  readonly parameters: readonly Value<'parameter'>[];
  readonly outputs: Readonly<Record<string, Value>>;
}

/** Closes a graph over its outputs. Two leaves of one name must be the same value. */
export function closeGraph(name: string, outputs: Readonly<Record<string, Value>>): Graph {
  const inputs = new Map<string, Value<'input'>>();
  const parameters = new Map<string, Value<'parameter'>>();
  for (const v of topological(Object.values(outputs))) {
    if (v.op === 'input') addLeaf(inputs, v);
    else if (v.op === 'parameter') addLeaf(parameters, v);
  }
  return { name, inputs: [...inputs.values()], parameters: [...parameters.values()], outputs };
}

function addLeaf<V extends Value<'input'> | Value<'parameter'>>(leaves: Map<string, V>, leaf: V): void {
  const known = leaves.get(leaf.attrs.name);
  if (known && !(known.dtype === leaf.dtype && sameShape(known.shape, leaf.shape))) {
    throw new InternalError(
      `${leaf.op} ${leaf.attrs.name} is declared twice: ${formatShape(known.shape)} and ${formatShape(leaf.shape)}`,
    );
  }
  if (!known) leaves.set(leaf.attrs.name, leaf);
}

/** Every value reachable from `roots`, operands before their users. Iterative: graphs are deeper than the stack. */
export function topological(roots: readonly Value[]): Value[] {
  const order: Value[] = [];
  const state = new Map<Value, 'open' | 'done'>();
  const stack: Value[] = [...roots].reverse();
  while (stack.length > 0) {
    const v = stack[stack.length - 1]!;
    const s = state.get(v);
    if (s === undefined) {
      state.set(v, 'open');
      for (let i = v.inputs.length - 1; i >= 0; i--) if (!state.has(v.inputs[i]!)) stack.push(v.inputs[i]!);
    } else {
      stack.pop();
      if (s === 'open') {
        state.set(v, 'done');
        order.push(v);
      }
    }
  }
  return order;
}

/** The number that a scalar constant holds; undefined for every other value. */
export function scalarOf(v: Value): number | undefined {
  if (v.op !== 'constant' || v.shape.length > 0) return undefined;
  return readNumber(v.dtype, v.attrs.tensor.data, 0);
}
