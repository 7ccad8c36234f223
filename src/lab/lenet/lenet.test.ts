/** unit: LeNet-5 against its published sizes and against PyTorch 2.13 in float64; a training on few digits. */

import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, i64 } from '#core/tensor';
import { input } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph } from '#graph/value';
import { Scope } from '#models/nn/scope';
import { readMnist } from '#studio/lab/mnist-files';
import { train, type Weights } from '#training/loop';
import { MemoryRunFiles } from '#training/memory-run-files';
import { TrainingRandom } from '#training/random';
import { firstDigits } from '../data/digits.ts';
import { classCodes } from './codes.ts';
import { modernLenet } from './modern.ts';
import { c3Table, discriminative, publishedLenet } from './published.ts';
import { DigitReader, testReader } from './read.ts';
import { digitLoop, digitTask } from './task.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

const pattern = (shape: readonly number[], seed: number): HostTensor<'f32'> => {
  const count = shape.reduce((a, b) => a * b, 1);
  const scale = 0.4 / Math.sqrt(Math.max(1, count / shape[0]!));
  return f32(
    shape,
    Array.from({ length: count }, (_, i) => scale * Math.sin(1.3 * i + seed)),
  );
};

describe('LeNet-5', () => {
  const scope = new Scope();
  const reading = publishedLenet.build(scope, input('picture', 'f32', [1, 1, 28, 28]));
  const declared = scope.declared();

  it('has the published number of weights in every layer', () => {
    const connected = c3Table.reduce((sum, maps) => sum + 25 * maps.length, 0);
    const counts = new Map<string, number>();
    for (const { name, shape } of declared) {
      const layer = name.split('.')[0]!;
      // Of C3's tensors only what the table connects is used.
      const size = layer === 'c3' && name.endsWith('weight') ? 0 : shape.reduce((a, b) => a * b, 1);
      counts.set(layer, (counts.get(layer) ?? 0) + size);
    }
    counts.set('c3', counts.get('c3')! + connected);
    expect(Object.fromEntries(counts)).toEqual({ c1: 156, s2: 12, c3: 1516, s4: 32, c5: 48_120, f6: 10_164 });
  });

  it('computes what PyTorch computes with the same weights', () => {
    const names = ['c1', 's2', 'c3.3', 'c3.4', 'c3.6', 's4', 'c5', 'f6'].flatMap((layer) =>
      layer.startsWith('s') ? [`${layer}.coefficient`, `${layer}.bias`] : [`${layer}.weight`, `${layer}.bias`],
    );
    const parameters = Object.fromEntries(
      names.map((name, i) => [name, pattern(declared.find((p) => p.name === name)!.shape, i + 1)]),
    );
    const picture = f32(
      [1, 1, 28, 28],
      Array.from({ length: 784 }, (_, i) => 0.5 + 0.5 * Math.sin(0.37 * i)),
    );
    const graph = closeGraph('lenet', { features: reading.features, scores: reading.scores });
    const out = interpret(graph, { picture }, { parameters });
    const features = out.features!.data as Float32Array;
    [0.4653663389726066, 0.6408933622265085, 0.34020140155949846, -0.29902337266312684].forEach((v, i) => {
      expect(features[i]).toBeCloseTo(v, 4);
    });
    expect(Math.hypot(...features)).toBeCloseTo(6.963525679317165, 3);
    const codes = classCodes().data;
    const distance = features.reduce((sum, v, i) => sum + (v - codes[84 * 3 + i]!) ** 2, 0);
    expect(-out.scores!.data[3]!).toBeCloseTo(distance, 2);
  });

  it('has the discriminative loss of equation 9', () => {
    const penalties = [5, 30, 80, 90, 100, 110, 120, 130, 140, 150, 200, 25, 22, 300, 310, 320, 330, 340, 350, 360];
    const loss = discriminative(input('penalties', 'f32', [2, 10]), input('labels', 'i64', [2]));
    const feeds = { penalties: f32([2, 10], penalties), labels: i64([2], [0, 1]) };
    expect(Number(interpret(closeGraph('loss', { loss }), feeds).loss!.data[0])).toBeCloseTo(2.5664227698218687, 4);
  });

  it('has ten codes that no two digits share', () => {
    const { shape, data } = classCodes();
    expect(shape).toEqual([10, 84]);
    for (let a = 0; a < 10; a++) {
      for (let b = 0; b < a; b++) {
        const different = Array.from({ length: 84 }, (_, i) => data[a * 84 + i] !== data[b * 84 + i]);
        expect(different.filter(Boolean).length, `${a} and ${b}`).toBeGreaterThan(4);
      }
    }
  });
});

it.each([
  { title: publishedLenet.title, network: publishedLenet, least: 0.35 },
  { title: modernLenet.title, network: modernLenet, least: 0.75 },
])('$title learns to read the first real digits', async ({ network, least }) => {
  const digits = await readMnist();
  const options = {
    network,
    digits: firstDigits(digits.training, 1000),
    batch: 20,
    epochs: 2,
    seed: 1,
    learningRate: 0.003,
  };
  let weights: Weights = new Map();
  const task = digitTask(options, async (last) => {
    weights = new Map(last);
  });
  await train(task, digitLoop(options, 1), { backend, files: new MemoryRunFiles(), random: new TrainingRandom(1) });
  const reader = await DigitReader.open(backend, network, weights, 1);
  const { count, right, confusion } = await testReader(reader, firstDigits(digits.test, 500));
  await reader.dispose();
  expect(confusion.flat().reduce((a, b) => a + b, 0)).toBe(count);
  expect(right / count).toBeGreaterThan(least);
});
