/** One training step of real tasks: the graph on the CPU against the interpreter in float64. */

import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor } from '#core/tensor';
import { input } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import { tinyAutoencoder, tinyTextToImage } from '../../test/fixtures/training-tasks.ts';
import type { TrainingTask } from './loop.ts';
import { adamW } from './optimizers/adamw.ts';
import { TrainingRandom } from './random.ts';
import { buildTrainingStep, globalNorm, scalarFeed, zeroGradients } from './step.ts';
import { autoencoderTask } from './tasks/autoencoder.ts';
import { textToImageTask } from './tasks/text-to-image.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

/** An eps so large that rounding of gradients near zero does not decide the sign of a step. */
const optimizer = adamW({ eps: 1 });

const small = {
  blockChannels: [8],
  transformerDepth: [1],
  heads: [2],
  layersPerBlock: 1,
};

const tasks: Readonly<Record<string, () => TrainingTask>> = {
  'text-to-image': () => {
    const options = tinyTextToImage({ batchSize: 1 });
    return textToImageTask({ ...options, unet: { ...options.unet, ...small } });
  },
  autoencoder: () => {
    const options = tinyAutoencoder({ crop: 8 });
    return autoencoderTask({ ...options, config: { ...options.config, blockChannels: [8, 8] } });
  },
};

type Results = Readonly<Record<string, HostTensor>>;

/** Largest error of each kind of state, relative to the largest value of that kind over all tensors. */
function errors(got: Results, expected: Results): Record<string, number> {
  const worst = new Map<string, { difference: number; scale: number }>();
  for (const [name, right] of Object.entries(expected)) {
    const kind = /^[a-z]+:/.exec(name)?.[0] ?? 'parameter';
    const entry = worst.get(kind) ?? { difference: 0, scale: 0 };
    const values = got[name]!.data as Float32Array;
    expect(values.length, name).toBe(right.data.length);
    right.data.forEach((value, i) => {
      entry.difference = Math.max(entry.difference, Math.abs(Number(value) - values[i]!));
      entry.scale = Math.max(entry.scale, Math.abs(Number(value)));
    });
    worst.set(kind, entry);
  }
  return Object.fromEntries([...worst].map(([kind, { difference, scale }]) => [kind, difference / scale]));
}

async function compare(graph: Graph, feeds: Results): Promise<Record<string, number>> {
  const names = [...graph.inputs, ...graph.parameters].map((v) => v.attrs.name);
  const wanted = Object.fromEntries(names.map((n) => [n, feeds[n]!]));
  const session = await backend.compile(graph);
  const got = await session.run(wanted);
  await session.dispose();
  return errors(got, interpret(graph, wanted, { precision: 'f64' }));
}

describe.each(Object.keys(tasks))('a training step of the %s task', (name) => {
  it('on the CPU is the interpreter’s', { timeout: 300_000 }, async () => {
    const task = tasks[name]!();
    const random = new TrainingRandom(3);
    const options = { optimizer, clipNorm: 0.5, ema: true, accumulate: 2 };
    const step = buildTrainingStep(name, task.objective(), options);
    const feeds: Record<string, HostTensor> = { ...zeroGradients(step) };
    for (const s of step.state) {
      const values = new Float32Array(s.shape.reduce((a, b) => a * b, 1));
      // Squares of gradients are not negative.
      random.fillNormal(values).forEach((v, i) => {
        values[i] = s.slot === 'v' ? 0.01 * v * v : 0.3 * v;
      });
      feeds[s.name] = f32(s.shape, values);
    }
    const scalars = { ...optimizer.scalars(7, 0.1), emaKeep: 0.75 };
    for (const [key, value] of Object.entries(scalars)) feeds[scalarFeed(key)] = f32([], [value]);
    Object.assign(feeds, await task.batch(random, 0));
    for (const [kind, error] of Object.entries(await compare(step.apply, feeds))) {
      expect(error, kind).toBeLessThan(1e-4);
    }
  });
});

describe('the norm of all gradients', () => {
  it('is right over millions of values, which one chain of additions in float32 is not', async () => {
    const count = 8_000_000;
    const [embedding, bias] = [input('embedding', 'f32', [count / 100, 100]), input('bias', 'f32', [3])];
    const session = await backend.compile(closeGraph('norm', { norm: globalNorm([embedding, bias]) }));
    const feeds = {
      embedding: f32([count / 100, 100], new Float32Array(count).fill(0.1)),
      bias: f32([3], [3, 4, 12]),
    };
    const { norm } = await session.run(feeds);
    await session.dispose();
    const value = Number(norm!.data[0]);
    expect(Math.abs(value / Math.sqrt(count * Math.fround(0.1) ** 2 + 169) - 1)).toBeLessThan(1e-5);
  });
});
