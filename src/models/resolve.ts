/**
 * From stored tensors to parameters: which bytes each parameter is, and everything that does not fit, by name and with
 * both shapes, before anything runs.
 */

import { floatTypes, isFloat } from '#core/dtype';
import { sizeOf } from '#core/tensor';
import type { WeightBytes, WeightRef } from '#engine/backend';
import { blockPackings } from '#formats/packing';
import type { KeyMap, StoredName } from './keys.ts';
import type { DeclaredParameter } from './nn/scope.ts';
import type { TensorFacts } from './tensor-table.ts';

/** A tensor of a file, with where its bytes are; without it when its element type is none that can be computed with. */
export interface StoredTensor extends TensorFacts {
  readonly ref: WeightRef | undefined;
}

export interface Problem {
  readonly kind: 'missing-component' | 'missing' | 'shape' | 'dtype' | 'unexpected';
  /** Whether the model cannot run because of it. */
  readonly fatal: boolean;
  readonly component: string;
  /** Name in the file. */
  readonly stored: string;
  readonly expected?: readonly number[];
  readonly got?: readonly number[];
  readonly message: string;
}

export interface Resolution {
  /** By canonical name. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  readonly problems: readonly Problem[];
  /** Stored names (without prefix) that hold a parameter. */
  readonly used: ReadonlySet<string>;
}

/** What we unpack ourselves. */
const unpackable: readonly string[] = ['F8_E4M3', 'F8_E5M2', 'I8 with scales', ...blockPackings];

/**
 * Finds every parameter of one component. `stored` and the key map's names are without the component's prefix in the
 * file; `prefix` is that prefix, for messages.
 */
export function resolveParameters(
  component: string,
  parameters: readonly DeclaredParameter[],
  keys: KeyMap,
  stored: ReadonlyMap<string, StoredTensor>,
  prefix: string,
): Resolution {
  const weights = new Map<string, WeightRef>();
  const problems: Problem[] = [];
  const used = new Set<string>();
  for (const parameter of parameters) {
    const names = keys(parameter.name.slice(component.length + 1));
    const name = names.find((n) => stored.has(n.name));
    if (!name) {
      problems.push(missing(component, parameter, prefix + names[0]!.name));
      continue;
    }
    used.add(name.name);
    const tensor = stored.get(name.name)!;
    const problem = misfit(component, parameter, name, tensor, prefix + name.name);
    if (problem) problems.push(problem);
    else if (tensor.ref) weights.set(parameter.name, placed(tensor.ref, name));
  }
  return { weights, problems, used };
}

const bracket = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function missing(component: string, { name, shape }: DeclaredParameter, stored: string): Problem {
  const message = `${stored} is missing; expected shape ${bracket(shape)} for ${name}`;
  return { kind: 'missing', fatal: true, component, stored, expected: shape, message };
}

function misfit(
  component: string,
  { name, shape }: DeclaredParameter,
  { part, transpose }: StoredName,
  tensor: StoredTensor,
  stored: string,
): Problem | undefined {
  const got = tensor.shape;
  if (!tensor.ref || (tensor.ref.kind !== 'packed' && !isFloat(tensor.dtype))) {
    const message = `${stored} is ${tensor.dtype}; weights must be one of ${[...floatTypes, ...unpackable].join(', ')}`;
    return { kind: 'dtype', fatal: true, component, stored, message };
  }
  const turned = transpose ? [...shape].reverse() : shape;
  const expected = part ? [turned[0]! * part[1], ...turned.slice(1)] : turned;
  if (sameButOnes(got, expected)) return undefined;
  const message = `${stored} has shape ${bracket(got)}, expected ${bracket(expected)} for ${name}`;
  return { kind: 'shape', fatal: true, component, stored, expected, got, message };
}

/** A 1x1 convolution and a linear layer hold the same matrix; any other difference in shape is an error. */
function sameButOnes(a: readonly number[], b: readonly number[]): boolean {
  const significant = (s: readonly number[]): string => (sizeOf(s) === 1 ? '' : s.join().replace(/(,1)+$/, ''));
  return significant(a) === significant(b);
}

/** The bytes of one stored name: the tensor itself, or a part of its rows. */
function placed(ref: WeightRef, { part, transpose = false }: StoredName): WeightRef {
  const own = part ? narrowed(ref, part) : ref;
  if (!transpose) return own;
  return own.kind === 'memory' ? transposed(own) : { ...own, transpose };
}

function narrowed(ref: WeightRef, [index, of]: readonly [number, number]): WeightRef {
  if (ref.kind === 'packed') return { ...ref, part: [index, of] };
  if (ref.kind === 'file') {
    const byteLength = ref.byteLength / of;
    return { ...ref, offset: ref.offset + index * byteLength, byteLength, shape: firstAxis(ref.shape, of) };
  }
  const { dtype, shape, data } = ref.tensor;
  const length = data.length / of;
  const rows = data.subarray(index * length, (index + 1) * length);
  return { kind: 'memory', tensor: { dtype, shape: firstAxis(shape, of), data: rows } };
}

function firstAxis(shape: readonly number[], of: number): number[] {
  return [shape[0]! / of, ...shape.slice(1)];
}

function transposed({ tensor }: WeightBytes): WeightRef {
  const [rows, columns] = tensor.shape as [number, number];
  const data = tensor.data.slice() as typeof tensor.data;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = tensor.data[r * columns + c]!;
  return { kind: 'memory', tensor: { dtype: tensor.dtype, shape: [columns, rows], data } };
}
