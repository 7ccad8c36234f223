/** Graphs made from graphs: every value rebuilt on operands that may have changed. */

import { closeGraph, type Graph, make, topological, type Value } from './value.ts';

/** The new value for `v`, given its new operands; `withInputs(v, inputs)` where nothing is to change. */
export type ValueChange = (v: Value, inputs: readonly Value[]) => Value;

/** The graph with every value put through `change`, operands before their users. */
export function mapGraph(graph: Graph, change: ValueChange): Graph {
  const results = new Map<Value, Value>();
  for (const v of topological(Object.values(graph.outputs))) {
    results.set(
      v,
      change(
        v,
        v.inputs.map((x) => results.get(x)!),
      ),
    );
  }
  const outputs = Object.entries(graph.outputs).map(([name, v]) => [name, results.get(v)!] as const);
  return closeGraph(graph.name, Object.fromEntries(outputs));
}

/** The same operation on other operands. */
export function withInputs(v: Value, inputs: readonly Value[]): Value {
  if (v.op === 'input' || v.op === 'parameter' || v.inputs.every((x, i) => x === inputs[i])) return v;
  return make(v.op, inputs, v.attrs);
}
