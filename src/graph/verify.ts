/** A check of a whole graph: every value has the type that its op's rule derives, and its leaves are declared. */

import { InternalError } from '#core/errors';
import { formatShape, sameShape } from './dim.ts';
import { shapeRules } from './shapes.ts';
import { type Graph, topological, type Value, type ValueType } from './value.ts';

/** Throws an InternalError that names the first inconsistent value; passes that rewrite graphs are tested with it. */
export function verifyGraph(graph: Graph): void {
  const declared = new Set([...graph.inputs, ...graph.parameters].map((v) => `${v.op} ${v.attrs.name}`));
  for (const v of topological(Object.values(graph.outputs))) {
    if (v.op !== 'input' && v.op !== 'parameter') verifyType(v);
    else if (!declared.has(`${v.op} ${v.attrs.name}`)) {
      throw new InternalError(`graph ${graph.name} uses ${v.op} ${v.attrs.name} without declaring it`);
    }
  }
}

function verifyType(v: Value): void {
  const rule = shapeRules[v.op] as (inputs: readonly Value[], attrs: Value['attrs']) => ValueType;
  const derived = rule(v.inputs, v.attrs);
  if (derived.dtype !== v.dtype || !sameShape(derived.shape, v.shape)) {
    throw new InternalError(
      `${v.op} is typed ${v.dtype}${formatShape(v.shape)}, its rule derives ${derived.dtype}${formatShape(derived.shape)}`,
    );
  }
}
