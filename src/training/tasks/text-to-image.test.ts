import { describe, expect, it } from 'vitest';
import type { Feeds } from '#engine/backend';
import { emptyId, tinyTextToImage, vocabulary } from '../../../test/fixtures/training-tasks.ts';
import { lossWeight } from '../diffusion-objective.ts';
import { TrainingRandom } from '../random.ts';
import { type TextToImageOptions, textToImageTask } from './text-to-image.ts';

const seed = 21;

async function batch(overrides: Partial<TextToImageOptions>): Promise<Feeds> {
  return await textToImageTask(tinyTextToImage(overrides)).batch(new TrainingRandom(seed), 0);
}

const numbers = (feeds: Feeds, name: string): number[] => Array.from(feeds[name]!.data, Number);

describe('a text-to-image batch', () => {
  const emptyRow = vocabulary.indexOf(emptyId);

  it.each([
    [0, 0],
    [0.25, 0.25],
    [1, 1],
  ])('drops captions with probability %d', async (captionDropout, share) => {
    const size = 400;
    const ids = numbers(await batch({ captionDropout, batchSize: size }), 'ids');
    const rows = Array.from({ length: size }, (_, n) => ids.slice(6 * n, 6 * n + 6));
    const empty = rows.filter((row) => row.every((id) => id === emptyRow));
    expect(rows.filter((row) => row.includes(emptyRow)).length).toBe(empty.length);
    expect(empty.length / size).toBeGreaterThanOrEqual(share * 0.8);
    expect(empty.length / size).toBeLessThanOrEqual(share * 1.2);
  });

  it('draws one timestep from each part of the schedule', async () => {
    const timesteps = numbers(await batch({ batchSize: 10 }), 'timestep');
    expect(timesteps.map((t) => Math.floor(t / 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('weights items by min-SNR', async () => {
    const weighting = { name: 'min-snr', gamma: 5 } as const;
    const feeds = await batch({ batchSize: 10, weighting });
    const { alphaBars, prediction } = tinyTextToImage();
    const expected = numbers(feeds, 'timestep').map((t) => lossWeight(prediction, alphaBars[t]!, weighting));
    numbers(feeds, 'weight').forEach((w, i) => {
      expect(w).toBeCloseTo(expected[i]!, 6);
    });
    expect(numbers(await batch({ batchSize: 10 }), 'weight')).toEqual(new Array(10).fill(1));
  });

  it('perturbs the input and not the target', async () => {
    const plain = await batch({ prediction: 'eps' });
    const perturbed = await batch({ prediction: 'eps', noise: { inputPerturbation: 0.1 } });
    expect(numbers(perturbed, 'target')).toEqual(numbers(plain, 'target'));
    expect(numbers(perturbed, 'noisy')).not.toEqual(numbers(plain, 'noisy'));
  });

  it('offsets the noise of each channel', async () => {
    const plain = numbers(await batch({ prediction: 'eps' }), 'target');
    const offset = numbers(await batch({ prediction: 'eps', noise: { offset: 0.5 } }), 'target');
    const differences = offset.map((v, i) => v - plain[i]!);
    for (let channel = 0; channel < 8; channel++) {
      const cells = differences.slice(16 * channel, 16 * channel + 16);
      expect(Math.max(...cells) - Math.min(...cells)).toBeLessThan(1e-6);
      expect(Math.abs(cells[0]!)).toBeGreaterThan(1e-4);
    }
  });

  it('draws pyramid noise of unit variance', async () => {
    const noise = numbers(await batch({ prediction: 'eps', noise: { pyramidDiscount: 0.8 }, batchSize: 8 }), 'target');
    const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
    const variance = noise.reduce((a, b) => a + (b - mean) ** 2, 0) / (noise.length - 1);
    expect(variance).toBeCloseTo(1, 5);
    // Coarse levels bind neighbours together; white noise does not.
    const neighbours = noise.slice(0, -1).filter((_, i) => i % 4 !== 3).length;
    const product = noise.reduce((sum, v, i) => (i % 4 === 3 ? sum : sum + v * noise[i + 1]!), 0);
    expect(product / neighbours).toBeGreaterThan(0.15);
  });
});
