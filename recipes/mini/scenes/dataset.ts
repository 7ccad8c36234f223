/**
 * Scenes in bulk. Scene n of a seed has its own random streams, so that it is the same whether made alone, in a run or
 * after a restart.
 */

import { captionOf } from './caption.ts';
import { seededRandom } from './random.ts';
import { createSceneRenderer, type SceneRenderer } from './render.ts';
import { drawScene, labelsOf, type Scene, type SceneLabels } from './scene.ts';

export interface DatasetOptions {
  readonly count: number;
  readonly seed: number;
  /** Side of the pictures in pixels. */
  readonly size: number;
}

export interface CaptionedScene {
  readonly index: number;
  readonly scene: Scene;
  readonly caption: string;
  readonly labels: SceneLabels;
}

export interface RenderedScene extends CaptionedScene {
  /** RGB bytes [size, size, 3]. */
  readonly pixels: Uint8Array;
}

/** Scene `index` of a seed with its caption, without its picture. */
export function sceneAt(seed: number, index: number): CaptionedScene {
  const random = seededRandom(seed, 2 * index);
  const scene = drawScene(random);
  return { index, scene, caption: captionOf(scene, random), labels: labelsOf(scene) };
}

/** RGB bytes [size, size, 3] of a scene of a seed. */
export function renderScene(renderer: SceneRenderer, seed: number, { scene, index }: CaptionedScene): Uint8Array {
  return renderer.render(scene, seededRandom(seed, 2 * index + 1));
}

/** The first `count` scenes of a seed, one after the other. */
export async function* generateScenes({ count, seed, size }: DatasetOptions): AsyncGenerator<RenderedScene> {
  const renderer = await createSceneRenderer(size);
  for (let index = 0; index < count; index++) {
    const drawn = sceneAt(seed, index);
    yield { ...drawn, pixels: renderScene(renderer, seed, drawn) };
  }
}
