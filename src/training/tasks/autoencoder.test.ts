import { afterAll, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32 } from '#core/tensor';
import { full, input } from '#graph/build';
import { closeGraph } from '#graph/value';
import { tinyAutoencoder, toyOptions } from '../../../test/fixtures/training-tasks.ts';
import { train, type Weights } from '../loop.ts';
import { MemoryRunFiles } from '../memory-run-files.ts';
import { TrainingRandom } from '../random.ts';
import { type AutoencoderOptions, autoencoderTask, isEncoderWeight, reconstructionObjective } from './autoencoder.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

async function trained(overrides: Partial<AutoencoderOptions>, learningRate = 0.01): Promise<Weights> {
  let shipped: Weights = new Map();
  const publish = async (weights: Weights): Promise<void> => {
    shipped = new Map([...weights].map(([name, t]) => [name, { ...t, data: t.data.slice() }]));
  };
  const options = toyOptions({ steps: 2, checkpointEvery: 2, learningRate });
  const host = { backend, files: new MemoryRunFiles(), random: new TrainingRandom(3), report: () => undefined };
  await train(autoencoderTask(tinyAutoencoder(overrides), { publish }), options, host);
  return shipped;
}

it('leaves a frozen encoder as it is while the decoder learns', async () => {
  const whole = await trained({});
  const frozenEncoder = new Map([...whole].filter(([name]) => isEncoderWeight(name)));
  const after = await trained({ frozenEncoder });
  expect([...after.keys()].sort()).toEqual([...whole.keys()].sort());
  expect(frozenEncoder.size).toBeGreaterThan(10);
  expect(frozenEncoder.size).toBeLessThan(whole.size - 10);
  for (const [name, { data }] of frozenEncoder) expect(after.get(name)!.data, name).toEqual(data);
  const still = await trained({ frozenEncoder }, 0);
  for (const name of ['vae.post_quant_conv.weight', 'vae.decoder.conv_in.weight', 'vae.decoder.conv_out.bias']) {
    expect(after.get(name)!.data, name).not.toEqual(still.get(name)!.data);
  }
});

it('counts errors by the logarithm where it is asked to, of latents with noise beyond the posterior’s', async () => {
  const shape = [2, 1, 8, 8];
  const image = input('image', 'f32', shape);
  const { loss, metrics } = reconstructionObjective({
    image,
    noise: input('noise', 'f32', shape),
    spread: input('spread', 'f32', [2, 1, 1, 1]),
    encode: (mean) => ({ mean, logvar: full(-30, 'f32', shape) }),
    decode: (latent) => latent,
    klWeight: 0,
    gradientWeight: 0.5,
    squareWeight: 3,
    robustScale: 0.05,
  });
  const session = await backend.compile(closeGraph('reconstruction', { loss, pixel: metrics!.pixel! }));
  const ones = (): Float32Array => new Float32Array(128).fill(1);
  const feeds = { image: f32(shape, ones()), noise: f32(shape, ones()), spread: f32([2, 1, 1, 1], [0.1, 0.4]) };
  const found = await session.run(feeds);
  await session.dispose();
  // An error of 0.1 everywhere in the first picture and of 0.4 in the second.
  const pixel = (0.05 * (Math.log(1 + 0.1 / 0.05) + Math.log(1 + 0.4 / 0.05))) / 2;
  const square = (0.1 ** 2 + 0.4 ** 2) / 2;
  expect(found.pixel!.data[0]).toBeCloseTo(pixel, 5);
  expect(found.loss!.data[0]).toBeCloseTo(pixel + 3 * square + 2 * 0.25, 5);
});
