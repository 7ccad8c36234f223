/**
 * RDN: residual dense network (Zhang et al. 2018, arXiv:1802.08797) as the ISR project trains it, whose weights
 * UpscalerJS publishes: 5x5 and 3x3 convolutions before a nearest enlargement.
 *
 * In files of tools/convert-upscalers.ts, whose first and last convolution take and give 0..1 in place of 0..255.
 */

import { add, concat, relu, resizeNearest } from '#graph/build';
import type { Value } from '#graph/value';
import { sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { countIndexed, type TensorTable } from '../tensor-table.ts';
import type { UpscalerArchitecture } from './upscaler.ts';

interface RdnConfig {
  readonly features: number;
  readonly growth: number;
  readonly blocks: number;
  /** Of each block, before the one that joins them. */
  readonly convs: number;
  /** Channels of the convolutions before the enlargement. */
  readonly head: readonly number[];
  readonly scale: number;
}

export const rdn: UpscalerArchitecture = {
  title: 'RDN',
  recognise: (tensors) => tensors.has('blocks.0.fusion.weight') && tensors.has('head.0.weight'),
  open(tensors) {
    const config = configOf(tensors);
    return { scale: config.scale, multiple: 1, keys: sameName, run: (scope, image) => run(scope, config, image) };
  },
};

function configOf(tensors: TensorTable): RdnConfig {
  const rows = (name: string): number => tensors.get(name)?.shape[0] ?? 0;
  const head = [0, 1, 2].map((i) => rows(`head.${i}.weight`));
  // As many as a pixel shuffle would take; the enlargement repeats pixels.
  const scale = Math.sqrt(head[2]! / 3);
  if (!Number.isInteger(scale) || scale < 1) {
    throw new ModelFileError('upscaler-channels', `its head gives ${head[2]} channels; expected 3 * scale^2`);
  }
  return {
    features: rows('shallow.0.weight'),
    growth: rows('blocks.0.convs.0.weight'),
    blocks: countIndexed(tensors, 'blocks.'),
    convs: countIndexed(tensors, 'blocks.0.convs.'),
    head,
    scale,
  };
}

function run(scope: Scope, { features, growth, blocks, convs, head, scale }: RdnConfig, image: Value): Value {
  const layer = (name: string, x: Value, out: number, kernel = 3): Value => conv(scope.child(name), x, out, { kernel });
  const shallow = layer('shallow.0', image, features);
  const outputs: Value[] = [];
  let x = layer('shallow.1', shallow, features);
  for (let i = 0; i < blocks; i++) {
    const seen = [x];
    for (let k = 0; k < convs; k++) seen.push(relu(layer(`blocks.${i}.convs.${k}`, concat([...seen], 1), growth)));
    x = add(layer(`blocks.${i}.fusion`, concat([...seen], 1), features, 1), x);
    outputs.push(x);
  }
  x = layer('fusion.1', layer('fusion.0', concat(outputs, 1), features, 1), features);
  x = relu(layer('head.0', add(x, shallow), head[0]!, 5));
  x = layer('head.2', relu(layer('head.1', x, head[1]!)), head[2]!);
  return layer('output', resizeNearest(x, scale), 3);
}
