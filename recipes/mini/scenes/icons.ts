/**
 * Sprites of the catalogue's objects: every icon is rasterised once by librsvg (through sharp) and shrunk by area
 * averages to the sides that scenes ask for.
 */

import icons from '@iconify-json/fluent-emoji-flat/icons.json' with { type: 'json' };
import sharp from 'sharp';
import { InternalError } from '#core/errors';
import type { Sprite } from './canvas.ts';
import { type ObjectKind, objectKinds, type Paint, type PaintableFills, paints, paintTones } from './catalog.ts';

/** Side at which icons are rasterised; the largest sprites of a 128-pixel scene are a little smaller. */
const masterSide = 192;

export interface IconSet {
  /** The sprite of an object at a side in pixels, in a paint or in its own colours; kept for the next time. */
  sprite(object: number, side: number, paint?: Paint): Sprite;
}

/** The catalogue's own look, rasterised once in a process, by whoever comes first. */
let rasterised: Promise<ReadonlyMap<string, Sprite>> | undefined;

async function rasteriseAll(kinds: readonly ObjectKind[]): Promise<ReadonlyMap<string, Sprite>> {
  const masters = new Map<string, Sprite>();
  for (const [object, kind] of kinds.entries()) {
    masters.set(`${object}`, await rasterise(iconSvg(kind.icon)));
    if (!kind.fills) continue;
    for (const paint of paints)
      masters.set(`${object}${paint}`, await rasterise(painted(iconSvg(kind.icon), kind.fills, paint)));
  }
  return masters;
}

async function mastersOf(kinds: readonly ObjectKind[]): Promise<ReadonlyMap<string, Sprite>> {
  if (kinds !== objectKinds) return rasteriseAll(kinds);
  rasterised ??= rasteriseAll(objectKinds);
  return rasterised;
}

export async function loadIcons(kinds: readonly ObjectKind[]): Promise<IconSet> {
  const masters = await mastersOf(kinds);
  const shrunk = new Map<string, Sprite>();
  return {
    sprite(object, side, paint) {
      const look = `${object}${paint ?? ''}`;
      const key = `${look}@${side}`;
      let sprite = shrunk.get(key);
      if (!sprite) {
        const master = masters.get(look);
        if (!master) throw new InternalError(`no icon was rasterised for object ${look}`);
        sprite = shrink(master, side);
        shrunk.set(key, sprite);
      }
      return sprite;
    },
  };
}

/** The SVG document of an icon of the set. */
export function iconSvg(icon: string): string {
  const found = (icons.icons as Record<string, { body: string }>)[icon];
  if (!found) throw new InternalError(`fluent-emoji-flat has no icon named ${icon}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="${masterSide}" height="${masterSide}">${found.body}</svg>`;
}

/** The SVG with the fills of a paintable thing replaced by the tones of a paint. */
export function painted(svg: string, fills: PaintableFills, paint: Paint): string {
  const tones = paintTones[paint];
  return svg.replace(/#[0-9a-f]{6}/g, (fill) => {
    if (fill === fills.main) return tones.main;
    if (fill === fills.dark) return tones.dark;
    return fill === fills.light ? tones.light : fill;
  });
}

/** Trims the margins and fits the drawing into the square. */
async function rasterise(svg: string): Promise<Sprite> {
  const trimmed = await sharp(Buffer.from(svg)).trim().png().toBuffer();
  const data = await sharp(trimmed)
    .resize(masterSide, masterSide, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .ensureAlpha()
    .raw()
    .toBuffer();
  const premultiplied = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]!;
    for (let c = 0; c < 3; c++) premultiplied[i + c] = (data[i + c]! * alpha) / 255;
    premultiplied[i + 3] = alpha;
  }
  return { side: masterSide, data: premultiplied };
}

/** Area average to a smaller side, first along rows, then along columns. */
function shrink({ side: from, data }: Sprite, side: number): Sprite {
  const rows = averageAlong(data, from, from, side, true);
  return { side, data: new Uint8ClampedArray(averageAlong(rows, from, side, side, false)) };
}

function averageAlong(
  data: ArrayLike<number>,
  from: number,
  width: number,
  to: number,
  horizontal: boolean,
): Float32Array {
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
