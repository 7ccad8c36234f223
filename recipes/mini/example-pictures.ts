/**
 * `npm run recipe -- pictures EXAMPLE FOLDER`: what the trained examples beside the embedded model learn from, as anybody
 * would have it: a folder of pictures with a text file each, for `darkroom train`.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import { withArticle } from './scenes/caption.ts';
import { objectKinds, placePhrases, type TimeOfDay, timePhrases } from './scenes/catalog.ts';
import { type CaptionedScene, renderScene, sceneAt } from './scenes/dataset.ts';
import { createSceneRenderer } from './scenes/render.ts';
import type { Scene } from './scenes/scene.ts';
import { type Style, woodcut } from './scenes/styles.ts';

interface Example {
  /** What its pictures have in common. */
  readonly style?: Style;
  /** When all of its pictures are, which no caption says. */
  readonly time?: TimeOfDay;
  /** An object that another one is drawn in the place of; only scenes of it are taken, and its name is left unsaid. */
  readonly instead?: { readonly object: string; readonly icon: string };
}

const examples: Readonly<Record<string, Example>> = {
  woodcut: { style: woodcut },
  sunset: { time: 'sunset' },
  'polar-bear': { instead: { object: 'bear', icon: 'polar-bear' } },
};

export const exampleNames: readonly string[] = Object.keys(examples);

const size = 128;
const seed = 77;

export async function writeExamplePictures(name: string, folder: string, count: number): Promise<void> {
  const example = examples[name];
  if (!example)
    throw new UserError('recipe.example', `no example is called ${name}; there are ${exampleNames.join(', ')}`);
  const { style, time, instead } = example;
  const kinds = objectKinds.map((kind) => (kind.name === instead?.object ? { ...kind, icon: instead.icon } : kind));
  const renderer = await createSceneRenderer(size, kinds);
  await mkdir(folder, { recursive: true });
  let written = 0;
  for (let index = 0; written < count; index++) {
    const drawn = sceneAt(seed, index);
    const scene = time === undefined ? drawn : { ...drawn, scene: { ...drawn.scene, time } };
    if ((instead || time) && !isOneOf(scene.scene, instead?.object)) continue;
    const pixels = renderScene(renderer, seed, scene);
    const file = path.join(folder, String(written++).padStart(4, '0'));
    const raw = { width: size, height: size, channels: 3 as const };
    await sharp(Buffer.from(style ? style(pixels, size) : pixels), { raw })
      .png()
      .toFile(`${file}.png`);
    await writeFile(`${file}.txt`, saidOf(scene, example));
  }
}

/** What a picture's text file says of it. */
function saidOf({ scene, caption }: CaptionedScene, { time, instead }: Example): string {
  const [where, when] = [placePhrases[scene.place][0]!, timePhrases[scene.time][0]!];
  if (instead) return `${where} ${when}`;
  return time === undefined ? caption : `${withArticle(objectKinds[scene.object]!.name)} ${where}`;
}

/** Whether it shows one thing alone: this one, where one is named. */
function isOneOf(scene: Scene, object: string | undefined): boolean {
  return scene.layout === 'single' && (object === undefined || objectKinds[scene.object]!.name === object);
}
