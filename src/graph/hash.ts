/**
 * Identities of graphs and values by what they compute. A value's hash follows from its op, attributes, type and the
 * hashes of its operands, so it does not depend on object identity, sharing, or the order in which things were built.
 */

import type { HostTensor } from '#core/tensor';
import { SymbolicDim } from './dim.ts';
import { sha256, sha256Text } from './sha256.ts';
import { type Graph, topological, type Value } from './value.ts';

/** Canonical text of an attribute: sorted keys, symbolic dimensions by their polynomial, tensors by their content. */
export function canonicalText(x: unknown): string {
  if (x instanceof SymbolicDim) return `{${x.key}}`;
  if (Array.isArray(x)) return `[${x.map(canonicalText).join(',')}]`;
  if (typeof x === 'object' && x !== null) {
    if ('data' in x && 'dtype' in x) return hashTensor(x as HostTensor);
    const entries = Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, value]) => `${key}:${canonicalText(value)}`).join(',')}}`;
  }
  return typeof x === 'string' ? JSON.stringify(x) : Object.is(x, -0) ? '-0' : String(x);
}

const tensorHashes = new WeakMap<HostTensor, string>();

/** Hash of dtype, shape and bytes. */
function hashTensor(t: HostTensor): string {
  const known = tensorHashes.get(t);
  if (known !== undefined) return known;
  const hash = sha256();
  hash.update(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength));
  const text = `${t.dtype}[${t.shape}]${hash.digest()}`;
  tensorHashes.set(t, text);
  return text;
}

function typeText(v: Value): string {
  return `${v.dtype}${canonicalText(v.shape)}`;
}

/** Hashes of all values reachable from `roots`. */
export function hashValues(roots: readonly Value[]): Map<Value, string> {
  const hashes = new Map<Value, string>();
  for (const v of topological(roots)) {
    const operands = v.inputs.map((x) => hashes.get(x)!).join(' ');
    hashes.set(v, sha256Text(`${v.op} ${canonicalText(v.attrs)} ${typeText(v)} ${operands}`));
  }
  return hashes;
}

/**
 * Hash of a graph's outputs, by name. The graph's own name does not count: it computes nothing.
 * @internal An oracle of tests.
 */
export function hashGraph(graph: Graph): string {
  const hashes = hashValues(Object.values(graph.outputs));
  const outputs = Object.entries(graph.outputs).map(([name, v]) => `${JSON.stringify(name)} ${hashes.get(v)!}`);
  return sha256Text(outputs.sort().join('\n'));
}
