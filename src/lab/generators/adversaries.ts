/**
 * A generator and a discriminator of 28x28 pictures on DCGAN's plan: Radford, Metz and Chintala 2016, arXiv:1511.06434,
 * section 3: strides instead of pooling, batch normalisation but at the ends, rectifiers and a final tanh against leaky
 * rectifiers, no hidden full connections, first weights normal with 0.02. Sizes are the lab's own (the paper has 64x64).
 */

import * as g from '#graph/build';
import { batchNormTrain, flatten } from '#graph/compose';
import type { Dim } from '#graph/dim';
import type { Value } from '#graph/value';
import { conv, fixedAxis, linear, normal, zeros } from '#models/nn/layers';
import type { Scope } from '#models/nn/scope';
import { side } from '../data/digits.ts';

/** Numbers of noise that a picture is made from. */
export const noiseWidth = 64;
/** Maps at half the picture's side; twice as many at a quarter. */
const width = 16;
const quarter = side / 4;
const start = { weight: normal(0.02), bias: zeros };

/** Normalised over the batch at hand, also when pictures are drawn: no running statistics are kept. */
function batchNorm(scope: Scope, x: Value): Value {
  const channels = [fixedAxis(x, 1)];
  return batchNormTrain(
    x,
    scope.parameter('weight', channels, { kind: 'ones' }),
    scope.parameter('bias', channels, zeros),
  ).y;
}

/** Doubles the side. */
function enlarge(scope: Scope, x: Value, out: number): Value {
  const weight = scope.parameter('weight', [fixedAxis(x, 1), out, 4, 4], start.weight);
  return g.convTranspose2d(x, weight, scope.parameter('bias', [out], zeros), { stride: 2, padding: 1 });
}

/** Noise [b, 64] -> [b, channels, 28, 28] on (-1, 1) */
export function generator(scope: Scope, noise: Value, channels: number): Value {
  const batch = noise.shape[0] as Dim;
  const seeds = linear(scope.child('project'), noise, 2 * width * quarter * quarter, { init: start });
  let x = g.reshape(seeds, [batch, 2 * width, quarter, quarter]);
  x = g.relu(batchNorm(scope.child('norm1'), x));
  x = g.relu(batchNorm(scope.child('norm2'), enlarge(scope.child('up1'), x, width)));
  return g.tanh(enlarge(scope.child('up2'), x, channels));
}

/** [b, channels, 28, 28] -> logits [b] that a picture is real */
export function discriminator(scope: Scope, picture: Value, { normalised }: { readonly normalised: boolean }): Value {
  const halve = (name: string, x: Value, out: number): Value =>
    conv(scope.child(name), x, out, { kernel: 4, stride: 2, padding: 1, init: start });
  let x = g.leakyRelu(halve('down1', picture, width), 0.2);
  x = halve('down2', x, 2 * width);
  x = g.leakyRelu(normalised ? batchNorm(scope.child('norm'), x) : x, 0.2);
  return g.reshape(linear(scope.child('judge'), flatten(x), 1, { init: start }), [picture.shape[0] as Dim]);
}
