/**
 * Activations of hypernetworks by the names that A1111 stores: those of torch.nn in small letters, with their defaults,
 * as they are when nothing is trained. "swish" is Hardswish there.
 *
 * Left out: those that A1111 cannot make without arguments (threshold, multiheadattention), and those that change the
 * width or mix the pictures of a batch (glu, softmax and its relatives).
 */

import {
  abs,
  add,
  clamp,
  div,
  elu,
  gelu,
  greater,
  leakyRelu,
  mul,
  neg,
  relu,
  sigmoid,
  silu,
  softplus,
  sub,
  tanh,
  where,
} from '#graph/build';
import type { Value } from '#graph/value';

type Activation = (x: Value) => Value;

const hardSigmoid: Activation = (x) => clamp(add(div(x, 6), 0.5), 0, 1);
const hardSwish: Activation = (x) => mul(x, hardSigmoid(x));
const same: Activation = (x) => x;

/** Of `prelu` the slope is in the file. */
const rows = {
  linear: same,
  identity: same,
  relu,
  leakyrelu: (x) => leakyRelu(x, 0.01),
  elu: (x) => elu(x, 1),
  swish: hardSwish,
  hardswish: hardSwish,
  tanh,
  sigmoid,
  hardsigmoid: hardSigmoid,
  hardtanh: (x) => clamp(x, -1, 1),
  relu6: (x) => clamp(x, 0, 6),
  // The mean of the slopes 1/8 and 1/3 between which training draws.
  rrelu: (x) => leakyRelu(x, (1 / 8 + 1 / 3) / 2),
  celu: (x) => elu(x, 1),
  selu: (x) => mul(elu(x, 1.6732632423543772), 1.0507009873554805),
  gelu,
  silu,
  mish: (x) => mul(x, tanh(softplus(x))),
  softplus,
  softsign: (x) => div(x, add(abs(x), 1)),
  logsigmoid: (x) => neg(softplus(neg(x))),
  tanhshrink: (x) => sub(x, tanh(x)),
  softshrink: (x) => sub(x, clamp(x, -0.5, 0.5)),
  hardshrink: (x) => where(greater(abs(x), 0.5), x, mul(x, 0)),
  prelu: same,
} satisfies Readonly<Record<string, Activation>>;

export type StoredActivation = keyof typeof rows;
export const activations: Readonly<Record<string, Activation>> = rows;
