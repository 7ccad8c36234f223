/** Where the objects of a scene go. Places and sizes are relative to the side of the picture. */

import type { Size } from './catalog.ts';
import type { SceneRandom } from './random.ts';
import type { Scene } from './scene.ts';

export interface Placement {
  /** Index into `objectKinds`. */
  readonly object: number;
  /** Centre. */
  readonly x: number;
  readonly y: number;
  /** Side of the square that the object fills. */
  readonly size: number;
}

/** Side of a cell of the latent. */
const cell = 1 / 16;

/** In cells: side, left and top edge. */
type Slot = readonly [side: number, left: number, top: number];

/**
 * Slots of whole cells: an autoencoder of convolutions gives a thing the same latent whenever it stands in one, and not
 * another for each of the ways in which it may lie over the cells. So a network that sees few pictures learns a shape
 * once for a slot.
 */
const singleSlots: Readonly<Record<Size, Slot>> = { small: [6, 5, 9], medium: [10, 3, 5], large: [14, 1, 1] };
const countSlots = {
  2: [
    [6, 1, 9],
    [6, 9, 9],
  ],
  3: [
    [5, 0, 10],
    [5, 5, 10],
    [5, 11, 10],
  ],
} as const satisfies Record<number, readonly Slot[]>;
const [left, right] = countSlots[2];
const [above, below]: readonly [Slot, Slot] = [[6, 5, 1], singleSlots.small];

/** The objects of a scene, back to front. */
export function placementsOf(scene: Scene, random: SceneRandom): Placement[] {
  switch (scene.layout) {
    case 'single':
      return [placed(scene.object, singleSlots[scene.size])];
    case 'count':
      return countSlots[scene.count].map((slot) => placed(scene.object, slot));
    case 'pair': {
      const isVertical = scene.relation === 'above' || scene.relation === 'below';
      const [near, far] = isVertical ? [above, below] : [left, right];
      const isNearFirst =
        scene.relation === 'beside' ? random.uniform() < 0.5 : ['left of', 'above'].includes(scene.relation);
      return [placed(scene.object, isNearFirst ? near : far), placed(scene.other, isNearFirst ? far : near)];
    }
  }
}

function placed(object: number, [side, column, row]: Slot): Placement {
  return { object, x: (column + side / 2) * cell, y: (row + side / 2) * cell, size: side * cell };
}
