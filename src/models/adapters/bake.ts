/**
 * Adapters baked into the tensors of a file: what each stored tensor becomes, under the name and in the layout that it
 * has there (parts of one tensor, turned matrices).
 */

import type { LoadedCheckpoint } from '../load.ts';
import type { StoredTensor } from '../resolve.ts';
import { below } from '../tensor-table.ts';
import { type AppliedAdapter, combineAdapters } from './combine.ts';
import { type Matrix, transposed } from './matrix.ts';

/** By stored name: the values with every adapter in them. Row-major, in the stored shape. */
export type BakedTensors = ReadonlyMap<string, (values: Float32Array) => Float32Array>;

/** @param tensors of the file that `loaded` came from */
export function bakedTensors(
  { family, config, prefixes }: LoadedCheckpoint,
  tensors: ReadonlyMap<string, StoredTensor>,
  applied: readonly AppliedAdapter[],
): BakedTensors {
  const { merged } = combineAdapters(applied, [], { merges: true });
  const shapes = new Map(family.parameters(config).map(({ name, shape }) => [name, shape]));
  const baked = new Map<string, (values: Float32Array) => Float32Array>();
  for (const [component, prefix] of prefixes) {
    const own = below(tensors, prefix);
    const keys = family.keys(config, component, own);
    for (const [name, change] of merged) {
      if (!name.startsWith(`${component}.`)) continue;
      const stored = keys(name.slice(component.length + 1)).find((each) => own.has(each.name));
      if (!stored) continue;
      const { part = [0, 1], transpose = false } = stored;
      const before = baked.get(prefix + stored.name);
      const after = (values: Float32Array) => changedPart(values, shapes.get(name)!, part, transpose, change);
      baked.set(prefix + stored.name, before ? (values) => after(before(values)) : after);
    }
  }
  return baked;
}

/** One of equal parts of the first axis, changed in the parameter's own layout `shape`. */
function changedPart(
  values: Float32Array,
  shape: readonly number[],
  [index, of]: readonly [number, number],
  transpose: boolean,
  change: (current: Matrix) => Matrix,
): Float32Array {
  const length = values.length / of;
  const own = values.slice(index * length, (index + 1) * length);
  const turned = [...shape].reverse();
  const current = transpose ? { shape, data: transposed({ shape: turned, data: own }).data } : { shape, data: own };
  const changed = change(current).data;
  const out = values.slice();
  out.set(transpose ? transposed({ shape, data: changed }).data : changed, index * length);
  return out;
}
