import { describe, expect, it } from 'vitest';
import { f32, type HostTensor } from '#core/tensor';
import type { Session } from '#engine/backend';
import { constant } from '#graph/build';
import { closeGraph } from '#graph/value';
import { tiledSession, tileStarts } from './tiles.ts';

const graph = closeGraph('none', { image: constant(f32([1], [0])) });

/** Enlarges twofold by the nearest cell, and counts its runs. */
function enlarging(): Session & { runs: string[] } {
  const runs: string[] = [];
  const run = async ({ latent }: Readonly<Record<string, HostTensor>>) => {
    const [n, c, h, w] = latent!.shape as [number, number, number, number];
    runs.push(`${h}x${w}`);
    const image = new Float32Array(n * c * 4 * h * w);
    for (let i = 0; i < image.length; i++) {
      const [x, y, p] = [i % (2 * w), Math.floor(i / (2 * w)) % (2 * h), Math.floor(i / (4 * w * h))];
      image[i] = Number(latent!.data[(p * h + (y >> 1)) * w + (x >> 1)]);
    }
    return { image: f32([n, c, 2 * h, 2 * w], image) };
  };
  return { graph, run, dispose: async () => {}, runs };
}

const latent = (height: number, width: number): HostTensor<'f32'> =>
  f32(
    [1, 3, height, width],
    Array.from({ length: 3 * height * width }, (_, i) => Math.sin(i) + (i % width)),
  );

describe('tiledSession', () => {
  it.each([
    [8, 8, 1],
    [8, 20, 4],
    [20, 13, 8],
    [9, 9, 4],
  ])('gives what the whole gives, %d x %d', async (height, width, tiles) => {
    const whole = enlarging();
    const tiled = enlarging();
    const network = { graph, session: tiled, tiling: { side: 8, overlap: 3 }, input: 'latent' } as const;
    const got = await tiledSession({ ...network, inputScale: 1, outputScale: 2 }).run({
      latent: latent(height, width),
    });
    const want = await whole.run({ latent: latent(height, width) });
    expect(tiled.runs).toEqual(Array(tiles).fill('8x8'));
    expect(got.image!.shape).toEqual(want.image!.shape);
    got.image!.data.forEach((v, i) => {
      expect(Math.abs(Number(v) - Number(want.image!.data[i]))).toBeLessThan(1e-5);
    });
  });

  it('ends tiles where the plane ends, and overlaps them at least as much as asked', () => {
    for (let length = 9; length < 60; length++) {
      const starts = tileStarts(length, { side: 8, overlap: 3 });
      expect(starts[0]).toBe(0);
      expect(starts.at(-1)).toBe(length - 8);
      starts.slice(1).forEach((start, i) => {
        expect(start - starts[i]!).toBeLessThanOrEqual(5);
        expect(start).toBeGreaterThan(starts[i]!);
      });
    }
  });

  it('goes over from one tile to the next without a step', async () => {
    let value = 0;
    const session: Session = {
      graph,
      run: async ({ latent: given }) => ({
        image: f32(given!.shape, new Float32Array(given!.data.length).fill(value++)),
      }),
      dispose: async () => {},
    };
    const network = { graph, session, tiling: { side: 8, overlap: 4 }, input: 'latent', inputScale: 1, outputScale: 1 };
    const { image } = await tiledSession(network).run({ latent: f32([1, 1, 1, 12], new Float32Array(12)) });
    const row = Array.from(image!.data as Float32Array);
    expect(row.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(row.slice(8)).toEqual([1, 1, 1, 1]);
    row.slice(4, 9).forEach((v, i) => {
      expect(v - row[3 + i]!).toBeCloseTo(0.2, 5);
    });
  });
});
