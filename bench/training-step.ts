/** The training step that benchmarks measure: a U-Net of 20.7 million parameters, batch 16, AdamW, moving average. */

import { f32, type HostTensor, sizeOf } from '#core/tensor';
import { input } from '#graph/build';
import { mse } from '#graph/compose';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { UNetConfig } from '#models/unet/config';
import { unet, unetScope } from '#models/unet/network';
import { adamW } from '#training/optimizers/adamw';
import type { TrainingRandom } from '#training/random';
import { buildTrainingStep, type StepOptions } from '#training/step';

export const config: UNetConfig = {
  inChannels: 4,
  outChannels: 4,
  blockChannels: [96, 192, 256],
  layersPerBlock: 1,
  transformerDepth: [0, 1, 1],
  midTransformerDepth: 1,
  heads: [4, 4, 4],
  contextWidth: 128,
  linearProjection: false,
  normGroups: 32,
};
export const batch = 16;
const [side, tokens] = [16, 77];

/** What a step is of: the one that is measured, and one that any machine can try. */
export interface StepSize {
  readonly config: UNetConfig;
  readonly batch: number;
  readonly side: number;
}
const whole: StepSize = { config, batch, side };
export const rehearsal: StepSize = { config: { ...config, blockChannels: [32, 32, 32] }, batch: 1, side: 8 };

export const training = {
  learningRate: 1e-4,
  betas: [0.9, 0.99] as [number, number],
  weightDecay: 0.01,
  clipNorm: 1,
  emaDecay: 0.9,
};

export type Tensors = Record<string, HostTensor>;

type Shapes = Readonly<Record<string, readonly number[]>>;

const shapesOf = ({ config, batch, side }: StepSize): Shapes => ({
  sample: [batch, config.inChannels, side, side],
  timestep: [batch],
  context: [batch, tokens, config.contextWidth],
  target: [batch, config.outChannels, side, side],
});

export function inputs(random: TrainingRandom, size = whole): Tensors {
  const drawn = Object.entries(shapesOf(size)).map(([name, shape]) => {
    const values = random.fillNormal(new Float32Array(sizeOf(shape)));
    return [name, f32(shape, name === 'timestep' ? values.map((v) => Math.abs(300 * v)) : values)];
  });
  return Object.fromEntries(drawn);
}

/**
 * The step graph and first weights. Layers that start at zero get values, so that every gradient is a real one.
 * `updatesApart`: see `StepOptions`.
 */
export function network(random: TrainingRandom, updatesApart: boolean, size = whole) {
  const shapes = shapesOf(size);
  const scope = new Scope(unetScope);
  const leaf = (name: string) => input(name, 'f32', shapes[name]!);
  const prediction = unet(scope, size.config, {
    sample: leaf('sample'),
    timestep: leaf('timestep'),
    context: leaf('context'),
  });
  const { betas, weightDecay, clipNorm } = training;
  const optimizer = adamW({ betas, weightDecay });
  const objective = { loss: mse(prediction, leaf('target')) };
  const options: StepOptions = { optimizer, clipNorm, ema: true, accumulate: 1, updatesApart };
  const step = buildTrainingStep('bench', objective, options);
  const weights: Tensors = {};
  for (const { name, shape, initializer } of scope.declared()) {
    const init = initializer.kind === 'zeros' ? ({ kind: 'uniform', bound: 0.02 } as const) : initializer;
    weights[name] = initialValue(shape, init, random);
  }
  return { step, options, weights };
}
