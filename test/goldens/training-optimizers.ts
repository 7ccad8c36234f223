/** The `optimizers` and `ema` rows of numeric/training.json, each a run of steps on the product's own graphs. */

import type { DType } from '#core/dtype';
import { type HostTensor, type Shape, sizeOf } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { input, mul, parameter, sum } from '#graph/build';
import { closeGraph, type Value } from '#graph/value';
import { type EmaOptions, emaDecay, emaUpdate } from '#training/ema';
import { findOptimizer } from '#training/optimizers/registry';
import { optionNames } from '#training/settings/commons';
import { buildTrainingStep, type StateTensor, scalarFeed } from '#training/step';
import { relativeError } from './row-check.ts';
import {
  both,
  execute,
  host,
  numbersOf,
  type Outputs,
  type Precision,
  type TrainingRow,
  tolerance64,
} from './training-row.ts';

export interface OptimizerRow {
  readonly optimizer: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly shape: Shape;
  readonly p0: readonly number[];
  readonly grads: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
}

/** Names of the golden rows in terms of the registry, for what is no option's own name in camel case. */
const optimizerNames: Readonly<Record<string, string>> = {
  adafactor_transformers: 'adafactor',
  adafactor_transformers_relative_step: 'adafactor',
};

/** Every option of ours that a row states; rows also state what is no option (`lr`, the rule in words). */
function optimizerOptions(name: string, params: OptimizerRow['params']): Record<string, unknown> {
  const camel = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const { options } = findOptimizer(name);
  const given = Object.entries(params).map(([key, value]) => [optionNames[key] ?? camel(key), value] as const);
  return Object.fromEntries(
    given.filter(([key, value]) => options.includes(key) && typeof value !== 'string' && value !== null),
  );
}

/** Five steps of the product's own step graph, with a loss whose gradient is the row's. */
async function optimizerSteps(row: OptimizerRow, dtype: Precision, backend?: Backend): Promise<Outputs> {
  const name = optimizerNames[row.optimizer] ?? row.optimizer;
  const optimizer = findOptimizer(name).create(optimizerOptions(name, row.params));
  const p = parameter('p', row.shape, dtype);
  const loss = sum(mul(p, input('gradient', dtype, row.shape)));
  const { apply, state } = buildTrainingStep(name, { loss }, { optimizer, ema: false, accumulate: 1 });
  let current = Object.fromEntries(state.map((s) => [s.name, firstState(s, row, dtype)]));
  const after: [string, number[]][] = [];
  for (const [i, gradient] of row.grads.entries()) {
    const scalars = Object.entries(optimizer.scalars(i + 1, Number(row.params.lr ?? Number.NaN)));
    const results = await execute(
      apply,
      {
        ...current,
        gradient: host(dtype, row.shape, gradient),
        ...Object.fromEntries(scalars.map(([k, v]) => [scalarFeed(k), host(dtype, [], [v])])),
      },
      backend,
    );
    current = Object.fromEntries(state.map((s) => [s.name, results[s.name]!]));
    after.push([`step ${i + 1}`, numbersOf(current.p!)]);
  }
  return Object.fromEntries(after);
}

function firstState({ shape, initial }: StateTensor, { p0 }: OptimizerRow, dtype: DType): HostTensor {
  return host(dtype, shape, typeof initial === 'number' ? new Array<number>(sizeOf(shape)).fill(initial) : p0);
}

export function optimizerRows(rows: readonly OptimizerRow[]): TrainingRow[] {
  return rows.map((row, i) => {
    const name = `optimizers/${i}/${row.optimizer}`;
    const expected = Object.fromEntries(row.after.map((values, step) => [`step ${step + 1}`, [...values]]));
    return {
      name,
      run: (backend) => both(name, backend, expected, (dtype, b) => optimizerSteps(row, dtype, b)),
    };
  });
}

export interface EmaRow {
  readonly params: Readonly<Record<string, number | boolean>>;
  readonly decay_at_optimization_step: readonly (readonly [number, number])[];
  readonly initial: readonly number[];
  readonly values: readonly (readonly number[])[];
  readonly shadow_after: readonly (readonly number[])[];
}

function emaOptions(params: EmaRow['params']): EmaOptions {
  const names: Readonly<Record<string, keyof EmaOptions>> = {
    decay: 'decay',
    min_decay: 'minDecay',
    update_after_step: 'updateAfterStep',
    use_ema_warmup: 'useWarmup',
    inv_gamma: 'invGamma',
    power: 'power',
  };
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [names[key]!, value]));
}

async function emaShadows(row: EmaRow, dtype: Precision, backend?: Backend): Promise<Outputs> {
  const shape = [row.initial.length];
  const leaf = (name: string): Value => input(name, dtype, shape);
  const next = emaUpdate(leaf('shadow'), leaf('value'), input('keep', dtype, []));
  const graph = closeGraph('ema', { next });
  let shadow = host(dtype, shape, row.initial);
  const after: [string, number[]][] = [];
  for (const [i, value] of row.values.entries()) {
    const keep = host(dtype, [], [emaDecay(i + 1, emaOptions(row.params))]);
    shadow = (await execute(graph, { shadow, value: host(dtype, shape, value), keep }, backend)).next!;
    after.push([`shadow ${i + 1}`, numbersOf(shadow)]);
  }
  return Object.fromEntries(after);
}

export function emaRows(rows: readonly EmaRow[]): TrainingRow[] {
  return rows.map((row, i) => {
    const name = `ema/${i}`;
    const expected = Object.fromEntries(row.shadow_after.map((s, n) => [`shadow ${n + 1}`, [...s]]));
    return {
      name,
      async run(backend) {
        const got = row.decay_at_optimization_step.map(([step]) => emaDecay(step, emaOptions(row.params)));
        const decays = row.decay_at_optimization_step.map(([, decay]) => decay);
        const shadows = await both(name, backend, expected, (dtype, b) => emaShadows(row, dtype, b));
        return [{ name: `${name}/decay`, error: relativeError(got, decays), tolerance: tolerance64 }, ...shadows];
      },
    };
  });
}
