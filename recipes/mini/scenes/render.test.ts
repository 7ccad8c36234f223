import { beforeAll, describe, expect, it } from 'vitest';
import { TrainingRandom } from '#training/random';
import { scenePictures } from '../scene-pictures.ts';
import { objectKinds, paints, places, times } from './catalog.ts';
import { generateScenes, type RenderedScene } from './dataset.ts';
import { iconSvg, loadIcons, painted } from './icons.ts';
import { placementsOf } from './layout.ts';
import { seededRandom } from './random.ts';
import { createSceneRenderer, type SceneRenderer } from './render.ts';
import { drawScene, type Scene } from './scene.ts';

let renderer: SceneRenderer;
beforeAll(async () => {
  renderer = await createSceneRenderer(128);
});

/** Mean RGB of the rows from `top` to `bottom`. */
function meanColour(pixels: Uint8Array, top: number, bottom: number): number[] {
  const sums = [0, 0, 0];
  for (let i = top * 128 * 3; i < bottom * 128 * 3; i++) sums[i % 3]! += pixels[i]!;
  return sums.map((s) => s / ((bottom - top) * 128));
}

/** Mean absolute difference of two pictures. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length;
}

const single = (object: number, extra: Partial<Extract<Scene, { layout: 'single' }>> = {}): Scene => ({
  layout: 'single',
  object,
  size: 'medium',
  place: 'meadow',
  time: 'day',
  ...extra,
});

describe('icons', () => {
  it('exist for every object, with the fills that paints replace', () => {
    for (const { icon, fills } of objectKinds) {
      const svg = iconSvg(icon);
      expect(svg).toContain('<path');
      for (const fill of Object.values(fills ?? {})) expect(svg, icon).toContain(fill);
      if (fills) expect(new Set(paints.map((p) => painted(svg, fills, p))).size).toBe(paints.length);
    }
  });

  it('fill their square in one direction and stay premultiplied', async () => {
    const icons = await loadIcons(objectKinds);
    for (let object = 0; object < objectKinds.length; object++) {
      const { data, side } = icons.sprite(object, 48);
      expect(side).toBe(48);
      const columns = new Set<number>();
      const rows = new Set<number>();
      let brightest = 0; // of any channel over its pixel's alpha
      for (let i = 0; i < side * side; i++) {
        const alpha = data[i * 4 + 3]!;
        if (alpha > 32) {
          columns.add(i % side);
          rows.add(Math.floor(i / side));
        }
        brightest = Math.max(brightest, ...data.subarray(i * 4, i * 4 + 3).map((v) => v - alpha));
      }
      expect(brightest, objectKinds[object]!.name).toBeLessThanOrEqual(1);
      expect(Math.max(columns.size, rows.size), objectKinds[object]!.name).toBeGreaterThanOrEqual(45);
      expect(Math.min(columns.size, rows.size), objectKinds[object]!.name).toBeGreaterThanOrEqual(14);
    }
  });
});

describe('placementsOf', () => {
  it('keeps every object inside the frame and pairs in their relation', () => {
    const random = seededRandom(5);
    for (let i = 0; i < 1000; i++) {
      const scene = drawScene(random);
      const placed = placementsOf(scene, random);
      expect(placed).toHaveLength(scene.layout === 'single' ? 1 : scene.layout === 'pair' ? 2 : scene.count);
      for (const { x, y, size } of placed) {
        expect(Math.min(x, y) - size / 2).toBeGreaterThanOrEqual(-0.005);
        expect(Math.max(x, y) + size / 2).toBeLessThanOrEqual(1.005);
      }
      if (scene.layout !== 'pair') continue;
      const [a, b] = [placed[0]!, placed[1]!];
      if (scene.relation === 'left of') expect(a.x + 0.3).toBeLessThan(b.x);
      if (scene.relation === 'right of') expect(b.x + 0.3).toBeLessThan(a.x);
      if (scene.relation === 'above') expect(a.y + 0.3).toBeLessThan(b.y);
      if (scene.relation === 'below') expect(b.y + 0.3).toBeLessThan(a.y);
      if (scene.relation === 'beside') expect(Math.abs(a.x - b.x)).toBeGreaterThan(0.3);
    }
  });
});

describe('render', () => {
  it('gives the same bytes for the same scene and seed, others for another seed', () => {
    const scene = single(3);
    expect(renderer.render(scene, seededRandom(1))).toEqual(renderer.render(scene, seededRandom(1)));
    expect(renderer.render(scene, seededRandom(1))).not.toEqual(renderer.render(scene, seededRandom(2)));
  });

  it('shows every object over its background', () => {
    const pictures = objectKinds.map((_, object) => renderer.render(single(object), seededRandom(1)));
    for (const [i, a] of pictures.entries()) {
      expect(a).toHaveLength(128 * 128 * 3);
      for (const b of pictures.slice(i + 1)) expect(difference(a, b)).toBeGreaterThan(2);
    }
  });

  it('has blue days, red sunsets and dark nights', () => {
    for (const place of places) {
      const [day, night, sunset] = times.map((time) =>
        meanColour(renderer.render(single(0, { place, time, size: 'small' }), seededRandom(4)), 0, 40),
      );
      expect(day![2]).toBeGreaterThan(day![0]!);
      expect(sunset![0]).toBeGreaterThan(sunset![2]! + 20);
      expect(Math.max(...night!)).toBeLessThan(0.6 * Math.min(Math.max(...day!), Math.max(...sunset!)));
    }
  });

  it('tells places apart at every time of day', () => {
    for (const time of times) {
      const pictures = places.map((place) =>
        renderer.render(single(0, { place, time, size: 'small' }), seededRandom(4)),
      );
      for (const [i, a] of pictures.entries()) {
        for (const b of pictures.slice(i + 1)) expect(difference(a, b)).toBeGreaterThan(8);
      }
    }
  });

  it('paints things in the colour asked for', () => {
    const balloon = objectKinds.findIndex((kind) => kind.name === 'balloon');
    const centre = (paint: 'red' | 'blue' | 'green'): number[] => {
      const pixels = renderer.render(single(balloon, { paint }), seededRandom(9));
      return meanColour(pixels, 45, 75);
    };
    const [red, blue, green] = [centre('red'), centre('blue'), centre('green')];
    expect(red[0]).toBeGreaterThan(blue[0]! + 20);
    expect(blue[2]).toBeGreaterThan(red[2]! + 20);
    expect(green[1]).toBeGreaterThan(red[1]! + 20);
  });
});

describe('scenes of a seed', () => {
  it('are the same whether made in a row or alone, with captions in other words', async () => {
    const pictures = await scenePictures({ count: 6, seed: 21, size: 32 });
    const item = 32 * 32 * 3;
    const read = await pictures.read([5, 3]);
    const inARow: RenderedScene[] = [];
    for await (const scene of generateScenes({ count: 6, seed: 21, size: 32 })) inARow.push(scene);
    expect(Buffer.compare(read.subarray(0, item), inARow[5]!.pixels)).toBe(0);
    expect(Buffer.compare(read.subarray(item), inARow[3]!.pixels)).toBe(0);
    expect(pictures.scenes.map(({ scene }) => scene)).toEqual(inARow.map(({ scene }) => scene));
    const captions = new Set(Array.from({ length: 50 }, (_, n) => pictures.caption(5, new TrainingRandom(n))));
    expect(captions.size).toBeGreaterThan(3);
  });

  it('may be held to a kind', async () => {
    const { scenes } = await scenePictures({ count: 20, seed: 4, size: 32, accept: (s) => s.layout === 'single' });
    expect(scenes.map(({ scene }) => scene.layout)).toEqual(new Array(20).fill('single'));
    expect(new Set(scenes.map(({ index }) => index)).size).toBe(20);
  });
});
