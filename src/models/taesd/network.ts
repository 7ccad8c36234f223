/**
 * TAESD: the tiny autoencoder (Ollin Boer Bohan, madebyollin/taesd; diffusers AutoencoderTiny). Latents here are in the
 * denoiser's scale, pictures RGB -1..1, not clamped.
 *
 * Both halves are chains of numbered layers, so that a file's own numbers say what each is: a convolution with offset
 * keeps the size, one without changes it by 2, and a block is three convolutions beside a skip.
 */

import { add, input, mul, relu, resizeNearest, tanh } from '#graph/build';
import { mulDims } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { batchDim, type ImageSize, latentGrid } from '../nn/grid.ts';
import { conv } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';

/** Component prefix of the parameters. */
export const taesdScope = 'taesd';

export type TaesdHalf = 'encoder' | 'decoder';

export interface TaesdLayer {
  /** In the file. */
  readonly number: number;
  readonly kind: 'conv' | 'resize' | 'block';
  readonly out: number;
  /** Of blocks that change the number of channels. */
  readonly hasSkip?: boolean;
}

export interface TaesdConfig {
  readonly half: TaesdHalf;
  readonly layers: readonly TaesdLayer[];
  readonly latentChannels: number;
}

/** Pixels to one latent cell along a side. */
export function taesdFactor({ layers }: TaesdConfig): number {
  return 2 ** layers.filter(({ kind }) => kind === 'resize').length;
}

export interface TaesdGraphOptions {
  /** Latent size; left open by default. */
  readonly size?: ImageSize | undefined;
  readonly scope?: Scope;
}

/** Graph `image` -> `mean`, or `latent` -> `image`: the names of a VAE's. */
export function taesdGraph(
  config: TaesdConfig,
  { size = latentGrid(1), scope = new Scope(taesdScope) }: TaesdGraphOptions = {},
): Graph {
  const own = scope.child(config.half);
  if (config.half === 'decoder') {
    const latent = input('latent', 'f32', [batchDim(), config.latentChannels, size.height, size.width]);
    const bounded = mul(tanh(mul(latent, 1 / latentBound)), latentBound);
    return closeGraph('taesd_decoder', { image: add(mul(chain(own, config, bounded), 2), -1) });
  }
  const [height, width] = [size.height, size.width].map((side) => mulDims(side, taesdFactor(config)));
  const image = input('image', 'f32', [batchDim(), 3, height!, width!]);
  return closeGraph('taesd_encoder', { mean: chain(own, config, mul(add(image, 1), 0.5)) });
}

/** What a latent is bent to before it is decoded. */
const latentBound = 3;

function chain(scope: Scope, { half, layers }: TaesdConfig, start: Value): Value {
  let x = start;
  for (const [i, layer] of layers.entries()) {
    const own = scope.child(`${layer.number}`);
    if (layer.kind === 'block') x = block(own, x, layer);
    else if (layer.kind === 'conv') x = conv(own, x, layer.out, { kernel: 3 });
    else if (half === 'encoder') x = conv(own, x, layer.out, { kernel: 3, stride: 2, bias: false });
    else x = conv(own, resizeNearest(x, 2), layer.out, { kernel: 3, bias: false });
    if (half === 'decoder' && i === 0) x = relu(x);
  }
  return x;
}

function block(scope: Scope, x: Value, { out, hasSkip }: TaesdLayer): Value {
  const three = (i: number, y: Value): Value => conv(scope.child(`conv.${i}`), y, out, { kernel: 3 });
  const inner = three(4, relu(three(2, relu(three(0, x)))));
  return relu(add(inner, hasSkip ? conv(scope.child('skip'), x, out, { kernel: 1, bias: false }) : x));
}

/** The range of latents that are kept as pictures of 8 bits. */
const storedRange = 2 * latentBound;

/**
 * A latent as a picture 0..1, what lies beyond clipped (madebyollin/taesd `scale_latents`).
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function scaledLatent(latent: ArrayLike<number>): Float32Array {
  return Float32Array.from(latent, (v) => Math.min(Math.max(v / storedRange + 0.5, 0), 1));
}

/**
 * And back.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function unscaledLatent(scaled: ArrayLike<number>): Float32Array {
  return Float32Array.from(scaled, (v) => (v - 0.5) * storedRange);
}
