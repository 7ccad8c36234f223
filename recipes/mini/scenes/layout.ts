/** Where the objects of a scene go. Places and sizes are relative to the side of the picture. */

import type { Size } from './catalog.ts';
import { jitter, type SceneRandom } from './random.ts';
import type { PairScene, Scene } from './scene.ts';

export interface Placement {
  /** Index into `objectKinds`. */
  readonly object: number;
  /** Centre. */
  readonly x: number;
  readonly y: number;
  /** Side of the square that the object fills. */
  readonly size: number;
}

const singleSides: Readonly<Record<Size, number>> = { small: 0.36, medium: 0.6, large: 0.82 };
const pairSide = 0.42;
const countSides = { 2: 0.43, 3: 0.315 } as const;
/** Height of the feet of what stands on the ground. */
const ground = 0.93;

/** The objects of a scene, back to front. */
export function placementsOf(scene: Scene, random: SceneRandom): Placement[] {
  switch (scene.layout) {
    case 'single': {
      const size = singleSides[scene.size] + jitter(random, 0.03);
      const x = 0.5 + jitter(random, Math.min(0.1, (1 - size) / 2));
      return [{ object: scene.object, x, y: ground - size / 2 + jitter(random, 0.02), size }];
    }
    case 'count': {
      const size = countSides[scene.count] + jitter(random, 0.015);
      return Array.from({ length: scene.count }, (_, i) => ({
        object: scene.object,
        x: (i + 0.5) / scene.count + jitter(random, 0.5 / scene.count - size / 2),
        y: 0.71 + jitter(random, 0.05),
        size,
      }));
    }
    case 'pair':
      return placePair(scene, random);
  }
}

function placePair(scene: PairScene, random: SceneRandom): Placement[] {
  const size = pairSide + jitter(random, 0.02);
  const vertical = scene.relation === 'above' || scene.relation === 'below';
  const near = vertical
    ? { x: 0.5 + jitter(random, 0.06), y: 0.26 + jitter(random, 0.015) }
    : { x: 0.26 + jitter(random, 0.03), y: 0.7 + jitter(random, 0.03) };
  const far = vertical
    ? { x: 0.5 + jitter(random, 0.06), y: 0.73 + jitter(random, 0.015) }
    : { x: 0.74 + jitter(random, 0.03), y: 0.7 + jitter(random, 0.03) };
  const nearFirst =
    scene.relation === 'beside' ? random.uniform() < 0.5 : scene.relation === 'left of' || scene.relation === 'above';
  return [
    { object: scene.object, size, ...(nearFirst ? near : far) },
    { object: scene.other, size, ...(nearFirst ? far : near) },
  ];
}
