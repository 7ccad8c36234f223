/** Checks what is fed to a session against its graph, so that a mistake is named before the runtime sees it. */

import type { HostTensor } from '#core/tensor';
import { sizeOf } from '#core/tensor';
import { type Dim, evaluateDim, formatShape, symbolsOf } from '#graph/dim';
import type { Value } from '#graph/value';
import { EngineError } from './errors.ts';

export interface Port {
  readonly name: string;
  readonly value: Pick<Value, 'dtype' | 'shape'>;
}

/**
 * Throws an EngineError that names the port unless each has a tensor of its dtype and shape. Returns the sizes of the
 * symbols; `fixed` holds those that were fixed when the graph was compiled.
 */
export function checkTensors(
  backend: string,
  ports: readonly Port[],
  tensors: Readonly<Record<string, HostTensor>>,
  fixed: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const sizes: Record<string, number> = { ...fixed };
  for (const { name, value } of ports) {
    const t = tensors[name];
    const expected = `${value.dtype}${formatShape(value.shape)}`;
    if (!t) throw new EngineError('feed', backend, `${name} is missing: expected a tensor ${expected}`);
    const fits = t.dtype === value.dtype && t.shape.length === value.shape.length;
    if (!fits || !value.shape.every((d, i) => matches(d, t.shape[i]!, sizes)) || t.data.length !== sizeOf(t.shape)) {
      const symbols = Object.keys(sizes).length > 0 ? ` with ${JSON.stringify(sizes)}` : '';
      const got = `${t.dtype}[${t.shape.join(', ')}] of ${t.data.length} elements`;
      throw new EngineError('feed', backend, `${name} is ${got}, expected ${expected}${symbols}`);
    }
  }
  return sizes;
}

/** Compares a size with a dimension, and learns a symbol from a dimension of the form k * symbol + c. */
function matches(dim: Dim, size: number, sizes: Record<string, number>): boolean {
  if (typeof dim === 'number') return dim === size;
  const open = symbolsOf(dim).filter((s) => sizes[s] === undefined);
  if (open.length === 0) return evaluateDim(dim, sizes) === size;
  if (open.length > 1) return true;
  const symbol = open[0]!;
  const at = (n: number): number => evaluateDim(dim, { ...sizes, [symbol]: n });
  const [offset, slope] = [at(0), at(1) - at(0)];
  const value = (size - offset) / slope;
  if (!Number.isInteger(value) || value < 0 || at(value) !== size) return false;
  sizes[symbol] = value;
  return true;
}
