import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  configuredDecay,
  configuredOptimizer,
  configuredWeighting,
  type TextToImageConfig,
  trainingConfigSchema,
} from './config.ts';
import { decaysAll, decaysMatrices } from './weight-decay.ts';

const configs = new URL('../../configs/', import.meta.url);
const common = { task: 'evaluator', run: 'runs/x', steps: 10, batchSize: 2, learningRate: 0.1, channels: [8] };
const parse = (extra: object) => trainingConfigSchema.parse({ ...common, ...extra });

describe('training configurations', () => {
  it.each(readdirSync(configs).filter((f) => f.startsWith('mini-')))('%s is one, with AdamW', (file) => {
    const json = JSON.parse(readFileSync(new URL(file, configs), 'utf8')) as { weightDecay: number };
    const config = trainingConfigSchema.parse(json);
    const optimizer = configuredOptimizer(config);
    expect(optimizer.name).toBe('adamw');
    expect(optimizer.scalars(1, 0.1).decay).toBe(1 - 0.1 * json.weightDecay);
    expect(configuredDecay(config)).toBe(decaysAll);
  });

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
    expect(configuredDecay(parse({ weightDecayOn: 'matrices' }))).toBe(decaysMatrices);
    const weighting = (c: Partial<TextToImageConfig>) => configuredWeighting(c as TextToImageConfig);
    expect(weighting({})).toEqual({ name: 'none' });
    expect(weighting({ minSnrGamma: 5 })).toEqual({ name: 'min-snr', gamma: 5 });
    expect(weighting({ minSnrGamma: 5, weighting: { name: 'debiased' } })).toEqual({ name: 'debiased' });
  });
});
