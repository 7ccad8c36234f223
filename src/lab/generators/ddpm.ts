/**
 * A small denoising diffusion model: Ho, Jain and Abbeel 2020, arXiv:2006.11239: linear betas, 1,000 timesteps, the
 * network predicts the noise, plain squared error, moving average of the weights. Pictures are drawn by DDIM (Song, Meng
 * and Ermon 2021, arXiv:2010.02502) in 25 steps with the clean picture clipped to [-1, 1].
 *
 * The network is small, so that a run takes a minute: the U-Net's residual blocks, all at one size, on 4x4 pixels folded
 * into channels, and a skip from the first layer to the last. Left out: the U-Net's levels, attention, dropout.
 */

import { f32 } from '#core/tensor';
import { alphasCumprod, discreteTable, linearBetas } from '#diffusion/noise-table';
import { createDenoiser } from '#diffusion/parameterization';
import { planSampling } from '#diffusion/sample';
import * as g from '#graph/build';
import { mse, pixelShuffle, pixelUnshuffle } from '#graph/compose';
import { closeGraph, type Value } from '#graph/value';
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

/** Side of the squares of pixels that are folded into channels: the network works on 7x7 cells. */
const fold = 4;
const width = 32;
const blocks = 3;
const groups = 4;
const eps = 1e-5;
const steps = 25;
const table = () => discreteTable(alphasCumprod(linearBetas()));

/** Noised pictures [b, c, 28, 28] and timesteps [b] -> the noise that is in them. */
function noisePredictor(scope: Scope, picture: Value, timestep: Value): Value {
  const channels = picture.shape[1] as number;
  const time = embeddingMlp(scope.child('time'), sinusoids(timestep, 32), 2 * width);
  const entry = conv(scope.child('in'), pixelUnshuffle(picture, fold), width, { kernel: 3 });
  let x = entry;
  for (let i = 0; i < blocks; i++) {
    x = resnetBlock(scope.child(`block${i}`), x, { out: width, groups, eps, time, zeroStart: true });
  }
  x = g.concat([g.silu(groupNorm(scope.child('norm'), x, groups, eps)), entry], 1);
  return pixelShuffle(conv(scope.child('out'), x, fold * fold * channels, { kernel: 3, init: zeroInit }), fold);
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
