/**
 * LeNet-5's plan with the parts of later years: rectifiers, maxima for subsampling, all maps connected, softmax and
 * cross-entropy, twice the maps. First weights as in PyTorch (models/nn/layers.ts).
 */

import * as g from '#graph/build';
import { crossEntropy, flatten } from '#graph/compose';
import type { Value } from '#graph/value';
import { conv, linear } from '#models/nn/layers';
import type { Scope } from '#models/nn/scope';
import { type DigitNetwork, featureWidth, type Reading } from './network.ts';

/** Mean and deviation of the training set's pixels. */
const [mean, deviation] = [0.1307, 0.3081];

function build(scope: Scope, x: Value): Reading {
  const standard = g.mul(g.sub(x, mean), 1 / deviation);
  const c1 = g.relu(conv(scope.child('c1'), standard, 12, { kernel: 5 }));
  const s2 = g.maxPool2d(c1, { kernel: 2 });
  const c3 = g.relu(conv(scope.child('c3'), s2, 24, { kernel: 5, padding: 0 }));
  const s4 = g.maxPool2d(c3, { kernel: 2 });
  const c5 = g.relu(linear(scope.child('c5'), flatten(s4), 120));
  const f6 = g.relu(linear(scope.child('f6'), c5, featureWidth));
  const scores = linear(scope.child('output'), f6, 10);
  return { scores, features: f6, loss: (labels) => crossEntropy(scores, labels, 1) };
}

export const modernLenet: DigitNetwork = {
  name: 'modern',
  title: 'LeNet-5, modern',
  about: 'The same plan with rectifiers, maxima, all maps connected, softmax and cross-entropy.',
  training: { epochs: 3, learningRate: 0.002 },
  build,
};
