/** Names of what A1111's hypernetworks are made of. */

import type { StoredActivation } from '#models/hypernetworks/activations';

export const activationNames = [
  'linear',
  'relu',
  'leakyrelu',
  'elu',
  'swish',
  'tanh',
  'sigmoid',
  'celu',
  'gelu',
  'hardshrink',
  'hardsigmoid',
  'hardswish',
  'hardtanh',
  'logsigmoid',
  'mish',
  'relu6',
  'selu',
  'silu',
  'softplus',
  'softshrink',
  'softsign',
  'tanhshrink',
] as const satisfies readonly StoredActivation[];
export type ActivationName = (typeof activationNames)[number];

export const initialisations = ['Normal', 'XavierUniform', 'XavierNormal', 'KaimingUniform', 'KaimingNormal'] as const;
