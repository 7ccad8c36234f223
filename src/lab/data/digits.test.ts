/** unit: IDX files, right and wrong, and the order in which digits come. */

import { describe, expect, it } from 'vitest';
import { TrainingRandom } from '#training/random';
import { readDigits, shuffled } from './digits.ts';

function idx(sizes: readonly number[], data: Uint8Array, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + data.length);
  bytes.set([0, 0, type, sizes.length]);
  const view = new DataView(bytes.buffer);
  sizes.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size);
  });
  bytes.set(data, 4 + 4 * sizes.length);
  return bytes;
}

const images = idx([2, 28, 28], new Uint8Array(2 * 784).fill(7));
const labels = idx([2], Uint8Array.from([3, 9]));
const read = (i: Uint8Array, l: Uint8Array) => readDigits({ name: 'images', bytes: i }, { name: 'labels', bytes: l });

describe('readDigits', () => {
  it('reads pictures and labels', () => {
    const { count, images: pictures, labels: answers } = read(images, labels);
    expect([count, pictures.length, pictures[0], ...answers]).toEqual([2, 1568, 7, 3, 9]);
  });

  it.each([
    ['an empty file', new Uint8Array(), labels, /0 bytes long/],
    ['a gzip file', Uint8Array.from([31, 139, 8, 0, 0]), labels, /begins with 31 139 8 0/],
    ['floats', idx([1, 28, 28], new Uint8Array(784), 13), labels, /begins with 0 0 13 3/],
    ['a file that is cut short', images.subarray(0, 1000), labels, /wants 1568 bytes, 984 are there/],
    ['a header that is cut short', images.subarray(0, 9), labels, /header is cut short/],
    ['absurd sizes', idx([2 ** 31, 28, 28], new Uint8Array(4)), labels, /wants \d+ bytes/],
    ['another size of pictures', idx([2, 14, 14], new Uint8Array(392)), labels, /expected \[count, 28, 28\]/],
    ['labels in place of pictures', labels, labels, /expected \[count, 28, 28\]/],
    ['labels of other pictures', images, idx([3], new Uint8Array(3)), /holds \[3\] labels for 2 pictures/],
    ['letters', images, idx([2], Uint8Array.from([3, 12])), /label 12/],
  ])('refuses %s', (_, i, l, message) => {
    expect(() => read(i, l)).toThrow(
      expect.objectContaining({ code: 'lab.idx', message: expect.stringMatching(message) }),
    );
  });
});

it('goes through all digits in each epoch, in an order that follows from the place', () => {
  const placeOf = shuffled(50, 3, (seed) => new TrainingRandom(seed));
  const epochs = [0, 1].map((epoch) => Array.from({ length: 50 }, (_, i) => placeOf(50 * epoch + i)));
  for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(epochs[0]).not.toEqual(epochs[1]);
  const resumed = shuffled(50, 3, (seed) => new TrainingRandom(seed));
  expect(resumed(70)).toBe(epochs[1]![20]);
});
