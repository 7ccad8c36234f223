/** Checks of numeric/rng.json: PyTorch's CPU stream and CUDA's Philox stream. */

import { Mt19937 } from '#core/random/mt19937';
import { PhiloxGenerator } from '#core/random/philox';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { absoluteError, type RowCheck } from './row-check.ts';

interface DrawRow {
  readonly seed: number;
  readonly shape: readonly number[];
  readonly first?: readonly number[];
  readonly second?: readonly number[];
  readonly head?: readonly number[];
  readonly tail?: readonly number[];
  readonly sum?: number;
  readonly second_head?: readonly number[];
  readonly second_sum?: number;
}

interface UniformRow {
  readonly seed: number;
  readonly rand_float32: readonly number[];
  readonly rand_float64_after: readonly number[];
  readonly randint_0_1000: readonly number[];
  readonly randperm_10: readonly number[];
  readonly randn_float64_4: readonly number[];
  readonly randn_float64_20: readonly number[];
  readonly mt19937_u32: readonly number[];
}

export interface RngFile {
  readonly cpu_randn: readonly DrawRow[];
  readonly mixed: readonly { seed: number; calls: readonly { n: number; values: readonly number[] }[] }[];
  readonly uniform: readonly UniformRow[];
  readonly philox: readonly DrawRow[];
}

const cpuTolerance = 5e-6;
const philoxTolerance = 1e-6;

export function* checkRng(file: RngFile): Generator<RowCheck> {
  for (const row of file.cpu_randn) yield* drawChecks('cpu_randn', row, new TorchCpuGenerator(row.seed), cpuTolerance);
  for (const row of file.philox) yield* drawChecks('philox', row, new PhiloxGenerator(row.seed), philoxTolerance);
  for (const { seed, calls } of file.mixed) {
    const generator = new TorchCpuGenerator(seed);
    for (const [i, { n, values }] of calls.entries()) {
      yield check(`mixed/${seed}/call ${i} of ${n}`, generator.randn([n]), values, cpuTolerance);
    }
  }
  for (const row of file.uniform) yield* uniformChecks(row);
}

function check(name: string, got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): RowCheck {
  return { name, error: absoluteError(got, expected), tolerance };
}

function* drawChecks(
  section: string,
  row: DrawRow,
  generator: { randn(shape: readonly number[]): Float32Array },
  tolerance: number,
): Generator<RowCheck> {
  const name = `${section}/${row.seed}/[${row.shape}]`;
  const first = generator.randn(row.shape);
  const second = generator.randn(row.shape);
  if (row.first) yield check(`${name}/first`, first, row.first, tolerance);
  if (row.second) yield check(`${name}/second`, second, row.second, tolerance);
  if (row.head) yield check(`${name}/head`, first.subarray(0, row.head.length), row.head, tolerance);
  if (row.tail) yield check(`${name}/tail`, first.subarray(-row.tail.length), row.tail, tolerance);
  if (row.second_head) {
    yield check(`${name}/second_head`, second.subarray(0, row.second_head.length), row.second_head, tolerance);
  }
  // A sum gathers the errors of all elements; they are of either sign.
  const sumTolerance = tolerance * Math.sqrt(first.length) * 4;
  if (row.sum !== undefined) yield check(`${name}/sum`, [sum(first)], [row.sum], sumTolerance);
  if (row.second_sum !== undefined) yield check(`${name}/second_sum`, [sum(second)], [row.second_sum], sumTolerance);
}

function sum(values: Float32Array): number {
  return values.reduce((total, v) => total + v, 0);
}

function* uniformChecks(row: UniformRow): Generator<RowCheck> {
  const name = `uniform/${row.seed}`;
  const generator = new TorchCpuGenerator(row.seed);
  yield check(`${name}/rand_float32`, generator.rand([row.rand_float32.length]), row.rand_float32, 0);
  const after = generator.randDouble([row.rand_float64_after.length]);
  yield check(`${name}/rand_float64_after`, after, row.rand_float64_after, 0);
  const fresh = () => new TorchCpuGenerator(row.seed);
  yield check(`${name}/randint`, fresh().randint(0, 1000, [row.randint_0_1000.length]), row.randint_0_1000, 0);
  yield check(`${name}/randperm`, fresh().permutation(10), row.randperm_10, 0);
  yield check(`${name}/randn_float64_4`, fresh().randnDouble([4]), row.randn_float64_4, 1e-9);
  yield check(`${name}/randn_float64_20`, fresh().randnDouble([20]), row.randn_float64_20, 1e-9);
  const engine = new Mt19937(row.seed);
  yield check(
    `${name}/mt19937`,
    row.mt19937_u32.map(() => engine.nextU32()),
    row.mt19937_u32,
    0,
  );
}
