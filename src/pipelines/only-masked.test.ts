import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { areaOf, cutOut, layBack } from './only-masked.ts';

/** 255 inside the rectangle. */
function maskOf(width: number, height: number, [left, top, right, bottom]: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return x >= left! && x < right! && y >= top! && y < bottom! ? 255 : 0;
  });
}

const square = { width: 64, height: 64 };

// By hand, from the rule in the header: pad within the picture, grow the shorter side to the target's shape by
// trunc(wanted - side), half of it (rounded down) before, then move inside.
describe('the masked area', () => {
  it.each([
    ['padded, already square', [40, 30, 60, 50], 4, square, [36, 26, 28, 28]],
    ['a wide one, grown upwards and downwards', [20, 40, 60, 50], 0, square, [20, 25, 40, 40]],
    ['an odd growth, the larger half after', [20, 40, 61, 50], 0, square, [20, 25, 41, 41]],
    ['a tall one at the right edge, moved back', [90, 10, 100, 70], 0, square, [40, 10, 60, 60]],
    ['a tall one at the left edge, moved forth', [0, 10, 10, 70], 0, square, [0, 10, 60, 60]],
    ['one with no room, cut', [0, 0, 100, 80], 8, { width: 32, height: 64 }, [0, 0, 100, 80]],
    ['to a wide target', [40, 30, 50, 40], 0, { width: 128, height: 64 }, [35, 30, 20, 10]],
  ] as const)('is %s', (_, box, padding, target, [left, top, width, height]) => {
    const area = areaOf(maskOf(100, 80, box), { width: 100, height: 80 }, padding, target);
    expect(area).toEqual({ left, top, width, height });
  });

  it('of a blank mask is none', () => {
    expect(areaOf(new Uint8Array(100), { width: 10, height: 10 }, 4, square)).toBeUndefined();
  });
});

describe('laying back', () => {
  const whole: PixelImage = {
    width: 8,
    height: 8,
    channels: 3,
    data: Uint8Array.from({ length: 192 }, (_, i) => i),
  };
  const area = { left: 2, top: 1, width: 4, height: 4 };

  it('what was cut out changes nothing', () => {
    const pixels = maskOf(8, 8, [2, 1, 6, 5]);
    expect(layBack(cutOut(whole, area, area), { area, whole, pixels })).toEqual(whole);
  });

  it('changes masked pixels alone, and mixes where the mask is grey', () => {
    const pixels = maskOf(8, 8, [3, 2, 5, 4]);
    pixels[2 * 8 + 3] = 51;
    const white: PixelImage = { width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(255) };
    const { data } = layBack(white, { area, whole, pixels });
    const changed = Array.from({ length: 64 }, (_, i) => i).filter((i) => data[3 * i] !== whole.data[3 * i]);
    expect(changed).toEqual([19, 20, 27, 28]);
    expect(data[3 * 20]).toBe(255);
    expect(data[3 * 19]).toBe(Math.round(255 * 0.2 + whole.data[3 * 19]! * 0.8));
  });
});
