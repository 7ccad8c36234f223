import { afterAll, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { tinyAutoencoder, toyOptions } from '../../../test/fixtures/training-tasks.ts';
import { train, type Weights } from '../loop.ts';
import { MemoryRunFiles } from '../memory-run-files.ts';
import { TrainingRandom } from '../random.ts';
import { type AutoencoderOptions, autoencoderTask, isEncoderWeight } from './autoencoder.ts';

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
