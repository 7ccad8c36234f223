/** Buckets, captions, order and learning rates against kohya's and A1111's own results. */

import { describe, expect, it } from 'vitest';
import { bucketOf, bucketSizes } from './buckets.ts';
import { type CaptionRules, drawCaption, parseSamplePrompt, plainCaption } from './captions.ts';
import { EpochOrder } from './epochs.ts';
import { factorisation } from './networks/adapter-forms.ts';
import { TrainingRandom } from './random.ts';
import { factorsOf } from './settings/commons.ts';

const options = (side: number, min: number, max: number) =>
  ({ size: { width: side, height: side }, min, max, step: 64, noUpscale: false }) as const;

describe('buckets', () => {
  it.each([
    [512, 256, 1024, 17],
    [1024, 512, 2048, 33],
    [1024, 256, 1024, 25],
  ])('of %d pixels between %d and %d are as many as kohya makes', (side, min, max, count) => {
    expect(bucketSizes(options(side, min, max))).toHaveLength(count);
  });

  it('take the nearest shape, and do not enlarge when asked not to', () => {
    const sizes = bucketSizes(options(512, 256, 1024));
    expect(bucketOf({ width: 1200, height: 800 }, sizes, options(512, 256, 1024))).toEqual({ width: 640, height: 384 });
    const small = { ...options(512, 256, 1024), noUpscale: true };
    expect(bucketOf({ width: 300, height: 200 }, sizes, small)).toEqual({ width: 256, height: 192 });
  });
});

const rules: CaptionRules = {
  separator: ',',
  shuffle: false,
  keep: 0,
  dropout: 0,
  tagDropout: 0,
  emptyEpochs: 0,
  templates: [],
  name: 'cat',
};

describe('captions', () => {
  const tags = 'first, second, third, fourth';

  it('keep the first tags where they are when the others are shuffled', () => {
    const random = new TrainingRandom(3);
    const seen = new Set(
      Array.from({ length: 50 }, () => drawCaption(tags, { ...rules, shuffle: true, keep: 2 }, 0, random)),
    );
    expect([...seen].sort()).toEqual(['first, second, fourth, third', tags].sort());
  });

  it('drop tags and whole captions at their rates', () => {
    const random = new TrainingRandom(4);
    const draw = (given: Partial<CaptionRules>, epoch = 0) =>
      Array.from({ length: 2000 }, () => drawCaption(tags, { ...rules, ...given }, epoch, random));
    const kept = draw({ tagDropout: 0.25, keep: 1 }).map((caption) => caption.split(', '));
    expect(kept.every(([first]) => first === 'first')).toBe(true);
    expect(kept.reduce((sum, own) => sum + own.length - 1, 0) / 2000).toBeCloseTo(2.25, 1);
    expect(draw({ dropout: 0.3 }).filter((caption) => caption === '').length / 2000).toBeCloseTo(0.3, 1);
    expect(new Set(draw({ emptyEpochs: 2 }, 2))).toEqual(new Set(['']));
    expect(new Set(draw({ emptyEpochs: 2 }, 3))).toEqual(new Set([tags]));
  });

  it('stand in templates, before and after what is always said', () => {
    const around = { ...rules, templates: ['a [name], [filewords]'], prefix: 'photo:', suffix: 'now' };
    expect(drawCaption('on a mat', around, 0, new TrainingRandom(1))).toBe('photo: a cat, on a mat now');
    expect(plainCaption('on a mat', around)).toBe('photo: a cat, on a mat now');
  });

  it('of samples are read in kohya’s syntax', () => {
    const line = 'a cat, --dancing-- --n bad, ugly --w 96 --h 64 --d 5 --l 7.5 --s 12 --zz 3';
    expect(parseSamplePrompt(line)).toEqual({
      prompt: 'a cat, --dancing-- --zz 3',
      negativePrompt: 'bad, ugly',
      width: 96,
      height: 64,
      seed: 5,
      cfgScale: 7.5,
      steps: 12,
    });
    expect(parseSamplePrompt('  # a remark')).toBeUndefined();
  });
});

it('shows every picture as often as it is repeated in each epoch, in batches of one bucket', () => {
  const items = [
    { repeats: 2, bucket: 'a' },
    { repeats: 1, bucket: 'b' },
    { repeats: 2, bucket: 'a' },
  ];
  const order = new EpochOrder(items, 2, 7);
  expect(order.batchesPerEpoch).toBe(3);
  const epoch = (from: number) => Array.from({ length: 3 }, (_, i) => order.batch(from + i).items);
  const first = epoch(0);
  expect(first.flat().filter((i) => i !== 1)).toHaveLength(4);
  expect(first.every((batch) => batch.every((i) => (i === 1) === (batch[0] === 1)))).toBe(true);
  expect(epoch(3)).not.toEqual([]);
  // The place follows from the number alone.
  expect(new EpochOrder(items, 2, 7).batch(4)).toEqual(order.batch(4));
  expect(order.batch(4).epoch).toBe(1);
});

it('factors sizes as LyCORIS does', () => {
  const cases: [number, number, [number, number]][] = [
    [127, -1, [1, 127]],
    [128, -1, [8, 16]],
    [128, 4, [4, 32]],
    [250, 4, [2, 125]],
    [250, 8, [5, 50]],
    [1024, -1, [32, 32]],
    [1024, 8, [8, 128]],
  ];
  for (const [n, factor, expected] of cases) expect(factorisation(n, factor), `${n} ${factor}`).toEqual(expected);
});

it('reads A1111’s learning rates', () => {
  expect(factorsOf('0.01:100, 1e-3:1000, 1e-4', 0.01)).toBe('1:100, 0.1:1000, 0.01');
  expect(factorsOf('0.005', 0.01)).toBe('0.5');
  expect(() => factorsOf('fast:10', 0.01)).toThrow(/"fast:10" is not a rate/);
});
