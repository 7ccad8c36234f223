/** Scenes to pixels: a painted background and emoji placed on it. */

import icons from '@iconify-json/fluent-emoji-flat/icons.json' with { type: 'json' };
import sharp from 'sharp';
import { lights, paintBackground } from './background.ts';
import { Canvas, type Colour } from './canvas.ts';
import { objectKinds, type Size } from './catalog.ts';
import type { Scene, SceneRandom } from './scene.ts';

/** Side at which icons are rasterised once; smaller sizes are area averages of it. */
const masterSide = 192;

/** RGBA with premultiplied alpha, [side, side, 4]. */
interface Sprite {
  readonly side: number;
  readonly data: Float32Array;
}

export interface SceneRenderer {
  /** RGB bytes [size, size, 3]. */
  render(scene: Scene, random: SceneRandom): Uint8Array;
}

/** Rasterises every icon and returns a renderer; sprites of each size are kept. */
export async function createSceneRenderer(size = 128): Promise<SceneRenderer> {
  const masters = await Promise.all(objectKinds.map((k) => rasterise(k.icon)));
  const cache = new Map<number, Sprite>();
  const sprite = (object: number, side: number): Sprite => {
    const key = object * 4096 + side;
    const known = cache.get(key) ?? shrink(masters[object]!, side);
    cache.set(key, known);
    return known;
  };
  return {
    render(scene, random) {
      const canvas = new Canvas(size);
      paintBackground(canvas, scene.place, scene.time, random);
      for (const p of placements(scene, random)) {
        const side = Math.round(p.size * size);
        const drawn = sprite(p.object, side);
        canvas.ellipse(p.x, p.y + p.size * 0.49, p.size * 0.34, p.size * 0.05, [20, 24, 40], 0.3, 3);
        stamp(
          canvas,
          drawn,
          Math.round(p.x * size - side / 2),
          Math.round(p.y * size - side / 2),
          lights[scene.time].object,
        );
      }
      return canvas.toBytes();
    },
  };
}

/** The SVG of an icon of the set. */
export function iconSvg(icon: string): string {
  const found = (icons.icons as Record<string, { body: string }>)[icon];
  if (!found) throw new Error(`fluent-emoji-flat has no icon named ${icon}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="${masterSide}" height="${masterSide}">${found.body}</svg>`;
}

async function rasterise(icon: string): Promise<Sprite> {
  const trimmed = await sharp(Buffer.from(iconSvg(icon)))
    .trim()
    .png()
    .toBuffer();
  const { data } = await sharp(trimmed)
    .resize(masterSide, masterSide, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]! / 255;
    for (let c = 0; c < 3; c++) out[i + c] = data[i + c]! * alpha;
    out[i + 3] = alpha;
  }
  return { side: masterSide, data: out };
}

/** Area average to a smaller side, first along rows, then along columns. */
function shrink({ side: from, data }: Sprite, side: number): Sprite {
  const rows = averageAlong(data, from, from, side, true);
  return { side, data: averageAlong(rows, from, side, side, false) };
}

function averageAlong(data: Float32Array, from: number, width: number, to: number, horizontal: boolean): Float32Array {
  const lines = horizontal ? from : width;
  const out = new Float32Array((horizontal ? from * to : to * width) * 4);
  const ratio = from / to;
  for (let o = 0; o < to; o++) {
    const [start, end] = [o * ratio, (o + 1) * ratio];
    for (let i = Math.floor(start); i < Math.min(from, Math.ceil(end)); i++) {
      const weight = (Math.min(end, i + 1) - Math.max(start, i)) / ratio;
      for (let l = 0; l < lines; l++) {
        const source = (horizontal ? l * width + i : i * width + l) * 4;
        const target = (horizontal ? l * to + o : o * width + l) * 4;
        for (let c = 0; c < 4; c++) out[target + c]! += data[source + c]! * weight;
      }
    }
  }
  return out;
}

function stamp(canvas: Canvas, { side, data }: Sprite, left: number, top: number, light: Colour): void {
  const s = canvas.size;
  for (let y = Math.max(0, -top); y < Math.min(side, s - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(side, s - left); x++) {
      const from = (y * side + x) * 4;
      const at = ((top + y) * s + left + x) * 3;
      const rest = 1 - data[from + 3]!;
      for (let c = 0; c < 3; c++) canvas.data[at + c] = canvas.data[at + c]! * rest + data[from + c]! * light[c]!;
    }
  }
}

interface Placement {
  readonly object: number;
  /** Centre and side, relative to the picture. */
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

const singleSides: Readonly<Record<Size, number>> = { small: 0.36, medium: 0.6, large: 0.84 };

/** Where the objects of a scene go, back to front. */
function placements(scene: Scene, random: SceneRandom): Placement[] {
  const jitter = (spread: number): number => spread * (2 * random.uniform() - 1);
  switch (scene.layout) {
    case 'single': {
      const size = singleSides[scene.size] + jitter(0.03);
      const room = (1 - size) / 2;
      const x = 0.5 + jitter(Math.min(0.1, room));
      return [{ object: scene.object, x, y: 0.93 - size / 2 + jitter(0.02), size }];
    }
    case 'count': {
      const size = (scene.count === 2 ? 0.42 : 0.31) + jitter(0.02);
      return Array.from({ length: scene.count }, (_, i) => ({
        object: scene.object,
        x: (i + 0.5) / scene.count + jitter(0.02),
        y: 0.72 + jitter(0.04),
        size,
      }));
    }
    case 'pair':
      return pairPlacements(scene, random, jitter);
  }
}

function pairPlacements(
  scene: Extract<Scene, { layout: 'pair' }>,
  random: SceneRandom,
  jitter: (spread: number) => number,
): Placement[] {
  const size = 0.42 + jitter(0.02);
  const vertical = scene.relation === 'above' || scene.relation === 'below';
  const first =
    scene.relation === 'left of' || scene.relation === 'above'
      ? true
      : scene.relation === 'beside'
        ? random.uniform() < 0.5
        : false;
  const near = { x: vertical ? 0.5 + jitter(0.06) : 0.26 + jitter(0.03), y: vertical ? 0.27 : 0.7 + jitter(0.03) };
  const far = { x: vertical ? 0.5 + jitter(0.06) : 0.74 + jitter(0.03), y: vertical ? 0.75 : 0.7 + jitter(0.03) };
  return [
    { object: scene.object, size, ...(first ? near : far) },
    { object: scene.other, size, ...(first ? far : near) },
  ];
}
