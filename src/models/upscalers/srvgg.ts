/**
 * SRVGGNetCompact: a plain stack of convolutions whose channels become pixels at the end, added to the enlarged picture
 * (Real-ESRGAN, Wang et al. 2021, arXiv:2107.10833; realesrgan/archs/srvgg_arch.py).
 *
 * Left out: ReLU and leaky ReLU in place of PReLU, which no published file has.
 */

import { add, minimum, mul, relu, reshape, resizeNearest } from '#graph/build';
import { pixelShuffle } from '#graph/compose';
import type { Value } from '#graph/value';
import { sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { countIndexed } from '../tensor-table.ts';
import type { UpscalerArchitecture } from './upscaler.ts';

export const srvgg: UpscalerArchitecture = {
  title: 'Real-ESRGAN compact (SRVGGNet)',
  recognise: (tensors) =>
    tensors.get('body.0.weight')?.shape.length === 4 && tensors.get('body.1.weight')?.shape.length === 1,
  open(tensors) {
    const layers = countIndexed(tensors, 'body.');
    const [features = 0, channels] = tensors.get('body.0.weight')!.shape;
    const rows = tensors.get(`body.${layers - 1}.weight`)?.shape[0] ?? 0;
    const scale = Math.sqrt(rows / 3);
    if (channels !== 3 || layers % 2 === 0 || !Number.isInteger(scale) || scale < 1) {
      const message = `${layers} layers from ${channels} channels to ${rows} make no SRVGGNet; expected RGB and 3 * scale^2`;
      throw new ModelFileError('upscaler-channels', message);
    }
    return {
      scale,
      multiple: 1,
      keys: sameName,
      run: (scope, image) => run(scope.child('body'), image, { features, layers, scale }),
    };
  },
};

interface Sizes {
  readonly features: number;
  readonly layers: number;
  readonly scale: number;
}

function run(scope: Scope, image: Value, { features, layers, scale }: Sizes): Value {
  let x = image;
  for (let i = 0; i < layers - 1; i += 2) {
    x = prelu(scope.child(`${i + 1}`), conv(scope.child(`${i}`), x, features, { kernel: 3 }));
  }
  x = conv(scope.child(`${layers - 1}`), x, 3 * scale * scale, { kernel: 3 });
  return add(pixelShuffle(x, scale), resizeNearest(image, scale));
}

/** A slope for each channel below zero. */
function prelu(scope: Scope, x: Value): Value {
  const channels = x.shape[1] as number;
  const slopes = scope.parameter('weight', [channels], { kind: 'uniform', bound: 0.25 });
  return add(relu(x), mul(reshape(slopes, [1, channels, 1, 1]), minimum(x, 0)));
}
