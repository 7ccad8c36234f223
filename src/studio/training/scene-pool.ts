/** Scenes rendered ahead of a training run: pictures in memory, drawn from by index. Deterministic by seed. */

import { captionOf } from '#scenes/caption';
import { createSceneRenderer } from '#scenes/render';
import { drawScene, labelsOf, type Scene, type SceneLabels } from '#scenes/scene';
import { TrainingRandom } from '#training/random';

export interface PooledScene {
  readonly scene: Scene;
  readonly caption: string;
  readonly labels: SceneLabels;
}

export interface ScenePool {
  readonly size: number;
  readonly count: number;
  readonly scenes: readonly PooledScene[];
  /** RGB bytes [size, size, 3] of one scene; a view. */
  pixels(index: number): Uint8Array;
}

export interface ScenePoolOptions {
  readonly count: number;
  readonly seed: number;
  readonly size: number;
  /** Takes only scenes of this kind, for the evaluator. */
  readonly accept?: (scene: Scene) => boolean;
  readonly onProgress?: (done: number) => void;
}

export async function renderScenePool({ count, seed, size, accept, onProgress }: ScenePoolOptions): Promise<ScenePool> {
  const renderer = await createSceneRenderer(size);
  const random = new TrainingRandom(seed);
  const item = size * size * 3;
  const data = new Uint8Array(count * item);
  const scenes: PooledScene[] = [];
  while (scenes.length < count) {
    const scene = drawScene(random);
    if (accept && !accept(scene)) continue;
    data.set(renderer.render(scene, random), scenes.length * item);
    scenes.push({ scene, caption: captionOf(scene, random), labels: labelsOf(scene) });
    if (scenes.length % 500 === 0) onProgress?.(scenes.length);
  }
  return { size, count, scenes, pixels: (i) => data.subarray(i * item, (i + 1) * item) };
}

/** The pictures at `indices`, one after the other. */
export function gatherPixels(pool: ScenePool, indices: readonly number[]): Uint8Array {
  const item = pool.size * pool.size * 3;
  const out = new Uint8Array(indices.length * item);
  indices.forEach((index, n) => {
    out.set(pool.pixels(index), n * item);
  });
  return out;
}
