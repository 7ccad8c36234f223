/**
 * Training an AutoencoderKL from scratch on pictures.
 *
 * Loss: L1 (or its logarithm, for edges that are sharp) and squared error on pixels, L1 on image gradients and on two coarser scales (a cheap stand-in for a
 * perceptual loss, which would need a network trained elsewhere), plus the KL term of Kingma and Welling 2014
 * (arXiv:1312.6114). Left out: LPIPS and the patch discriminator of latent diffusion.
 */

import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { abs, add, avgPool2d, input, log, mean, mul, sliceAxis, sub } from '#graph/build';
import { gaussianKl, l1, mse } from '#graph/compose';
import type { Value } from '#graph/value';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import { type VaeConfig, vaeFactor } from '#models/vae/config';
import { vaeDecode, vaeEncode, vaeScope } from '#models/vae/network';
import type { TrainingTask, Weights } from '../loop.ts';
import { gaussianSample } from '../losses.ts';
import type { RandomSource } from '../random.ts';
import type { Objective } from '../step.ts';

/** Draws pictures: RGB bytes [count, size, size, 3]. */
export interface PictureSource {
  readonly size: number;
  pictures(random: RandomSource, count: number): Promise<Uint8Array>;
}

export interface AutoencoderOptions {
  readonly config: VaeConfig;
  readonly source: PictureSource;
  readonly batchSize: number;
  /** Side of the random crops that are trained on, in pixels. */
  readonly crop: number;
  readonly klWeight: number;
  readonly gradientWeight: number;
  /** Weight of the squared error beside the pixel loss; it pulls hardest where a colour is far off. Default 2. */
  readonly squareWeight?: number;
  /** Error at which the pixel loss turns from L1 to its logarithm, see `robustL1`; L1 when left out. */
  readonly robustScale?: number | undefined;
  /**
   * Most noise that is laid over the latents, in standard deviations of a scaled latent; each picture gets a share of it
   * between none and all. A denoiser leaves errors of this kind.
   */
  readonly latentNoise?: number;
  /** Values of an encoder that stays as it is: the decoder alone learns, on its latents. */
  readonly frozenEncoder?: ReadonlyMap<string, HostTensor> | undefined;
}

export function autoencoderTask(
  options: AutoencoderOptions,
  hooks: Pick<TrainingTask, 'sample' | 'publish'> = {},
): TrainingTask {
  const { config, source, batchSize, crop, frozenEncoder } = options;
  const scope = new Scope(vaeScope);
  const objective = autoencoderObjective(scope, options);
  const initializers = new Map(scope.declared().map((p) => [p.name, p.initializer]));
  const latent = [batchSize, config.latentChannels, crop / vaeFactor(config), crop / vaeFactor(config)];
  return {
    name: 'autoencoder',
    objective: () => objective,
    initialise: (name, shape, random) =>
      passThrough(name, shape, config) ?? (initialValue(shape, initializers.get(name)!, random).data as Float32Array),
    async batch(random): Promise<Feeds> {
      const pixels = await source.pictures(random, batchSize);
      const image = cropBatch(pixels, source.size, crop, batchSize, random);
      const noise = random.fillNormal(new Float32Array(latent.reduce((a, b) => a * b, 1)));
      const most = (options.latentNoise ?? 0) / config.scalingFactor;
      const spread = most === 0 ? undefined : Float32Array.from({ length: batchSize }, () => most * random.uniform());
      return { image, noise: f32(latent, noise), ...(spread && { spread: f32([batchSize, 1, 1, 1], spread) }) };
    },
    ...(frozenEncoder && { frozen: frozenEncoder, trains: (name: string) => !frozenEncoder.has(name) }),
    ...hooks,
  };
}

/** Whether a parameter of the autoencoder belongs to its encoder. */
export const isEncoderWeight = (name: string): boolean =>
  name.startsWith(`${vaeScope}.encoder.`) || name.startsWith(`${vaeScope}.quant_conv.`);

function autoencoderObjective(scope: Scope, options: AutoencoderOptions): Objective {
  const { config, batchSize, crop, klWeight, gradientWeight, squareWeight, robustScale, latentNoise } = options;
  const side = crop / vaeFactor(config);
  return reconstructionObjective({
    image: input('image', 'f32', [batchSize, config.imageChannels, crop, crop]),
    noise: input('noise', 'f32', [batchSize, config.latentChannels, side, side]),
    encode: (image) => vaeEncode(scope, config, image),
    decode: (latent) => vaeDecode(scope, config, latent),
    spread: latentNoise ? input('spread', 'f32', [batchSize, 1, 1, 1]) : undefined,
    klWeight,
    gradientWeight,
    squareWeight,
    robustScale,
  });
}

/** What an autoencoder is trained for, whatever its networks. */
export interface Reconstruction
  extends Pick<AutoencoderOptions, 'klWeight' | 'gradientWeight' | 'squareWeight' | 'robustScale'> {
  /** [b, 3, h, w] */
  readonly image: Value;
  /** Drawn from a normal distribution, in the latent's shape. */
  readonly noise: Value;
  /** Standard deviation of noise beyond the posterior's, which scales the same draw; broadcasts to the latent. */
  readonly spread?: Value | undefined;
  encode(image: Value): { readonly mean: Value; readonly logvar: Value };
  decode(latent: Value): Value;
}

export function reconstructionObjective(options: Reconstruction): Objective {
  const { image, noise, spread, encode, decode, klWeight, gradientWeight, squareWeight = 2, robustScale } = options;
  const { mean: mu, logvar } = encode(image);
  const latent = gaussianSample(mu, logvar, noise);
  const decoded = decode(spread ? add(latent, mul(noise, spread)) : latent);
  const pixel = robustScale === undefined ? l1(decoded, image) : robustL1(decoded, image, robustScale);
  const edges = add(edgeLoss(decoded, image, 2), edgeLoss(decoded, image, 3));
  const coarse = add(
    l1(avgPool2d(decoded, { kernel: 4 }), avgPool2d(image, { kernel: 4 })),
    l1(avgPool2d(decoded, { kernel: 8 }), avgPool2d(image, { kernel: 8 })),
  );
  const cells = noise.shape.slice(1).reduce<number>((product, size) => product * (size as number), 1);
  const kl = mean(mul(gaussianKl(mu, logvar), 1 / cells));
  const reconstruction = add(
    add(pixel, mul(mse(decoded, image), squareWeight)),
    add(mul(edges, gradientWeight), coarse),
  );
  return { loss: add(reconstruction, mul(kl, klWeight)), metrics: { pixel, edges, kl } };
}

/**
 * c log(1 + |a - b| / c), averaged: L1 for errors far below c, but a large error hardly pulls (the penalty of a
 * distribution with heavy tails, as in Barron 2019, arXiv:1701.03077). Where a latent leaves open on which side of an
 * edge a pixel is, L1 and squared error ask for something between both colours; this asks for one of the two.
 */
function robustL1(a: Value, b: Value, c: number): Value {
  return mul(mean(log(add(mul(abs(sub(a, b)), 1 / c), 1))), c);
}

/** Log variance of the posterior at the start: a nearly clean channel, so that colours are learnt before compression. */
const firstLogVariance = -5;

/**
 * First values that make the untrained network pass its input through: residual branches start at zero, resampling
 * convolutions copy (the Dirac initialisation of torch.nn.init, averaged over the window where they downsample). With
 * PyTorch's defaults the random branches drown the picture, and thousands of steps go by before colours come through.
 * Undefined for every other parameter.
 */
function passThrough(name: string, shape: readonly number[], config: VaeConfig): Float32Array | undefined {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (/\.(conv2|to_out\.0)\.(weight|bias)$/.test(name)) return out;
  if (/samplers\.0\.conv\.bias$/.test(name)) return out;
  if (name.endsWith('quant_conv.bias') && !name.includes('post_quant')) {
    return out.fill(firstLogVariance, config.latentChannels);
  }
  if (!/samplers\.0\.conv\.weight$/.test(name)) return undefined;
  const [channels, , kh, kw] = shape as [number, number, number, number];
  const average = name.includes('downsamplers');
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < kh * kw; k++) {
      out[(c * channels + c) * kh * kw + k] = average ? 1 / (kh * kw) : k === (kh * kw - 1) / 2 ? 1 : 0;
    }
  }
  return out;
}

/** L1 between differences of neighbours along an axis. */
function edgeLoss(a: Value, b: Value, axis: number): Value {
  const difference = sub(a, b);
  const size = a.shape[axis] as number;
  return mean(abs(sub(sliceAxis(difference, axis, 1, size), sliceAxis(difference, axis, 0, size - 1))));
}

/** Random crops of pictures as [-1, 1] NCHW. */
export function cropBatch(
  pixels: Uint8Array,
  size: number,
  crop: number,
  count: number,
  random: Pick<RandomSource, 'integer'>,
): Feeds[string] {
  const out = new Float32Array(count * 3 * crop * crop);
  for (let n = 0; n < count; n++) {
    const top = random.integer(size - crop + 1);
    const left = random.integer(size - crop + 1);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < crop; y++) {
        const from = ((n * size + top + y) * size + left) * 3 + c;
        const to = ((n * 3 + c) * crop + y) * crop;
        for (let x = 0; x < crop; x++) out[to + x] = pixels[from + 3 * x]! / 127.5 - 1;
      }
    }
  }
  return f32([count, 3, crop, crop], out);
}

/** RGB bytes [count, size, size, 3] as [-1, 1] NCHW. */
export function pixelsToPlanes(pixels: Uint8Array, count: number, size: number): Float32Array {
  const plane = size * size;
  const out = new Float32Array(count * 3 * plane);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) out[(n * 3 + c) * plane + i] = pixels[(n * plane + i) * 3 + c]! / 127.5 - 1;
    }
  }
  return out;
}

/** Tiles [-1, 1] NCHW pictures into one, `columns` wide. */
export function tile(planes: Float32Array, count: number, size: number, columns: number): PixelImage {
  const rows = Math.ceil(count / columns);
  const width = columns * size;
  const data = new Uint8Array(rows * size * width * 3).fill(255);
  for (let n = 0; n < count; n++) {
    const top = Math.floor(n / columns) * size;
    const left = (n % columns) * size;
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < size * size; i++) {
        const value = Math.round((planes[(n * 3 + c) * size * size + i]! + 1) * 127.5);
        const at = ((top + Math.floor(i / size)) * width + left + (i % size)) * 3 + c;
        data[at] = Math.max(0, Math.min(255, value));
      }
    }
  }
  return { width, height: rows * size, channels: 3, data };
}

/**
 * Folds a per-channel normalisation of the latent into the 1x1 convolutions around it, so that latents have mean 0 and
 * standard deviation 1 / scalingFactor in every channel and SD1's fixed factor fits any dataset.
 */
export function normaliseLatents(
  weights: Weights,
  config: VaeConfig,
  statistics: { readonly mean: readonly number[]; readonly std: readonly number[] },
): Map<string, Float32Array> {
  const channels = config.latentChannels;
  const read = (name: string): Float32Array => (weights.get(`${vaeScope}.${name}`)!.data as Float32Array).slice();
  const quant = { weight: read('quant_conv.weight'), bias: read('quant_conv.bias') };
  const post = { weight: read('post_quant_conv.weight'), bias: read('post_quant_conv.bias') };
  for (let c = 0; c < channels; c++) {
    const gain = 1 / (config.scalingFactor * statistics.std[c]!);
    for (let i = 0; i < 2 * channels; i++) quant.weight[c * 2 * channels + i]! *= gain;
    quant.bias[c] = (quant.bias[c]! - statistics.mean[c]!) * gain;
    quant.bias[channels + c]! += 2 * Math.log(gain);
    for (let o = 0; o < channels; o++) {
      const at = o * channels + c;
      post.bias[o]! += post.weight[at]! * statistics.mean[c]!;
      post.weight[at]! /= gain;
    }
  }
  return new Map([
    [`${vaeScope}.quant_conv.weight`, quant.weight],
    [`${vaeScope}.quant_conv.bias`, quant.bias],
    [`${vaeScope}.post_quant_conv.weight`, post.weight],
    [`${vaeScope}.post_quant_conv.bias`, post.bias],
  ]);
}
