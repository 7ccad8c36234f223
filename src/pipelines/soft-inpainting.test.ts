/** Soft inpainting: what its extremes must be, and numbers worked out by hand. */

import { describe, expect, it } from 'vitest';
import type { Latent, Sigma } from '#diffusion/numbers';
import { changedPixels, keepSoftly } from './soft-inpainting.ts';

const soft = {
  maskBlendPower: 1,
  maskBlendScale: 0.5,
  inpaintDetailPreservation: 4,
  compositeMaskInfluence: 0,
  compositeDifferenceThreshold: 0.5,
  compositeDifferenceContrast: 2,
};

async function mixed(mask: number[], sigma: number, settings: Partial<typeof soft> = {}): Promise<number[]> {
  // Two channels of cells; the painting is [3, 4], the original [0, 1].
  const cells = mask.length;
  const painted = Float32Array.from({ length: 2 * cells }, (_, i) => (i < cells ? 3 : 4)) as Latent;
  const original = Float32Array.from({ length: 2 * cells }, (_, i) => (i < cells ? 0 : 1));
  const keep = keepSoftly(async () => painted.slice(), original, Float32Array.from(mask), { ...soft, ...settings }, 2);
  return [...(await keep(painted, sigma as Sigma))];
}

describe('a step', () => {
  it('takes the painting where the mask is white and the original where it is black', async () => {
    const [a, b, c, d] = await mixed([1, 0], 2);
    expect([a, c]).toEqual([expect.closeTo(3, 4), expect.closeTo(4, 4)]);
    expect([b, d]).toEqual([0, expect.closeTo(1, 4)]);
  });

  it('mixes between by the mask to a power of the noise, lengths apart from directions', async () => {
    // Exponent 2 * 0.5 = 1: t = 0.5. [1.5, 2.5] gets the length ((1^4 + 5^4) / 2)^(1/4).
    const [a, b] = await mixed([0.5], 2);
    const length = ((1 + 625) / 2) ** 0.25;
    expect(Math.hypot(a!, b!)).toBeCloseTo(length, 4);
    expect(a! / b!).toBeCloseTo(1.5 / 2.5, 5);
    // Without noise the whole of what is masked in part is the painting.
    const late = await mixed([0.5], 0);
    expect(late).toEqual([expect.closeTo(3, 3), expect.closeTo(4, 3)]);
    const linear = await mixed([0.5], 2, { inpaintDetailPreservation: 1 });
    expect(Math.hypot(linear[0]!, linear[1]!)).toBeCloseTo((1 + 5) / 2, 4);
  });
});

describe('pixels in the end', () => {
  const sizes = { size: { width: 64, height: 64 }, latentSize: { width: 8, height: 8 } };
  const latentOf = (change: (x: number) => number) => Float32Array.from({ length: 2 * 64 }, (_, i) => change(i % 8));
  const none = new Float32Array(2 * 64);

  it('are the original’s where nothing has changed, and the painting’s where much has', () => {
    const mask = new Float32Array(64).fill(0.5);
    expect(Math.max(...changedPixels(none, none, mask, sizes, soft))).toBe(0);
    expect(
      Math.min(
        ...changedPixels(
          latentOf(() => 50),
          none,
          mask,
          sizes,
          soft,
        ),
      ),
    ).toBeGreaterThan(250);
    const half = changedPixels(
      latentOf((x) => (x < 4 ? 0 : 50)),
      none,
      mask,
      sizes,
      soft,
    );
    // Lanczos rings a little beside an edge.
    expect(half[32 * 64]).toBeLessThan(32);
    expect(half[32 * 64 + 63]).toBeGreaterThan(250);
    // The threshold: at 0.5 of a distance both are seen alike, which smootherstep leaves.
    const even = changedPixels(
      latentOf(() => 0.5 / Math.SQRT2),
      none,
      mask,
      sizes,
      soft,
    );
    expect(Math.abs(even[32 * 64 + 32]! - 127)).toBeLessThanOrEqual(2);
  });

  it('follow the mask where it is asked to decide', () => {
    const mask = Float32Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 0 : 1));
    const changed = changedPixels(
      latentOf(() => 3),
      none,
      mask,
      sizes,
      { ...soft, compositeMaskInfluence: 1 },
    );
    expect([changed[32 * 64], changed[32 * 64 + 63]]).toEqual([0, 255]);
  });
});
