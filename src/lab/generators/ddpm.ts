/**
 * A small denoising diffusion model: Ho, Jain and Abbeel 2020, arXiv:2006.11239: linear betas, 1,000 timesteps, the
 * network predicts the noise, plain squared error, moving average of the weights. Pictures are drawn by DDIM (Song, Meng
 * and Ermon 2021, arXiv:2010.02502) in 25 steps with the clean picture clipped to [-1, 1].
 *
 * The network is a U-Net small enough for a run of a minute: pixels folded 2x2 into channels, residual blocks with the
 * time at 14x14 and 7x7, self-attention between the lower ones (Ho et al., appendix B, has it at 16x16), skips between
 * equal sizes. Left out: a level at 28x28, which would take most of the multiplications; dropout.
 */

import { f32 } from '#core/tensor';
import { alphasCumprod, discreteTable, linearBetas } from '#diffusion/noise-table';
import { createDenoiser } from '#diffusion/parameterization';
import { planSampling } from '#diffusion/sample';
import * as g from '#graph/build';
import { mse, pixelShuffle, pixelUnshuffle } from '#graph/compose';
import { closeGraph, type Value } from '#graph/value';
import { attention } from '#models/nn/attention';
import { initialValue } from '#models/nn/init';
import { conv, groupNorm, zeroInit } from '#models/nn/layers';
import { resnetBlock } from '#models/nn/resnet';
import { Scope } from '#models/nn/scope';
import { embeddingMlp, sinusoids } from '#models/nn/time-embedding';
import { alphaBarsOf, diffuse } from '#training/diffusion-objective';
import { adam } from '#training/optimizers/adam';
import type { RandomSource } from '#training/random';
import { side } from '../data/digits.ts';
import { multiplications } from '../multiplications.ts';
import type { GenerativeModel, GeneratorRow, PictureShape, Sampler, SamplerOptions } from './model.ts';

/** Side of the squares of pixels that are folded into channels: the network's upper level has 14x14 cells. */
const fold = 2;
/** Channels at 14x14 and at 7x7. */
const [upper, lower] = [16, 32] as const;
const groups = 4;
const eps = 1e-5;
const steps = 25;
const table = () => discreteTable(alphasCumprod(linearBetas()));

/** Noised pictures [b, c, 28, 28] and timesteps [b] -> the noise that is in them. */
function noisePredictor(scope: Scope, picture: Value, timestep: Value): Value {
  const channels = picture.shape[1] as number;
  const time = embeddingMlp(scope.child('time'), sinusoids(timestep, 32), 64);
  const block = (name: string, x: Value, out: number): Value =>
    resnetBlock(scope.child(name), x, { out, groups, eps, time, zeroStart: true });
  const entry = conv(scope.child('in'), pixelUnshuffle(picture, fold), upper, { kernel: 3 });
  const wide = block('down', entry, upper);
  let x = conv(scope.child('downsample'), wide, lower, { kernel: 3, stride: 2, padding: 1 });
  x = block('lower0', x, lower);
  x = selfAttention(scope.child('attention'), x);
  x = block('lower1', x, lower);
  x = pixelShuffle(conv(scope.child('upsample'), x, 4 * upper, { kernel: 1 }), 2);
  x = block('up', g.concat([x, wide], 1), upper);
  x = g.concat([g.silu(groupNorm(scope.child('norm'), x, groups, eps)), entry], 1);
  return pixelShuffle(conv(scope.child('out'), x, fold * fold * channels, { kernel: 3, init: zeroInit }), fold);
}

/** Cells [b, c, h, w] that attend to each other, added to what they were. */
function selfAttention(scope: Scope, x: Value): Value {
  const tokens = g.imageToTokens(groupNorm(scope.child('norm'), x, groups, eps));
  return g.add(
    x,
    g.tokensToImage(attention(scope, tokens, tokens, { heads: 2 }), side / (2 * fold), side / (2 * fold)),
  );
}

function create(shape: PictureShape): GenerativeModel {
  const { batch, channels } = shape;
  const sizes = [batch, channels, side, side];
  const scope = new Scope();
  const picture = g.input('picture', 'f32', sizes);
  const predicted = noisePredictor(scope, picture, g.input('timestep', 'f32', [batch]));
  const starts = new Map(scope.declared().map((p) => [p.name, p.initializer]));
  const alphaBars = alphaBarsOf(table());
  return {
    objective: { loss: mse(predicted, g.input('noise', 'f32', sizes)) },
    optimizer: adam({}),
    ema: { decay: 0.995 },
    initialise: (name, own, random) => initialValue(own, starts.get(name)!, random).data as Float32Array,
    feeds(pictures, random) {
      const noise = random.fillNormal(new Float32Array(pictures.length));
      const times = Array.from({ length: batch }, (_, i) =>
        Math.floor(((i + random.uniform()) * alphaBars.length) / batch),
      );
      const { noisy, target } = diffuse(
        pictures,
        noise,
        times.map((t) => alphaBars[t]!),
        'eps',
      );
      return { picture: f32(sizes, noisy), noise: f32(sizes, target), timestep: f32([batch], times) };
    },
    sampler: async (options) => await ddimSampler(shape, options),
  };
}

async function ddimSampler({ batch, channels }: PictureShape, options: SamplerOptions): Promise<Sampler> {
  const { backend, weights, threads } = options;
  const sizes = [batch, channels, side, side];
  const predicted = noisePredictor(new Scope(), g.input('picture', 'f32', sizes), g.input('timestep', 'f32', [batch]));
  const graph = closeGraph('denoiser', { predicted });
  const source = { get: (name: string) => ({ kind: 'memory', tensor: weights.get(name)! }) as const };
  const session = await backend.compile(graph, { weights: source, threads });
  const noiseTable = table();
  const plan = planSampling({ sampler: 'DDIM', steps, table: noiseTable });
  const estimate = createDenoiser({
    prediction: 'eps',
    table: noiseTable,
    timestepOf: plan.timestepOf,
    async network(x, timestep) {
      const feeds = { picture: f32(sizes, x), timestep: f32([batch], new Array<number>(batch).fill(timestep)) };
      return (await session.run(feeds)).predicted!.data as Float32Array;
    },
  });
  const size = channels * side * side;
  const drawBatch = async (random: RandomSource): Promise<Float32Array> => {
    let x = plan.start(random.fillNormal(new Float32Array(batch * size)));
    const run = plan.run({
      x,
      noise: () => new Float32Array(batch * size),
      denoise: async (at, sigma) => (await estimate(at, sigma)).map((v) => Math.max(-1, Math.min(1, v))),
    });
    for await (const step of run) x = step.x;
    return x.map((v) => Math.max(-1, Math.min(1, v))) as Float32Array;
  };
  return {
    multiplications: (steps * multiplications(graph)) / batch,
    async sample(count: number, random: RandomSource) {
      const out = new Float32Array(count * size);
      for (let from = 0; from < count; from += batch) {
        const drawn = await drawBatch(random);
        out.set(drawn.subarray(0, (Math.min(from + batch, count) - from) * size), from * size);
      }
      return out;
    },
    dispose: () => session.dispose(),
  };
}

export const ddpm: GeneratorRow = {
  name: 'ddpm',
  title: 'DDPM',
  about: 'Predicts the noise, one squared error; drawn by DDIM in 25 steps (Ho et al. 2020, Song et al. 2021).',
  create,
};
