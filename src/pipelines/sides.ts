/** Sides of pictures on the grid that a model takes. */

import { UserError } from '#core/errors';

interface Sides {
  readonly width?: number;
  readonly height?: number;
}

/** @throws UserError `request.size` naming the side, what it must be a multiple of, and what is near */
export function checkSides(sides: Sides, multiple: number): void {
  for (const side of ['width', 'height'] as const) {
    const length = sides[side];
    if (length === undefined || length % multiple === 0) continue;
    const low = Math.floor(length / multiple) * multiple;
    const message = `The ${side} must be a multiple of ${multiple} for this model; got ${length}, try ${low} or ${low + multiple}.`;
    throw new UserError('request.size', message);
  }
}

/** The next shorter sides that fit. */
export function fitSides({ width, height }: Sides, multiple: number): Sides {
  const fit = (side: number | undefined) => side && Math.max(side - (side % multiple), multiple);
  return { width: fit(width), height: fit(height) };
}
