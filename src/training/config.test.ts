import { describe, expect, it } from 'vitest';
import { type AutoencoderConfig, type TextToImageConfig, trainingConfigSchema } from './config.ts';
import { configuredDecay, configuredOptimizer, configuredWeighting } from './configured.ts';
import { decaysAll, decaysMatrices } from './weight-decay.ts';

const vae = { blockChannels: [8, 16], layersPerBlock: 1 };
const common = { task: 'autoencoder', run: 'runs/x', data: 'x', steps: 10, batchSize: 2, learningRate: 0.1, vae };
const parse = (extra: object) => trainingConfigSchema.parse({ ...common, ...extra }) as AutoencoderConfig;

describe('training configurations', () => {
  it('parse their own output', () => {
    const once = parse({ optimizer: { name: 'lion', weightDecay: 0.3 } });
    expect(trainingConfigSchema.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });

  it('default to AdamW as PyTorch has it', () => {
    const { scalars } = configuredOptimizer(parse({}));
    expect(scalars(2, 0.1)).toEqual({
      decay: 1 - 0.1 * 0.01,
      rate: 0.1 / (1 - 0.9 ** 2),
      rootCorrection: 1 / Math.sqrt(1 - 0.999 ** 2),
    });
  });

  it('let an optimiser’s own options win over the common ones', () => {
    const decay = (extra: object) => configuredOptimizer(parse(extra)).scalars(1, 1).decay;
    expect(decay({ weightDecay: 0.25 })).toBe(0.75);
    expect(decay({ weightDecay: 0.25, optimizer: { name: 'adamw', weightDecay: 0.5 } })).toBe(0.5);
    expect(decay({ weightDecay: 0.25, optimizer: { name: 'Lion' } })).toBe(0.75);
    // SGD has no betas: the common ones are not for it.
    expect(configuredOptimizer(parse({ betas: [0.5, 0.9], optimizer: { name: 'sgd' } })).name).toBe('sgd');
  });

  it('name the nearest optimiser for an unknown one', () => {
    expect(() => configuredOptimizer(parse({ optimizer: { name: 'adamm' } }))).toThrow(
      /There is no optimizer "adamm"\. Did you mean "adamw", "adam"/,
    );
  });

  it.each([
    [{ name: 'adamw', bettas: [0.9, 0.99] }, /options of the optimiser adamw: .*bettas/s],
    [{ name: 'adamw', betas: [0.9, 1] }, /betas/],
    [{ name: 'sgd', nesterov: true }, /nesterov needs a momentum above 0/],
  ])('refuse %j', (optimizer, message) => {
    expect(() => configuredOptimizer(parse({ optimizer }))).toThrow(message);
  });

  it('say where weight decay acts and how losses are weighted', () => {
    expect(configuredDecay(parse({}))).toBe(decaysAll);
    expect(configuredDecay(parse({ weightDecayOn: 'matrices' }))).toBe(decaysMatrices);
    const weighting = (c: Partial<TextToImageConfig>) => configuredWeighting(c);
    expect(weighting({})).toEqual({ name: 'none' });
    expect(weighting({ minSnrGamma: 5 })).toEqual({ name: 'min-snr', gamma: 5 });
    expect(weighting({ minSnrGamma: 5, weighting: { name: 'debiased' } })).toEqual({ name: 'debiased' });
  });
});
