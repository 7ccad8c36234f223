/** Shapes of pictures for a model: its own area in other proportions, on its grid. */

import type { WireLimits } from '#server/native/wire';
import { clamp } from './fields.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Shape extends Size {
  readonly key: 'square' | 'portrait' | 'tall' | 'landscape' | 'wide';
}

export interface SideBounds {
  readonly min: number;
  readonly max: number;
}

const proportions: readonly (readonly [key: Shape['key'], ratio: number])[] = [
  ['square', 1],
  ['portrait', 3 / 4],
  ['tall', 9 / 16],
  ['landscape', 4 / 3],
  ['wide', 16 / 9],
];

/** Shapes that come out the same are left out. */
export function shapesFor({ defaultSize, gridMultiple }: WireLimits, side: SideBounds): Shape[] {
  const area = defaultSize.width * defaultSize.height;
  const snap = (length: number) => {
    const least = Math.ceil(side.min / gridMultiple) * gridMultiple;
    const most = Math.floor(side.max / gridMultiple) * gridMultiple;
    return clamp(Math.round(length / gridMultiple) * gridMultiple, least, most);
  };
  const shapes = proportions.map(([key, ratio]) => ({
    key,
    width: snap(Math.sqrt(area * ratio)),
    height: snap(Math.sqrt(area / ratio)),
  }));
  return shapes.filter((each, at) => shapes.findIndex((other) => sameSize(each, other)) === at);
}

export function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

/** The nearest side that the model takes. */
export function snapSide(length: number, { sizeMultiple }: WireLimits, side: SideBounds): number {
  return clamp(Math.round(length / sizeMultiple) * sizeMultiple, side.min, side.max);
}
