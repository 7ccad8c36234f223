import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { trainingConfigSchema } from '#training/config';
import { configuredDecay, configuredOptimizer } from '#training/configured';
import { decaysAll } from '#training/weight-decay';
import { recipeConfigSchema } from './config.ts';

const configs = new URL('configs/', import.meta.url);

it.each(readdirSync(configs))('%s is a configuration of the recipe, with AdamW', (file) => {
  const json = JSON.parse(readFileSync(new URL(file, configs), 'utf8')) as { weightDecay: number };
  const config = recipeConfigSchema.parse(json);
  const optimizer = configuredOptimizer(config);
  expect(optimizer.name).toBe('adamw');
  expect(optimizer.scalars(1, 0.1).decay).toBe(1 - 0.1 * json.weightDecay);
  expect(configuredDecay(config)).toBe(decaysAll);
});

const examples = new URL('examples/', import.meta.url);

it.each(readdirSync(examples))('%s is a configuration of darkroom train', (file) => {
  const json: unknown = JSON.parse(readFileSync(new URL(file, examples), 'utf8'));
  expect(trainingConfigSchema.parse(json)).toMatchObject({ output_name: file.replace('.json', '') });
});
