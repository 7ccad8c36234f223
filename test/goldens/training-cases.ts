/**
 * Checks of numeric/training.json beside `autograd` (see autograd-cases.ts), section by section. What is graph in the
 * product runs twice: in the interpreter in float64, to 1e-9, and, where a backend is given, on it in float32, to 1e-4.
 */

import { tensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { clamp, constant, full, input, mean, mul } from '#graph/build';
import { filled, gaussianKl } from '#graph/compose';
import { fillHost } from '#graph/host';
import { closeGraph, type Value } from '#graph/value';
import {
  cleanValue,
  convertValue,
  diffuse,
  type LossWeighting,
  lossWeight,
  noiseValue,
  priorWeights,
  signalToNoise,
} from '#training/diffusion-objective';
import { cleanFromVelocity, flowNoisy, flowVelocity, logitNormalSigma, modeSigma } from '#training/flow-objective';
import { type LearningRateOptions, learningRateAt } from '#training/learning-rate';
import { elementLoss, gaussianNll, gaussianSample, weightedLoss, weightedMse } from '#training/losses';
import { type NoiseShape, offsetNoise, perturbNoise, pyramidNoise } from '#training/noise';
import { clipFactor, globalNorm } from '#training/step';
import { flatNumbers, relativeError } from './row-check.ts';
import { type EmaRow, emaRows, type OptimizerRow, optimizerRows } from './training-optimizers.ts';
import {
  both,
  execute,
  type Fields,
  host,
  type Nested,
  numbersOf,
  type Outputs,
  type Precision,
  shapeOf,
  type TrainingRow,
  tolerance64,
} from './training-row.ts';

export interface TrainingSuite {
  readonly section: string;
  rows(file: TrainingFile): TrainingRow[];
}

type Operands = Readonly<Record<string, Value>>;

export interface TrainingFile {
  readonly optimizers: readonly OptimizerRow[];
  readonly ema: readonly EmaRow[];
  readonly lr_schedules: readonly {
    readonly name: LearningRateOptions['name'];
    readonly params: Readonly<Record<string, number | string>>;
    readonly base_lr: number;
    readonly lr_at_step: readonly (readonly [number, number])[];
  }[];
  readonly targets: readonly (Fields & { readonly t: number; readonly abar: number })[];
  readonly min_snr: readonly MinSnrRow[];
  readonly noise_offset: Fields;
  readonly input_perturbation: Fields;
  readonly pyramid_noise: Fields & { readonly levels: readonly Nested[] };
  readonly prior_preservation: Fields;
  readonly weighted_mse: Fields;
  readonly masked_mse: Fields;
  readonly huber_diffusion: Fields;
  readonly diagonal_gaussian: Fields;
  readonly clip_grad_norm: Fields & { readonly grads: readonly Nested[]; readonly clipped: readonly Nested[] };
  readonly flow: Fields;
}

/** A section of one row whose outputs are graph functions of some of its fields. */
function graphSuite<K extends keyof TrainingFile>(
  section: K,
  operands: readonly string[],
  outputs: readonly string[],
  build: (operands: Operands, row: TrainingFile[K]) => Record<string, Value>,
): TrainingSuite {
  return {
    section,
    rows: (file) => {
      const row = file[section];
      const fields = row as unknown as Fields;
      const expected = Object.fromEntries(outputs.map((o) => [o, flatNumbers(fields[o])]));
      const run = async (dtype: Precision, backend: Backend | undefined): Promise<Outputs> => {
        const feeds = Object.fromEntries(
          operands.map((o) => [o, host(dtype, shapeOf(fields[o]!), flatNumbers(fields[o]))]),
        );
        const leaves = Object.fromEntries(operands.map((o) => [o, input(o, dtype, feeds[o]!.shape)]));
        const results = await execute(closeGraph(section, build(leaves, row)), feeds, backend);
        return Object.fromEntries(Object.entries(results).map(([k, t]) => [k, numbersOf(t)]));
      };
      return [{ name: section, run: (backend) => both(section, backend, expected, run) }];
    },
  };
}

/** A section whose rows are computed on the host, in float64. */
function hostSuite<K extends keyof TrainingFile>(
  section: K,
  checks: (file: TrainingFile[K]) => Iterable<readonly [name: string, got: ArrayLike<number>, expected: Nested]>,
): TrainingSuite {
  return {
    section,
    rows: (file) => [
      {
        name: section,
        run: async () =>
          [...checks(file[section])].map(([name, got, expected]) => ({
            name: `${section}/${name}`,
            error: relativeError(got, flatNumbers(expected)),
            tolerance: tolerance64,
          })),
      },
    ],
  };
}

// Learning rates

const learningRateSuite = hostSuite('lr_schedules', function* (rows) {
  const names: Readonly<Record<string, string>> = {
    num_warmup_steps: 'warmupSteps',
    num_training_steps: 'totalSteps',
    num_cycles: 'cycles',
    power: 'power',
    lr_end: 'endRate',
    step_rules: 'rules',
  };
  for (const [i, { name, params, base_lr, lr_at_step }] of rows.entries()) {
    const given = Object.fromEntries(Object.entries(params).map(([key, value]) => [names[key]!, value]));
    const got = lr_at_step.map(([step]) => learningRateAt(step, base_lr, { name, ...given }));
    yield [`${i}/${name}`, got, lr_at_step.map(([, rate]) => rate)];
  }
});

// Targets, weights, noise

const targetSuite = hostSuite('targets', function* (rows) {
  for (const { t, abar, ...fields } of rows) {
    const of = (key: string): Float64Array => Float64Array.from(flatNumbers(fields[key]));
    const [x0, eps, v, noisy] = [of('x0'), of('eps'), of('v'), of('x_t')];
    const each = (values: Float64Array, f: (value: number, noisy: number) => number): number[] =>
      Array.from(values, (value, i) => f(value, noisy[i]!));
    const diffused = diffuse(x0, eps, [abar], 'v');
    yield [`${t}/x_t`, diffused.noisy, fields.x_t!];
    yield [`${t}/v`, diffused.target, fields.v!];
    yield [`${t}/x0_from_eps`, each(eps, (e, x) => cleanValue('eps', e, x, abar)), fields.x0_from_eps!];
    yield [`${t}/x0_from_v`, each(v, (e, x) => cleanValue('v', e, x, abar)), fields.x0_from_v!];
    yield [`${t}/eps_from_v`, each(v, (e, x) => noiseValue('v', e, x, abar)), fields.eps_from_v!];
    yield [`${t}/eps_from_x0`, each(x0, (e, x) => noiseValue('x0', e, x, abar)), fields.eps_from_x0!];
    yield [`${t}/v_from_eps`, each(eps, (e, x) => convertValue('eps', 'v', e, x, abar)), fields.v_from_eps!];
  }
});

type Weights = Readonly<Record<'eps' | 'v' | 'x0', number>>;

interface MinSnrRow {
  readonly t: number;
  readonly snr: number;
  readonly gamma1: Weights;
  readonly gamma5: Weights;
  readonly gamma20: Weights;
  readonly soft_min_gamma5_eps: number;
  readonly debiased_sqrt: number;
  readonly p2_gamma1_k1: number;
}

const weightSuite = hostSuite('min_snr', function* (rows) {
  for (const row of rows) {
    const alphaBar = row.snr / (1 + row.snr);
    const eps = (weighting: LossWeighting): [number] => [lossWeight('eps', alphaBar, weighting)];
    yield [`${row.t}/snr`, [signalToNoise(alphaBar)], row.snr];
    for (const gamma of [1, 5, 20] as const) {
      for (const [prediction, expected] of Object.entries(row[`gamma${gamma}`])) {
        const got = lossWeight(prediction as keyof Weights, alphaBar, { name: 'min-snr', gamma });
        yield [`${row.t}/gamma${gamma}/${prediction}`, [got], expected];
      }
    }
    yield [`${row.t}/soft_min`, eps({ name: 'soft-min-snr', gamma: 5 }), row.soft_min_gamma5_eps];
    yield [`${row.t}/debiased`, eps({ name: 'debiased' }), row.debiased_sqrt];
    yield [`${row.t}/p2`, eps({ name: 'p2', gamma: 1, k: 1 }), row.p2_gamma1_k1];
  }
});

const doubles = (value: Nested | undefined): Float64Array => Float64Array.from(flatNumbers(value));
const scalar = (value: Nested | undefined): number => flatNumbers(value)[0]!;

const offsetSuite = hostSuite('noise_offset', function* (row) {
  yield ['result', offsetNoise(doubles(row.noise), doubles(row.channel_noise), scalar(row.strength)), row.result!];
});

const perturbationSuite = hostSuite('input_perturbation', function* (row) {
  yield ['result', perturbNoise(doubles(row.noise), doubles(row.extra), scalar(row.gamma)), row.result!];
});

const pyramidSuite = hostSuite('pyramid_noise', function* (row) {
  const levels = row.levels.map((level) => ({ shape: shapeOf(level) as unknown as NoiseShape, data: doubles(level) }));
  yield ['result', pyramidNoise(levels, scalar(row.discount)), row.result!];
});

const flowSuite = hostSuite('flow', function* (row) {
  const [x0, noise, noisy, velocity] = ['x0', 'noise', 'x_t', 'target_velocity'].map((k) => doubles(row[k]));
  const sigma = scalar(row.sigma);
  for (const [key, expected] of Object.entries(row)) {
    const logit = /^logit_normal_m(-?[\d.]+)_s([\d.]+)$/.exec(key);
    if (logit)
      yield [key, doubles(row.z).map((z) => logitNormalSigma(z, Number(logit[1]), Number(logit[2]))), expected];
    const mode = /^mode_scale_(-?[\d.]+)$/.exec(key);
    if (mode) yield [key, doubles(row.u).map((u) => modeSigma(u, Number(mode[1]))), expected];
  }
  yield ['x_t', x0!.map((x, i) => flowNoisy(x, noise![i]!, sigma)), row.x_t!];
  yield ['target_velocity', x0!.map((x, i) => flowVelocity(x, noise![i]!)), row.target_velocity!];
  yield ['x0_from_velocity', noisy!.map((x, i) => cleanFromVelocity(x, velocity![i]!, sigma)), row.x0_from_velocity!];
});

// Losses

const clipSuite: TrainingSuite = {
  section: 'clip_grad_norm',
  rows: ({ clip_grad_norm: row }) => [
    {
      name: 'clip_grad_norm',
      run(backend) {
        const names = row.grads.map((_, i) => `gradient ${i}`);
        const clipped = Object.fromEntries(names.map((n, i) => [`clipped ${n}`, flatNumbers(row.clipped[i])]));
        const expected = { norm: flatNumbers(row.total_norm), ...clipped };
        return both('clip_grad_norm', backend, expected, async (dtype, b) => {
          const feeds = Object.fromEntries(
            row.grads.map((g, i) => [names[i]!, host(dtype, shapeOf(g), flatNumbers(g))]),
          );
          const leaves = names.map((n) => input(n, dtype, feeds[n]!.shape));
          const norm = globalNorm(leaves);
          const factor = clipFactor(norm, scalar(row.max_norm));
          const outputs = Object.fromEntries(leaves.map((g, i) => [`clipped ${names[i]}`, mul(g, factor)]));
          const results = await execute(closeGraph('clip', { norm, ...outputs }), feeds, b);
          return Object.fromEntries(Object.entries(results).map(([k, t]) => [k, numbersOf(t)]));
        });
      },
    },
  ],
};

const pair = ['pred', 'target'] as const;

export const trainingSuites: readonly TrainingSuite[] = [
  { section: 'optimizers', rows: (file) => optimizerRows(file.optimizers) },
  { section: 'ema', rows: (file) => emaRows(file.ema) },
  learningRateSuite,
  targetSuite,
  weightSuite,
  offsetSuite,
  perturbationSuite,
  pyramidSuite,
  graphSuite('prior_preservation', pair, ['instance_loss', 'prior_loss', 'loss'], ({ pred, target }, row) => {
    const count = pred!.shape[0] as number;
    const isClass = Array.from({ length: count }, (_, i) => i >= count / 2);
    const weighted = (weights: readonly number[]): Value =>
      weightedMse(
        pred!,
        target!,
        constant(
          tensor(
            pred!.dtype,
            [count],
            fillHost(pred!.dtype, count, (i) => weights[i]!),
          ),
        ),
      ).loss;
    return {
      loss: weighted(priorWeights(isClass, scalar(row.prior_loss_weight))),
      instance_loss: weighted(priorWeights(isClass, 0)),
      prior_loss: weighted(priorWeights(isClass, 1).map((w, i) => (isClass[i] ? w : 0))),
    };
  }),
  graphSuite('weighted_mse', [...pair, 'weights'], ['per_sample', 'loss'], ({ pred, target, weights }) => {
    const { loss, perItem } = weightedMse(pred!, target!, weights!);
    return { loss, per_sample: perItem };
  }),
  graphSuite('masked_mse', [...pair, 'mask'], ['loss_mean', 'loss_normalised'], ({ pred, target, mask }) => {
    const element = elementLoss(pred!, target!, { type: 'l2', mask });
    const ones = filled(1, pred!.dtype, [pred!.shape[0]!]);
    return {
      loss_mean: weightedLoss(element, ones).loss,
      loss_normalised: weightedLoss(element, ones, mask).loss,
    };
  }),
  graphSuite('huber_diffusion', pair, ['pseudo_huber', 'smooth_l1'], ({ pred, target }, row) => ({
    pseudo_huber: mean(elementLoss(pred!, target!, { type: 'huber', c: full(scalar(row.c), pred!.dtype) })),
    smooth_l1: mean(elementLoss(pred!, target!, { type: 'smooth_l1', c: full(scalar(row.c), pred!.dtype) })),
  })),
  graphSuite(
    'diagonal_gaussian',
    ['mean', 'logvar', 'noise', 'nll_input'],
    ['sample', 'kl_per_item', 'nll_per_item'],
    ({ mean, logvar, noise, nll_input: x }, row) => {
      const [low, high] = flatNumbers(row.logvar_clamp) as [number, number];
      const bounded = clamp(logvar!, low, high);
      return {
        sample: gaussianSample(mean!, bounded, noise!),
        kl_per_item: gaussianKl(mean!, bounded),
        nll_per_item: gaussianNll(x!, mean!, bounded),
      };
    },
  ),
  clipSuite,
  flowSuite,
];
