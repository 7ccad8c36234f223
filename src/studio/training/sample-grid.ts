/** A grid of pictures from a model in training: fixed prompts, fixed noise, DDIM with guidance. */

import type { PixelImage } from '#core/image';
import { f32, type HostTensor, i64 } from '#core/tensor';
import { alphasCumprod, scaledLinearBetas } from '#diffusion/noise-table';
import type { Backend } from '#engine/backend';
import { clipTextGraph } from '#models/clip/network';
import type { Sd1Config } from '#models/sd1/config';
import { unetGraph } from '#models/unet/network';
import { vaeDecoderGraph } from '#models/vae/network';
import { cleanValue, noiseValue, type Prediction } from '#training/diffusion-objective';
import { TrainingRandom } from '#training/random';
import { tile } from '#training/tasks/autoencoder';
import { memoryWeights } from './session-weights.ts';

const prompts = [
  'a fox beside a tree at night',
  'a fox in the snow',
  'a cat on the beach at sunset',
  'a robot in the city at night',
  'three apples in a meadow',
  'a small boat at sea',
  'a large elephant in the desert',
  'a castle in the mountains at sunset',
  'a penguin in the forest',
  'two bees in a green field by day',
  'a car to the left of a house',
  'a rocket above a tent at night',
  'a red balloon in the mountains',
  'a snowman on the beach',
  'a strawberry in the city at sunset',
  'a whale on the ocean under the stars',
];
const columns = 8;
const steps = 20;
const guidance = 4;

export interface SampleGridOptions {
  readonly backend: Backend;
  readonly config: Sd1Config;
  readonly weights: ReadonlyMap<string, HostTensor>;
  readonly windowOf: (caption: string) => Int32Array;
  readonly size: number;
}

export async function sampleGrid({ backend, config, weights, windowOf, size }: SampleGridOptions): Promise<PixelImage> {
  const n = prompts.length;
  const cells = config.sampleSize;
  const source = memoryWeights(weights);
  const contextFor = async (captions: readonly string[]): Promise<Float32Array> => {
    const session = await backend.compile(clipTextGraph(config.textEncoder), { weights: source });
    const ids = captions.flatMap((c) => [...windowOf(c)]);
    const { context } = await session.run({ ids: i64([captions.length, config.textEncoder.positions], ids) });
    await session.dispose();
    return context!.data as Float32Array;
  };
  const context = await contextFor([...prompts, ...prompts.map(() => '')]);
  const unet = await backend.compile(unetGraph(config.unet, { size: { height: cells, width: cells } }), {
    weights: source,
  });
  const shape = [2 * n, config.unet.inChannels, cells, cells];
  let x = new TrainingRandom(7).fillNormal(new Float32Array(n * config.unet.inChannels * cells * cells));
  const bars = alphasCumprod(scaledLinearBetas());
  const times = Array.from({ length: steps }, (_, i) => Math.round(999 - (i * 999) / steps));
  for (const [i, t] of times.entries()) {
    const next = times[i + 1];
    const result = await unet.run({
      sample: f32(shape, new Float32Array([...x, ...x])),
      timestep: f32([2 * n], new Float32Array(2 * n).fill(t)),
      context: f32([2 * n, config.textEncoder.positions, config.textEncoder.width], context),
    });
    const output = result.prediction!.data as Float32Array;
    x = ddimStep(x, output, config.prediction, bars[t]!, next === undefined ? 1 : bars[next]!);
  }
  await unet.dispose();
  const decoder = await backend.compile(vaeDecoderGraph(config.vae, { size: { height: cells, width: cells } }), {
    weights: source,
  });
  const latent = f32(
    [n, config.unet.inChannels, cells, cells],
    x.map((v) => v / config.vae.scalingFactor),
  );
  const { image } = await decoder.run({ latent });
  await decoder.dispose();
  return tile(image!.data as Float32Array, n, size, columns);
}

/** DDIM (Song et al. 2021, arXiv:2010.02502, eq. 12 with eta 0) on guided output; `output` holds cond, then uncond. */
function ddimStep(
  x: Float32Array,
  output: Float32Array,
  prediction: Prediction,
  bar: number,
  nextBar: number,
): Float32Array {
  return x.map((value, i) => {
    const uncond = output[x.length + i]!;
    const guided = uncond + guidance * (output[i]! - uncond);
    const x0 = cleanValue(prediction, guided, value, bar);
    const eps = noiseValue(prediction, guided, value, bar);
    return Math.sqrt(nextBar) * x0 + Math.sqrt(1 - nextBar) * eps;
  });
}
