/**
 * Where the parts of a prompt act, as text: `0-0.5:0-1; 0.5-1:0-1` is the left half for the first part and the right half
 * for the second. A rectangle is left-right:top-bottom in parts of the picture; `all` is the whole of it.
 */

/** Edges as parts of the picture's width and height, 0..1. */
export interface Region {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const wholeRegion: Region = { left: 0, right: 1, top: 0, bottom: 1 };
const number = '(\\d*\\.?\\d+)';
const rectangle = new RegExp(`^${number}\\s*-\\s*${number}\\s*:\\s*${number}\\s*-\\s*${number}$`);

/** In their order; undefined where the text is no such list. An empty text has none. */
export function readRegions(text: string): readonly Region[] | undefined {
  if (text.trim() === '') return [];
  const regions = text.split(';').map((part) => readRegion(part.trim()));
  return regions.every((region) => region !== undefined) ? regions : undefined;
}

function readRegion(text: string): Region | undefined {
  if (text === 'all') return wholeRegion;
  const [left, right, top, bottom] = (rectangle.exec(text) ?? []).slice(1).map(Number);
  if (left === undefined || right === undefined || top === undefined || bottom === undefined) return undefined;
  return left < right && right <= 1 && top < bottom && bottom <= 1 ? { left, right, top, bottom } : undefined;
}

/** As `readRegions` reads it, with thousandths. */
export function writeRegions(regions: readonly Region[]): string {
  const short = (value: number): string => String(Math.round(value * 1000) / 1000);
  return regions
    .map(({ left, right, top, bottom }) =>
      left === 0 && top === 0 && right === 1 && bottom === 1
        ? 'all'
        : `${short(left)}-${short(right)}:${short(top)}-${short(bottom)}`,
    )
    .join('; ');
}
