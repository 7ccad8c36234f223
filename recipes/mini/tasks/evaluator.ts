/**
 * A small classifier that names what a picture shows: object, place and time of day. It scores generated pictures, so
 * it is trained on clean renders and on renders that went through the autoencoder, with noise and brightness changes.
 *
 * Network: 3x3 convolutions of stride 2 with group normalisation, global average and maximum, one linear head a label.
 */

import { f32, i64 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { add, concat, conv2d, groupNorm, input, linear, max, mean, silu } from '#graph/build';
import { crossEntropy } from '#graph/compose';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { initialValue } from '#models/nn/init';
import { type Initializer, Scope } from '#models/nn/scope';
import type { TrainingTask } from '#training/loop';
import type { RandomSource } from '#training/random';

export const evaluatorLabels = ['object', 'place', 'time'] as const;
export type EvaluatorLabel = (typeof evaluatorLabels)[number];

export interface EvaluatorNetwork {
  readonly size: number;
  readonly channels: readonly number[];
  readonly classes: Readonly<Record<EvaluatorLabel, number>>;
}

/** Labelled pictures: planes [count, 3, size, size] in [-1, 1]. */
export interface LabelledSource {
  draw(random: RandomSource, count: number): Promise<{ planes: Float32Array } & Record<EvaluatorLabel, Int32Array>>;
}

const he = (fanIn: number): Initializer => ({ kind: 'normal', std: Math.sqrt(2 / fanIn) });

/** Picture [b, 3, size, size] -> logits of each label. */
export function evaluatorLogits(scope: Scope, network: EvaluatorNetwork, image: Value): Record<EvaluatorLabel, Value> {
  let x = image;
  let width = 3;
  network.channels.forEach((channels, i) => {
    const block = scope.child(`blocks.${i}`);
    const weight = block.parameter('conv.weight', [channels, width, 3, 3], he(9 * width));
    const bias = block.parameter('conv.bias', [channels], { kind: 'zeros' });
    const gain = block.parameter('norm.weight', [channels], { kind: 'ones' });
    const shift = block.parameter('norm.bias', [channels], { kind: 'zeros' });
    x = silu(groupNorm(conv2d(x, weight, bias, { stride: 2, padding: 1 }), gain, shift, 8));
    width = channels;
  });
  const features = concat([mean(x, [2, 3]), max(x, [2, 3])], 1);
  const head = (label: EvaluatorLabel): Value => {
    const classes = network.classes[label];
    const weight = scope.parameter(`${label}.weight`, [classes, 2 * width], {
      kind: 'normal',
      std: (2 * width) ** -0.5,
    });
    return linear(features, weight, scope.parameter(`${label}.bias`, [classes], { kind: 'zeros' }));
  };
  return { object: head('object'), place: head('place'), time: head('time') };
}

export function evaluatorGraph(network: EvaluatorNetwork, batch: number): Graph {
  const image = input('image', 'f32', [batch, 3, network.size, network.size]);
  return closeGraph('evaluator', evaluatorLogits(new Scope('evaluator'), network, image));
}

export function evaluatorTask(
  network: EvaluatorNetwork,
  source: LabelledSource,
  batchSize: number,
  hooks: Pick<TrainingTask, 'publish'> = {},
): TrainingTask {
  const scope = new Scope('evaluator');
  const image = input('image', 'f32', [batchSize, 3, network.size, network.size]);
  const logits = evaluatorLogits(scope, network, image);
  const losses = evaluatorLabels.map((l) => crossEntropy(logits[l], input(l, 'i64', [batchSize])));
  const metrics = Object.fromEntries(evaluatorLabels.map((l, i) => [l, losses[i]!]));
  const initializers = new Map(scope.declared().map((p) => [p.name, p.initializer]));
  return {
    name: 'evaluator',
    objective: () => ({ loss: losses.reduce((a, b) => add(a, b)), metrics }),
    initialise: (name, shape, random) => initialValue(shape, initializers.get(name)!, random).data as Float32Array,
    async batch(random): Promise<Feeds> {
      const drawn = await source.draw(random, batchSize);
      return {
        image: f32([batchSize, 3, network.size, network.size], augment(drawn.planes, batchSize, random)),
        ...Object.fromEntries(evaluatorLabels.map((l) => [l, i64([batchSize], drawn[l])])),
      };
    },
    ...hooks,
  };
}

/** Brightness, contrast and noise, drawn for each picture. */
function augment(planes: Float32Array, count: number, random: RandomSource): Float32Array {
  const item = planes.length / count;
  const noise = random.fillNormal(new Float32Array(planes.length));
  for (let n = 0; n < count; n++) {
    const gain = 0.85 + 0.3 * random.uniform();
    const shift = 0.2 * (random.uniform() - 0.5);
    const spread = 0.1 * random.uniform() ** 2;
    for (let i = n * item; i < (n + 1) * item; i++) planes[i] = planes[i]! * gain + shift + spread * noise[i]!;
  }
  return planes;
}
