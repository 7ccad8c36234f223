/** How rows of numeric/training.json run: in the interpreter in float64 and on a backend in float32. */

import type { DType } from '#core/dtype';
import { type HostTensor, type Shape, tensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { fillHost, readNumber } from '#graph/host';
import { interpret } from '#graph/interpret';
import type { Graph } from '#graph/value';
import { type RowCheck, relativeError } from './row-check.ts';

export const tolerance64 = 1e-9;
const tolerance32 = 1e-4;

export interface TrainingRow {
  readonly name: string;
  run(backend?: Backend): Promise<RowCheck[]>;
}

export type Nested = number | string | readonly Nested[];
export type Fields = Readonly<Record<string, Nested>>;

export type Precision = 'f64' | 'f32';
export type Outputs = Readonly<Record<string, number[]>>;

export function shapeOf(value: Nested): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0] as Nested)] : [];
}

export function host(dtype: DType, shape: Shape, values: readonly number[]): HostTensor {
  return tensor(
    dtype,
    shape,
    fillHost(dtype, values.length, (i) => values[i]!),
  );
}

export const numbersOf = (t: HostTensor): number[] =>
  Array.from({ length: t.data.length }, (_, i) => readNumber(t.dtype, t.data, i));

/** Runs a graph on the interpreter in float64 (no backend) or on a backend. */
export async function execute(
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>>,
  backend: Backend | undefined,
): Promise<Record<string, HostTensor>> {
  if (!backend) return interpret(graph, feeds, { precision: 'f64' });
  const session = await backend.compile(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

/** Checks `expected` by the name of an output, in float64 and on the backend. */
export async function both(
  name: string,
  backend: Backend | undefined,
  expected: Outputs,
  run: (precision: Precision, backend: Backend | undefined) => Promise<Outputs>,
): Promise<RowCheck[]> {
  const compareAll = (got: Outputs, suffix: string, tolerance: number): RowCheck[] =>
    Object.entries(expected).map(([key, values]) => ({
      name: `${name}/${key}${suffix}`,
      error: relativeError(got[key] ?? [], values),
      tolerance,
    }));
  const wide = compareAll(await run('f64', undefined), '', tolerance64);
  return backend ? [...wide, ...compareAll(await run('f32', backend), '/f32', tolerance32)] : wide;
}
