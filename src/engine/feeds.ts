/** Checks what a session is given against its graph, so that a mistake is named before the runtime sees it. */

import { type HostTensor, type Shape, sizeOf } from '#core/tensor';
import { bindSymbols } from '#graph/bind';
import { evaluateDim, formatShape } from '#graph/dim';
import { GraphError } from '#graph/shapes';
import type { Value } from '#graph/value';
import type { ResidentFeeds } from './backend.ts';
import { EngineError } from './errors.ts';

type Leaf = Value<'input'> | Value<'parameter'>;
type Sizes = Readonly<Record<string, number>>;

/**
 * Throws an EngineError that names the leaf unless each is fed a tensor of its dtype and shape. Returns the sizes of
 * all symbols; `fixed` holds those that were fixed when the graph was compiled.
 */
export function checkFeeds(backend: string, leaves: readonly Leaf[], feeds: ResidentFeeds, fixed: Sizes = {}): Sizes {
  for (const leaf of leaves) {
    const t = feeds[leaf.attrs.name];
    if (t?.dtype !== leaf.dtype || elementsOf(t) !== sizeOf(t.shape)) throw misfit(backend, leaf.attrs.name, leaf, t);
  }
  try {
    return bindSymbols(leaves, (leaf) => feeds[leaf.attrs.name]!.shape, fixed);
  } catch (e) {
    throw e instanceof GraphError ? new EngineError('feed', backend, e.message, { cause: e }) : e;
  }
}

/** Throws an EngineError unless a preallocated output has the dtype and shape that the run will give. */
export function checkOutput(backend: string, name: string, value: Value, into: HostTensor, sizes: Sizes): void {
  const shape: Shape = value.shape.map((d) => evaluateDim(d, sizes));
  const fits = into.dtype === value.dtype && String(into.shape) === String(shape);
  if (!fits || into.data.length !== sizeOf(shape)) {
    throw misfit(backend, name, { dtype: value.dtype, shape }, into);
  }
}

/** Elements that are there; a tensor on a device has what its shape says. */
function elementsOf(t: ResidentFeeds[string]): number {
  return 'data' in t ? t.data.length : sizeOf(t.shape);
}

function misfit(
  backend: string,
  name: string,
  expected: Pick<Value, 'dtype' | 'shape'>,
  got?: ResidentFeeds[string],
): EngineError {
  const wanted = `expected ${expected.dtype}${formatShape(expected.shape)}`;
  const what = got ? `is ${got.dtype}${formatShape(got.shape)} with ${elementsOf(got)} elements` : 'is missing';
  return new EngineError('feed', backend, `${name} ${what}, ${wanted}`);
}
