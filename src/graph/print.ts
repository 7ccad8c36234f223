/** Graphs as text, one value a line in topological order. For people and snapshots; nothing parses it. */

import type { HostTensor } from '#core/tensor';
import { formatShape, SymbolicDim } from './dim.ts';
import { readNumber } from './host.ts';
import { type Graph, scalarOf, topological, type Value } from './value.ts';

const SHOWN_ELEMENTS = 8;

function typeText(v: { dtype: string; shape: Value['shape'] }): string {
  return `${v.dtype}${formatShape(v.shape)}`;
}

function tensorText(t: HostTensor): string {
  const count = Math.min(t.data.length, SHOWN_ELEMENTS);
  const shown = Array.from({ length: count }, (_, i) => String(readNumber(t.dtype, t.data, i)));
  return `{${shown.join(', ')}${t.data.length > count ? ', ...' : ''}}`;
}

function attributeText(x: unknown): string {
  if (x instanceof SymbolicDim) return x.key;
  if (Array.isArray(x)) return `[${x.map(attributeText).join(', ')}]`;
  if (typeof x === 'object' && x !== null) return tensorText(x as HostTensor);
  return String(x);
}

function isPlain(v: Value): boolean {
  return v.op === 'input' || v.op === 'parameter' || scalarOf(v) !== undefined;
}

/** How an operand is written: leaves by name, scalar constants by value, everything else by number. */
function reference(v: Value, numbers: ReadonlyMap<Value, number>): string {
  if (v.op === 'input' || v.op === 'parameter') return v.attrs.name;
  const scalar = scalarOf(v);
  return scalar === undefined ? `%${numbers.get(v)!}` : String(scalar);
}

/**
 * Readable text of a graph:
 *
 *     graph name
 *       input x: f32[batch, 4]
 *       %0 = linear(x, fc.weight): f32[batch, 8]
 *       output y = %0
 */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}`];
  for (const v of [...graph.inputs, ...graph.parameters]) lines.push(`  ${v.op} ${v.attrs.name}: ${typeText(v)}`);
  const numbers = new Map<Value, number>();
  for (const v of topological(Object.values(graph.outputs))) {
    if (isPlain(v)) continue;
    const operands = v.inputs.map((x) => reference(x, numbers));
    const attributes = Object.entries(v.attrs).map(([key, value]) => `${key}=${attributeText(value)}`);
    numbers.set(v, numbers.size);
    lines.push(`  %${numbers.get(v)} = ${v.op}(${[...operands, ...attributes].join(', ')}): ${typeText(v)}`);
  }
  for (const [name, v] of Object.entries(graph.outputs)) lines.push(`  output ${name} = ${reference(v, numbers)}`);
  return lines.join('\n');
}
