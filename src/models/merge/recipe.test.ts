import { describe, expect, it } from 'vitest';
import { mergedValues, shareOf } from './recipe.ts';

const of = (shape: number[], ...data: number[]) => ({ shape, data: Float32Array.from(data) });

describe('merging', () => {
  it('sums by weight and adds differences', () => {
    const [a, b, c] = [of([2], 1, 2), of([2], 3, 6), of([2], 1, 1)];
    expect([...mergedValues('x', a, b, undefined, 0.25)]).toEqual([1.5, 3]);
    expect([...mergedValues('x', a, b, c, 0.5)]).toEqual([2, 4.5]);
    expect([...mergedValues('x', a, b, 'lacks', 0.5)]).toEqual([1, 2]);
  });

  it('changes the channels that both have of a first convolution', () => {
    const [a, b] = [of([2, 2, 1, 1], 1, 10, 2, 20), of([2, 1, 1, 1], 3, 4)];
    expect([...mergedValues('x', a, b, undefined, 0.5)]).toEqual([2, 10, 3, 20]);
    expect(() => mergedValues('x', b, a, undefined, 0.5)).toThrow('models of one family');
  });

  it('weighs blocks', () => {
    const blockWeights = Array.from({ length: 26 }, (_, i) => i / 100);
    const share = (name: string) => shareOf(`model.diffusion_model.${name}`, { multiplier: 1, blockWeights });
    expect([
      share('input_blocks.0.0.weight'),
      share('middle_block.1.x'),
      share('output_blocks.11.0.x'),
      share('out.2.x'),
    ]).toEqual([0.01, 0.13, 0.25, 0]);
  });
});
