/**
 * Scenes in bulk: a stream of them, and a data set on disk that is written once and read by index.
 *
 * Scene n of a seed has its own random stream, so that it is the same whether made alone, in a run or after a restart.
 * On disk: `scenes.bin`, RGB bytes [count, size, size, 3]; `captions.json`, captions and labels in the same order,
 * written first. An interrupted `scenes.bin` is continued after its last whole picture.
 */

import { type FileHandle, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#core/errors';
import { captionOf } from './caption.ts';
import { seededRandom } from './random.ts';
import { createSceneRenderer } from './render.ts';
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

/** Scenes `start` to `count` of a seed, one after the other. */
export async function* generateScenes(options: DatasetOptions & { start?: number }): AsyncGenerator<RenderedScene> {
  const { count, seed, size, start = 0 } = options;
  const renderer = await createSceneRenderer(size);
  for (let index = start; index < count; index++) {
    const drawn = sceneAt(seed, index);
    yield { ...drawn, pixels: renderer.render(drawn.scene, seededRandom(seed, 2 * index + 1)) };
  }
}

interface CaptionsFile extends DatasetOptions {
  readonly captions: readonly string[];
  readonly labels: readonly SceneLabels[];
}

/** Pictures gathered between two writes. */
const picturesPerWrite = 64;

/** Writes a data set into a directory, or continues one that was interrupted. */
export async function writeSceneDataset(
  directory: string,
  options: DatasetOptions,
  onProgress?: (done: number) => void,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeCaptions(join(directory, 'captions.json'), options);
  const item = options.size ** 2 * 3;
  const file = await open(join(directory, 'scenes.bin'), 'a+');
  try {
    const done = Math.floor((await file.stat()).size / item);
    await file.truncate(done * item);
    let waiting: Uint8Array[] = [];
    for await (const { index, pixels } of generateScenes({ ...options, start: done })) {
      waiting.push(pixels);
      if (waiting.length < picturesPerWrite && index + 1 < options.count) continue;
      await file.appendFile(Buffer.concat(waiting));
      waiting = [];
      onProgress?.(index + 1);
    }
  } finally {
    await file.close();
  }
}

async function writeCaptions(path: string, { count, seed, size }: DatasetOptions): Promise<void> {
  const scenes = Array.from({ length: count }, (_, index) => sceneAt(seed, index));
  const contents: CaptionsFile = {
    count,
    seed,
    size,
    captions: scenes.map((s) => s.caption),
    labels: scenes.map((s) => s.labels),
  };
  const text = JSON.stringify(contents);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known === text) return;
  if (known !== undefined) {
    throw new UserError(
      'scenes.other-dataset',
      `${path} belongs to another data set than ${count} scenes of seed ${seed} at ${size} pixels; give an empty directory or delete it.`,
    );
  }
  await writeFile(path, text);
}

export interface SceneDataset extends CaptionsFile {
  /** RGB bytes [indices.length, size, size, 3] of the pictures at `indices`. */
  read(indices: readonly number[]): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens a complete data set for reading. */
export async function openSceneDataset(directory: string): Promise<SceneDataset> {
  const contents = JSON.parse(await readFile(join(directory, 'captions.json'), 'utf8')) as CaptionsFile;
  const path = join(directory, 'scenes.bin');
  const item = contents.size ** 2 * 3;
  const { size: bytes } = await stat(path);
  if (bytes !== contents.count * item) {
    throw new UserError(
      'scenes.incomplete-dataset',
      `${path} has ${bytes} bytes; ${contents.count} pictures take ${contents.count * item}. Write the data set again to continue it.`,
    );
  }
  const file: FileHandle = await open(path, 'r');
  return {
    ...contents,
    async read(indices) {
      const out = new Uint8Array(indices.length * item);
      for (const [n, index] of indices.entries()) await file.read(out, n * item, item, index * item);
      return out;
    },
    close: () => file.close(),
  };
}
