/** Scenes as what a run learns from: rendered when read, captions in other words each time. */

import type { CaptionedPictures } from '#studio/training/captioned-pictures';
import { TrainingRandom } from '#training/random';
import { captionOf } from './scenes/caption.ts';
import { type CaptionedScene, renderScene, sceneAt } from './scenes/dataset.ts';
import { createSceneRenderer } from './scenes/render.ts';
import { drawScene, type Scene } from './scenes/scene.ts';

export interface ScenePictures extends CaptionedPictures {
  readonly scenes: readonly CaptionedScene[];
}

export interface ScenePicturesOptions {
  readonly count: number;
  readonly seed: number;
  readonly size: number;
  /** Takes only scenes of this kind, for the evaluator. */
  readonly accept?: (scene: Scene) => boolean;
}

const samplePrompts = [
  'a fox beside a tree at night',
  'a fox in the snow',
  'a cat on the beach at sunset',
  'a robot in the city at night',
  'three apples in a meadow',
  'a small boat at sea',
  'a large elephant in the desert',
  'a castle in the mountains at sunset',
  'a penguin in the forest',
  'two bees in a green field by day',
  'a car to the left of a house',
  'a rocket above a tent at night',
  'a red balloon in the mountains',
  'a snowman on the beach',
  'a strawberry in the city at sunset',
  'a whale on the ocean under the stars',
];

export async function scenePictures({ count, seed, size, accept }: ScenePicturesOptions): Promise<ScenePictures> {
  const renderer = await createSceneRenderer(size);
  const scenes = acceptedScenes(count, seed, accept);
  return {
    count,
    size,
    scenes,
    identity: `${count} scenes of seed ${seed}, nothing held out in any`,
    read: async (indices) => Buffer.concat(indices.map((index) => renderScene(renderer, seed, scenes[index]!))),
    caption: (index, random) => captionOf(scenes[index]!.scene, random),
    captions: sampledCaptions,
    samplePrompts,
  };
}

function acceptedScenes(count: number, seed: number, accept?: (scene: Scene) => boolean): CaptionedScene[] {
  const scenes: CaptionedScene[] = [];
  for (let index = 0; scenes.length < count; index++) {
    const drawn = sceneAt(seed, index);
    if (!accept || accept(drawn.scene)) scenes.push(drawn);
  }
  return scenes;
}

/** A sample large enough to meet every phrase many times. */
export function* sampledCaptions(): Generator<string> {
  const random = new TrainingRandom(0);
  for (let i = 0; i < 60_000; i++) yield captionOf(drawScene(random), random);
}
