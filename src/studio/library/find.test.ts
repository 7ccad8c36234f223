import { expect, it } from 'vitest';
import { findModel, nearestNames } from './find.ts';

const models = Array.from({ length: 3000 }, (_, i) => ({ name: `model ${i}`, path: `/models/model ${i}.safetensors` }));

it('names the nearest of thousands by those that share most with what was asked for', () => {
  const odd = { name: 'dreamshaper_8', path: '/models/dreamshaper_8.safetensors' };
  expect(nearestNames([...models, odd], 'dreamshapr_8', 1)).toEqual(['dreamshaper_8']);
  expect(nearestNames(models, 'x'.repeat(100))).toHaveLength(3);
  expect(nearestNames(models, '')).toHaveLength(3);
});

it('finds one again that was looked for before', () => {
  for (const name of ['model 77', 'MODEL-77', 'model 77.safetensors', 'Model_77'])
    expect(findModel(models, name)).toBe(models[77]);
});
