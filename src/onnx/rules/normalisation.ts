/** Normalisations and softmax. */

import type { Dim } from '#graph/dim';
import type { Value } from '#graph/value';
import { float, type ModelBuilder } from '../builder.ts';
import type { LoweringTable } from '../rule.ts';

export type NormalisationOp = 'groupNorm' | 'layerNorm' | 'rmsNorm' | 'softmax' | 'logSoftmax';

export const normalisationRules: LoweringTable<NormalisationOp> = {
  groupNorm: lowerGroupNorm,
  layerNorm: (b, { attrs }, inputs) => b.node('LayerNormalization', inputs, { axis: -1, epsilon: float(attrs.eps) }),
  rmsNorm: (b, { attrs }, inputs) =>
    b.node('SimplifiedLayerNormalization', inputs, { axis: -1, epsilon: float(attrs.eps) }),
  softmax: (b, { attrs }, [x]) => b.node('Softmax', [x!], { axis: attrs.axis }),
  logSoftmax: lowerLogSoftmax,
};

/** Groups become the channels of an instance normalisation; the affine part follows per channel. */
function lowerGroupNorm(b: ModelBuilder, v: Value<'groupNorm'>, [x, weight, bias]: readonly string[]): string {
  const { groups, eps } = v.attrs;
  const channels = v.shape[1] as number;
  const epsilon = float(eps);
  if (groups === channels && v.shape.length > 2) {
    return b.node('InstanceNormalization', [x!, weight!, bias!], { epsilon });
  }
  const rows = b.node('Reshape', [x!, b.ints([0, groups, -1])]);
  const one = b.filled(v.dtype, 1, [groups]);
  const normal = b.node('InstanceNormalization', [rows, one, b.filled(v.dtype, 0, [groups])], { epsilon });
  const perChannel: Dim[] = [channels, ...v.shape.slice(2).map(() => 1)];
  const scaled = b.node('Mul', [b.reshape(normal, v.shape), b.reshape(weight!, perChannel)]);
  return b.node('Add', [scaled, b.reshape(bias!, perChannel)]);
}

/** The GPU provider has no kernel of its own; three steps on the device beat a trip to the CPU. */
function lowerLogSoftmax(b: ModelBuilder, { attrs }: Value<'logSoftmax'>, [x]: readonly string[]): string {
  if (b.target === 'cpu') return b.node('LogSoftmax', [x!], { axis: attrs.axis });
  const axes = b.ints([attrs.axis]);
  const shifted = b.node('Sub', [x!, b.node('ReduceMax', [x!, axes], { keepdims: 1 })]);
  const total = b.node('ReduceSum', [b.node('Exp', [shifted]), axes], { keepdims: 1 });
  return b.node('Sub', [shifted, b.node('Log', [total])]);
}
