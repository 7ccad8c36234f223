/** Scenes to pixels: a painted background and icons placed on it, each over a soft shadow. */

import { lights, paintBackground } from './background.ts';
import { Canvas } from './canvas.ts';
import { type ObjectKind, objectKinds } from './catalog.ts';
import { loadIcons } from './icons.ts';
import { placementsOf } from './layout.ts';
import { type SceneRandom, seededRandom } from './random.ts';
import type { Scene } from './scene.ts';

export interface SceneRenderer {
  /** Side of the pictures in pixels. */
  readonly size: number;
  /** RGB bytes [size, size, 3]; `random` varies what the scene leaves open. */
  render(scene: Scene, random: SceneRandom): Uint8Array;
}

/** Of a place at a time: few enough that a small network learns each. */
const views = 8;

/**
 * Rasterises every icon and returns a renderer of square pictures, `size` pixels a side (at most 220). `kinds`: how the
 * catalogue's objects look, in its order.
 */
export async function createSceneRenderer(
  size = 128,
  kinds: readonly ObjectKind[] = objectKinds,
): Promise<SceneRenderer> {
  const icons = await loadIcons(kinds);
  return {
    size,
    render(scene, random) {
      const canvas = new Canvas(size);
      paintBackground(canvas, scene.place, scene.time, seededRandom(random.integer(views)));
      const paint = scene.layout === 'single' ? scene.paint : undefined;
      for (const { object, x, y, size: extent } of placementsOf(scene, random)) {
        const side = Math.round(extent * size);
        canvas.ellipse(x, y + extent * 0.48, extent * 0.36, extent * 0.05, [16, 18, 36], 0.32, 3);
        const [left, top] = [Math.round(x * size - side / 2), Math.round(y * size - side / 2)];
        canvas.stamp(icons.sprite(object, side, paint), left, top, lights[scene.time].object);
      }
      return canvas.toBytes();
    },
  };
}
