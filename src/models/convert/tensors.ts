/** The tensors of a model under the names of another layout: which stored weights each is made of. */

import { sizeOf } from '#core/tensor';
import type { WeightRef } from '#engine/backend';
import { readWeight } from '../adapters/read-weight.ts';
import type { LoadedCheckpoint } from '../load.ts';
import { ModelFileError } from '../model-error.ts';
import type { ModelSource } from '../model-source.ts';
import { resolveParameters, type StoredTensor } from '../resolve.ts';
import type { ModelFiles } from '../tensor-file.ts';
import { below } from '../tensor-table.ts';

/** A tensor that is to be written. Its values are the rows of `refs`, one after the other, then turned. */
export interface SourceTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As it is stored: `f16`, `Q8_0`, `i64`. */
  readonly dtype: string;
  readonly refs: readonly WeightRef[];
  readonly transpose?: boolean;
  /** The component that it is of, where that is known. */
  readonly component?: string | undefined;
}

/** The values, read when they are asked for. */
export async function readTensor(files: ModelFiles, { refs, shape, transpose }: SourceTensor): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const ref of refs) parts.push((await readWeight(files, ref)).data);
  if (parts.length === 1 && !transpose) return parts[0]!;
  const rows = new Float32Array(sizeOf(shape));
  let at = 0;
  for (const part of parts) {
    rows.set(part, at);
    at += part.length;
  }
  return transpose ? turned(rows, shape as [number, number]) : rows;
}

/** Row-major [columns, rows] as [rows, columns]. */
function turned(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[r * columns + c] = values[c * rows + r]!;
  return out;
}

/** Every tensor of a file as it is named there; `prefixes` tell whose it is. */
export function storedTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  prefixes: ReadonlyMap<string, string>,
): SourceTensor[] {
  const longest = [...prefixes].sort(([, a], [, b]) => b.length - a.length);
  return [...tensors].flatMap(([name, { dtype, shape, ref }]) => {
    const component = longest.find(([, prefix]) => name.startsWith(prefix))?.[0];
    return ref ? [{ name, shape, dtype, refs: [ref], component }] : [];
  });
}

interface Parameter {
  readonly component: string;
  /** Canonical, without the component. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly ref: WeightRef;
}

/** Tensors of a diffusers folder, by component. */
export function folderTensors(loaded: LoadedCheckpoint, source: ModelSource): ReadonlyMap<string, SourceTensor[]> {
  const found = new Map<string, SourceTensor[]>();
  for (const { component, name, shape, ref } of parametersOf(loaded, source)) {
    const own = found.get(component) ?? [];
    own.push({ name, shape, dtype: dtypeOf(ref), refs: [ref], component });
    found.set(component, own);
  }
  return found;
}

/** Tensors of a single file in the family's original layout. @throws ModelFileError for a family that has none */
export function singleFileTensors(loaded: LoadedCheckpoint, source: ModelSource): SourceTensor[] {
  const { family, config, path } = loaded;
  const layout = family.singleFile?.(config);
  if (!layout) throw new ModelFileError('layout', `${family.title} has no layout in a single file`, path);
  const found = new Map<string, SourceTensor & { refs: WeightRef[] }>();
  for (const { component, name, shape, ref } of parametersOf(loaded, source)) {
    const { prefix, keys } = layout.find((part) => part.component === component)!;
    const [{ name: stored, part, transpose = false }] = keys(name) as [ReturnType<typeof keys>[number]];
    const whole = part ? [shape[0]! * part[1], ...shape.slice(1)] : shape;
    const own = transpose ? [...whole].reverse() : originalShape(stored, whole);
    const tensor = found.get(prefix + stored) ?? {
      ...{ name: prefix + stored, shape: own, dtype: dtypeOf(ref), refs: [], transpose, component },
    };
    tensor.refs[part?.[0] ?? 0] = ref;
    found.set(prefix + stored, tensor);
  }
  return [...found.values()];
}

/** The VAE's attention is 1x1 convolutions there. */
function originalShape(name: string, shape: readonly number[]): readonly number[] {
  return /\.attn_1\.(q|k|v|proj_out)\.weight$/.test(name) ? [...shape, 1, 1] : shape;
}

/** Every parameter that there is, also what is only kept for others. */
function parametersOf(loaded: LoadedCheckpoint, source: ModelSource): Parameter[] {
  const { family, config, weights, components } = loaded;
  return [...family.parameters(config), ...(family.unused?.(config) ?? [])].flatMap(({ name, shape }) => {
    const component = components.find((each) => name.startsWith(`${each}.`));
    const ref = weights.get(name);
    return component !== undefined && ref ? [{ component, name: name.slice(component.length + 1), shape, ref }] : [];
  });
}

function dtypeOf(ref: WeightRef): string {
  if (ref.kind === 'packed') return ref.packing;
  return ref.kind === 'file' ? ref.dtype : ref.tensor.dtype;
}
