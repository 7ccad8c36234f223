/** Training of a network that reads digits, as a task of the trainer. */

import { f32, i64 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { input } from '#graph/build';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { LoopOptions, TrainingTask, Weights } from '#training/loop';
import { adamW } from '#training/optimizers/adamw';
import { type RandomSource, TrainingRandom } from '#training/random';
import { type Digits, pixels, shuffled, side } from '../data/digits.ts';
import { distort } from '../data/distortion.ts';
import type { DigitNetwork } from './network.ts';

export interface DigitTrainingOptions {
  readonly network: DigitNetwork;
  readonly digits: Digits;
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
  readonly learningRate: number;
}

export function digitSteps({ digits, batch, epochs }: DigitTrainingOptions): number {
  return Math.max(1, Math.round((epochs * digits.count) / batch));
}

export function digitTask(
  options: DigitTrainingOptions,
  finish: (weights: Weights) => Promise<void> = async () => {},
): TrainingTask {
  const { network, digits, batch, seed } = options;
  const scope = new Scope();
  const picture = input('picture', 'f32', [batch, 1, side, side]);
  const reading = network.build(scope, picture);
  const objective = { loss: reading.loss(input('label', 'i64', [batch])) };
  const starts = new Map(scope.declared().map((p) => [p.name, p.initializer]));
  const placeOf = shuffled(digits.count, seed, (s) => new TrainingRandom(s));
  return {
    name: network.name,
    objective: () => objective,
    initialise: (name, shape, random) => initialValue(shape, starts.get(name)!, random).data as Float32Array,
    async batch(random, step) {
      const places = Array.from({ length: batch }, (_, i) => placeOf(step * batch + i));
      return digitFeeds(digits, places, random);
    },
    finish: async (weights) => await finish(weights),
  };
}

/** Pictures from 0 to 1, distorted where there is a source to draw from, and their labels. */
function digitFeeds({ images, labels }: Digits, places: readonly number[], random: RandomSource): Feeds {
  const data = new Float32Array(places.length * pixels);
  const one = new Float32Array(pixels);
  for (const [n, place] of places.entries()) {
    for (let i = 0; i < pixels; i++) one[i] = images[place * pixels + i]! / 255;
    distort(one, 0, random, data, n * pixels);
  }
  return {
    picture: f32([places.length, 1, side, side], data),
    label: i64(
      [places.length],
      places.map((place) => labels[place]!),
    ),
  };
}

/** How either network is trained: Adam with decoupled decay, the rate falling to nothing along half a cosine. */
export function digitLoop(options: DigitTrainingOptions, threads?: number): LoopOptions {
  const steps = digitSteps(options);
  return {
    steps,
    optimizer: adamW({ weightDecay: 0.01 }),
    learningRate: options.learningRate,
    schedule: { name: 'cosine', totalSteps: steps },
    checkpointEvery: Math.max(1, Math.ceil(steps / 8)),
    keepCheckpoints: 1,
    threads,
  };
}
