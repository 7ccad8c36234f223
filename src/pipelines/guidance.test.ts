import { describe, expect, it } from 'vitest';
import { rescaleGuidance } from '#diffusion/guidance';
import { type Guidance, guide, type Predictions, skipsUncond } from './guidance.ts';

const given: Predictions = {
  conds: [Float64Array.of(1, 2, 3, 9), Float64Array.of(0, 4, -2, 1)],
  weights: [1, 0.5],
  uncond: Float64Array.of(0.5, 1, 1, 2),
  input: Float64Array.of(0.1, -0.4, 2, 0.6),
  sigma: 3,
  prediction: 'v',
  images: 1,
  channels: 2,
};

describe('guidance', () => {
  it('adds up the differences by weight', () => {
    const guided = guide({ scale: 4 }, given);
    expect([...guided]).toEqual([0.5 + 4 * 0.5 - 2 * 0.5, 1 + 4 + 2 * 3, 1 + 4 * 2 + 2 * -3, 2 + 4 * 7 - 2]);
  });

  it('takes the first condition for the unconditional one where there is none', () => {
    expect(guide({ scale: 4 }, { ...given, uncond: undefined })).toEqual(Float64Array.of(0.5, 3, 0.5, 5));
    const single = { ...given, conds: given.conds.slice(0, 1), weights: [1], uncond: undefined };
    expect(guide({ scale: 4 }, single)).toEqual(given.conds[0]);
  });

  it('keeps to the picture by its own scale, which at 1 leaves nothing of the prediction without it', () => {
    const [cond, image, uncond] = [given.conds[0]!, Float64Array.of(3, -1, 0, 2), given.uncond!];
    const single = { ...given, conds: [cond], weights: [1], image };
    const expected = cond.map((c, i) => uncond[i]! + 7.5 * (c - image[i]!) + 1.5 * (image[i]! - uncond[i]!));
    const guided = guide({ scale: 7.5, imageScale: 1.5 }, single);
    for (let i = 0; i < 4; i++) expect(guided[i]).toBeCloseTo(expected[i]!, 12);
    const plain = guide({ scale: 7.5, imageScale: 1 }, { ...single, uncond: undefined });
    for (let i = 0; i < 4; i++) expect(plain[i]).toBeCloseTo(image[i]! + 7.5 * (cond[i]! - image[i]!), 12);
  });

  it('rescales towards the prediction at scale 1', () => {
    const expected = rescaleGuidance(guide({ scale: 9 }, given), guide({ scale: 1 }, given), 0.7, 1);
    expect(guide({ scale: 9, rescale: 0.7 }, given)).toEqual(expected);
    expect(expected).not.toEqual(guide({ scale: 9 }, given));
  });

  it('thresholds nothing at the mimicked scale, and clean estimates beyond it', () => {
    const plain = guide({ scale: 7 }, given);
    const same = guide({ scale: 7, threshold: { quantile: 0.9, mimicScale: 7 } }, given);
    for (let i = 0; i < 4; i++) expect(same[i]).toBeCloseTo(plain[i]!, 12);
    const clean = (output: Float64Array) =>
      // v-prediction: x0 = sqrt(alpha-bar) x - sqrt(1 - alpha-bar) v of the scaled input.
      output.map((v, i) => given.input[i]! / Math.sqrt(10) - (3 / Math.sqrt(10)) * v);
    const bounded = clean(guide({ scale: 20, threshold: { quantile: 1, mimicScale: 5 } }, given) as Float64Array);
    const strong = clean(guide({ scale: 20 }, given) as Float64Array);
    const gentle = clean(guide({ scale: 5 }, given) as Float64Array);
    // Two cells a channel: deviations from the mean are equal and opposite, and become the gentle ones.
    for (const start of [0, 2]) {
      const mean = (strong[start]! + strong[start + 1]!) / 2;
      const reach = Math.abs(gentle[start]! - gentle[start + 1]!) / 2;
      expect(bounded[start]).toBeCloseTo(mean + Math.sign(strong[start]! - mean) * reach, 10);
      expect(bounded[start + 1]).toBeCloseTo(mean - Math.sign(strong[start]! - mean) * reach, 10);
    }
  });
});

describe('calls without the unconditional pass', () => {
  const skipped = (guidance: Omit<Guidance, 'scale'>, levels: readonly number[]) =>
    levels.map((level, call) => skipsUncond({ scale: 7, ...guidance }, call, level));

  it('are every second one below the noise level, or each', () => {
    const levels = [9, 5, 2, 1, 0.5, 0.1];
    expect(skipped({ skipBelow: { level: 3, always: false } }, levels)).toEqual([
      false,
      false,
      false,
      true,
      false,
      true,
    ]);
    expect(skipped({ skipBelow: { level: 3, always: true } }, levels)).toEqual([false, false, true, true, true, true]);
    expect(skipped({ skipBelow: { level: 0, always: true } }, levels)).toEqual(levels.map(() => false));
    expect(skipped({}, levels)).toEqual(levels.map(() => false));
  });

  it('are the first ones where asked', () => {
    const early = { skipEarly: { fraction: 0.25, calls: 8 } };
    expect(skipped(early, [9, 9, 9, 9, 9])).toEqual([true, true, true, false, false]);
  });
});
