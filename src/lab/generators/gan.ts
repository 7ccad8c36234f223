/**
 * Two generative adversarial networks (Goodfellow et al. 2014, arXiv:1406.2661) with the non-saturating loss.
 *
 * Both players step at once, from one state, in one graph (Goodfellow 2016, arXiv:1701.00160, section 3.3): the loss is
 * the sum of theirs, in which each sees the other as a constant. So the trainer needs to know nothing of games.
 *
 * - DCGAN (Radford et al. 2016): batch normalisation in both, Adam with a first momentum of 0.5.
 * - with R1 (Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406): no normalisation in the discriminator, whose slope
 *   at real pictures is penalised, gamma / 2 |grad D|^2, exactly: the backward graph is differentiated again; Adam
 *   without first momentum; pictures are drawn with a moving average of the generator (Yazici et al. 2019,
 *   arXiv:1806.04498).
 */

import { f32 } from '#core/tensor';
import * as g from '#graph/build';
import { grad } from '#graph/gradient';
import { mapGraph, withInputs } from '#graph/map-graph';
import { closeGraph, type Value } from '#graph/value';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { EmaOptions } from '#training/ema';
import { adam } from '#training/optimizers/adam';
import type { RandomSource } from '#training/random';
import type { Objective } from '#training/step';
import { side } from '../data/digits.ts';
import { multiplications } from '../multiplications.ts';
import { discriminator, generator, noiseWidth } from './adversaries.ts';
import type { GenerativeModel, GeneratorRow, PictureShape, Sampler, SamplerOptions } from './model.ts';

interface GanSettings {
  readonly normalised: boolean;
  readonly betas: readonly [number, number];
  /** Weight of R1. */
  readonly gamma?: number;
  readonly ema?: EmaOptions;
}

function gan({ normalised, betas, gamma, ema }: GanSettings, shape: PictureShape): GenerativeModel {
  const { batch, channels } = shape;
  const scope = new Scope();
  const real = g.input('real', 'f32', [batch, channels, side, side]);
  const made = generator(scope.child('generator'), g.input('noise', 'f32', [batch, noiseWidth]), channels);
  const judge = (picture: Value): Value => discriminator(scope.child('discriminator'), picture, { normalised });
  const objective = gameLoss({ real, made, judge, gamma });
  const starts = new Map(scope.declared().map((p) => [p.name, p.initializer]));
  return {
    objective,
    optimizer: adam({ betas: [...betas] }),
    ema,
    initialise: (name, sizes, random) => initialValue(sizes, starts.get(name)!, random).data as Float32Array,
    feeds: (pictures, random) => ({
      real: f32([batch, channels, side, side], pictures),
      noise: f32([batch, noiseWidth], random.fillNormal(new Float32Array(batch * noiseWidth))),
    }),
    sampler: async (options) => await generatorSampler(shape, options),
  };
}

interface Game {
  readonly real: Value;
  /** The generator's pictures. */
  readonly made: Value;
  judge(picture: Value): Value;
  readonly gamma: number | undefined;
}

/** softplus(-x) is minus the log of sigmoid(x). */
const surprise = (logits: Value): Value => g.mean(g.softplus(g.neg(logits)));

/** Sum of the players' losses, and each. */
export function gameLoss({ real, made, judge, gamma }: Game): Objective {
  const onReal = judge(real);
  const onMade = judge(g.stopGradient(made));
  const told = g.add(surprise(onReal), surprise(g.neg(onMade)));
  const fooled = surprise(withoutLearning(judge, made));
  const slope = gamma === undefined ? undefined : slopePenalty(onReal, real);
  const discriminatorLoss = slope && gamma ? g.add(told, g.mul(slope, gamma / 2)) : told;
  const metrics = { discriminator: told, generator: fooled, ...(slope && { slope }) };
  return { loss: g.add(discriminatorLoss, fooled), metrics };
}

/** Mean over the batch of the squared length of the gradient of a picture's logit by the picture. */
function slopePenalty(logits: Value, pictures: Value): Value {
  const [slopes] = grad(g.sum(logits), [pictures]);
  return g.mean(g.sum(g.mul(slopes!, slopes!), [1, 2, 3]));
}

/** The judgement of pictures by a judge whose parameters are constants. */
function withoutLearning(judge: (picture: Value) => Value, pictures: Value): Value {
  const graph = closeGraph('judge', { logits: judge(g.input('judged', pictures.dtype, pictures.shape)) });
  return mapGraph(graph, (v, operands) => {
    if (v.op === 'input') return pictures;
    return v.op === 'parameter' ? g.stopGradient(v) : withInputs(v, operands);
  }).outputs.logits!;
}

async function generatorSampler({ batch, channels }: PictureShape, options: SamplerOptions): Promise<Sampler> {
  const { backend, weights, threads } = options;
  const noise = g.input('noise', 'f32', [batch, noiseWidth]);
  const graph = closeGraph('generator', { made: generator(new Scope('generator'), noise, channels) });
  const source = { get: (name: string) => ({ kind: 'memory', tensor: weights.get(name)! }) as const };
  const session = await backend.compile(graph, { weights: source, threads });
  const size = channels * side * side;
  return {
    multiplications: multiplications(graph) / batch,
    async sample(count: number, random: RandomSource) {
      const out = new Float32Array(count * size);
      for (let from = 0; from < count; from += batch) {
        const drawn = random.fillNormal(new Float32Array(batch * noiseWidth));
        const { made } = await session.run({ noise: f32([batch, noiseWidth], drawn) });
        const here = Math.min(batch, count - from);
        out.set((made!.data as Float32Array).subarray(0, here * size), from * size);
      }
      return out;
    },
    dispose: () => session.dispose(),
  };
}

export const dcgan: GeneratorRow = {
  name: 'dcgan',
  title: 'DCGAN',
  about: 'Batch normalisation in both players, Adam with momentum 0.5 (Radford et al. 2016).',
  create: (shape) => gan({ normalised: true, betas: [0.5, 0.999] }, shape),
};

export const r1Gan: GeneratorRow = {
  name: 'r1-gan',
  title: 'GAN with R1',
  about: 'No normalisation in the discriminator, its slope penalised, averaged generator (Mescheder et al. 2018).',
  create: (shape) => gan({ normalised: false, betas: [0, 0.99], gamma: 1, ema: { decay: 0.99 } }, shape),
};
