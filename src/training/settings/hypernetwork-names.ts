/** Names of what A1111's hypernetworks are made of. */

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
] as const;
export type ActivationName = (typeof activationNames)[number];

export const initialisations = ['Normal', 'XavierUniform', 'XavierNormal', 'KaimingUniform', 'KaimingNormal'] as const;
