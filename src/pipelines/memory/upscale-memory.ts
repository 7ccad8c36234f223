/** How large the squares may be in which a network enlarges a picture, within what memory there is. */

import { UserError } from '#core/errors';
import type { PlaneSize } from '../resample.ts';
import type { Upscalers } from '../upscale/upscalers.ts';
import { gigabytes, type HostMemory } from './host-memory.ts';
import { aloneMemory } from './plan.ts';

/** Smaller squares are mostly overlap. */
const smallestTile = 64;

export interface FittedTile {
  readonly tile: number;
  /** What the user should know. */
  readonly warning?: string;
}

/**
 * The tile that was asked for, or a half of it, and so on, that fits into what is free.
 * @throws UserError `memory.too-large` where the smallest could never fit
 */
export async function fittedTile(
  { upscaler, image, tile }: { readonly upscaler: string; readonly image: PlaneSize; readonly tile: number },
  upscalers: Upscalers,
  memory: HostMemory | undefined,
): Promise<FittedTile> {
  if (!memory) return { tile };
  const limit = memory.limit();
  for (let side = tile; ; side = Math.max(side >> 1, smallestTile)) {
    const network = await upscalers.networkFor(upscaler, image, side);
    if (!network) return { tile };
    const needs = aloneMemory({ ...network, inBlocks: () => undefined });
    if (needs <= limit || side <= smallestTile) {
      if (needs > memory.total) throw tooLarge(upscaler, needs, memory.total);
      return side === tile ? { tile } : { tile: side, warning: warningOf(tile, side, needs > limit) };
    }
  }
}

function tooLarge(upscaler: string, needs: number, total: number): UserError {
  const message =
    `${upscaler} needs about ${gigabytes(needs)}, even in squares of ${smallestTile} pixels; this machine has ` +
    `${gigabytes(total)}. Take a smaller upscaler.`;
  return new UserError('memory.too-large', message);
}

function warningOf(asked: number, taken: number, isShort: boolean): string {
  const short = isShort ? ' More than is free is needed all the same; it may be slow or be stopped.' : '';
  return `To fit into memory squares of ${taken} pixels are enlarged at a time, not of ${asked}.${short}`;
}
