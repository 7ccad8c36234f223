/**
 * `npm run recipe -- sheet`: what the embedded model and the trained examples beside it do, as one picture to look at.
 * A row a prompt; columns: plain, inpainted, outpainted to the right, the middle of it enlarged by 4, a picture's edges
 * and what is drawn under them, in the style, with the word, with the hypernetwork.
 */

import path from 'node:path';
import sharp, { type OverlayOptions } from 'sharp';
import { InternalError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { canny } from '#pipelines/annotators/canny';
import {
  type GenerateEvent,
  type GeneratePictures,
  type GenerateSettings,
  generateSchema,
  type PictureEngine,
} from '#pipelines/request';
import { upscaleSchema } from '#pipelines/upscale/request';
import { ownExamples } from '#studio/library/roots';
import { createEngine } from '../../src/engine-main.ts';
import { edgeThresholds } from './control-run.ts';
import { objectKinds, type Place, placePhrases, places, type TimeOfDay, timePhrases } from './scenes/catalog.ts';
import { seededRandom } from './scenes/random.ts';
import { createSceneRenderer } from './scenes/render.ts';

const side = 128;
const gap = 4;

interface Row {
  readonly object: string;
  readonly place: Place;
  readonly time: TimeOfDay;
  /** What is painted into the middle. */
  readonly painted: string;
  readonly seed: number;
}

const rows: readonly Row[] = [
  { object: 'fox', place: 'snow', time: 'day', painted: 'a penguin', seed: 4 },
  { object: 'boat', place: 'sea', time: 'day', painted: 'a whale', seed: 3 },
];

export async function writeExampleSheet(file: string, note: (message: string) => void): Promise<void> {
  const engine = createEngine({ device: 'cpu', modelRoots: [ownExamples], options: {} });
  const pictures: OverlayOptions[] = [];
  let width = 0;
  try {
    for (const [line, row] of rows.entries()) {
      let left = 0;
      for (const picture of await drawRow(engine, row, note)) {
        pictures.push({ ...placed(picture), left, top: line * (side + gap) });
        left += picture.width + gap;
      }
      width = Math.max(width, left - gap);
    }
  } finally {
    await engine.dispose();
  }
  const height = rows.length * (side + gap) - gap;
  await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(pictures)
    .png({ palette: true, quality: 90 })
    .toFile(path.resolve(file));
}

async function drawRow(engine: PictureEngine, row: Row, note: (message: string) => void): Promise<PixelImage[]> {
  const { object, place, time, painted, seed } = row;
  const where = `${placePhrases[place][0]!} ${timePhrases[time][0]!}`;
  const prompt = `a ${object} ${where}`;
  const draw = async (settings: GenerateSettings, given: GeneratePictures = {}): Promise<PixelImage> => {
    note(settings.prompt ?? '');
    const request = { ...generateSchema.parse({ seed, ...settings }), ...given };
    return await pictureOf(engine.generate(request), note);
  };
  const plain = await draw({ prompt });
  const large = await pictureOf(engine.upscale({ ...upscaleSchema.parse({ by: 4 }), init: plain }), note);
  const edges = await edgesOf(row);
  const control = { module: 'none', model: 'mini-edges' };
  return [
    plain,
    await draw({ prompt: `${painted} ${where}`, denoisingStrength: 0.9 }, { init: plain, mask: middleMask() }),
    await draw({ prompt, outpaintRight: side / 2 }, { init: plain }),
    middleOf(large),
    edges,
    await draw({ prompt, controls: [control] }, { controlPictures: [{ image: edges }] }),
    await draw({ prompt: `${prompt} <lora:mini-woodcut:1>` }),
    await draw({ prompt: `a polarbear ${where}` }),
    await draw({ prompt: `a ${object} ${placePhrases[place][0]!} <hypernet:mini-sunset:1>` }),
  ];
}

async function pictureOf(events: AsyncIterable<GenerateEvent>, note: (message: string) => void): Promise<PixelImage> {
  let image: PixelImage | undefined;
  for await (const event of events) {
    if (event.type === 'warning') note(event.message);
    if (event.type === 'image') image = event.image;
  }
  if (!image) throw new InternalError('the engine drew no picture');
  return image;
}

/** Of a rendered scene of the row's object and place, at dusk: its edges tell nothing of colours. */
async function edgesOf({ object, place, seed }: Row): Promise<PixelImage> {
  const renderer = await createSceneRenderer(side);
  const index = objectKinds.findIndex(({ name }) => name === object);
  const scene = {
    layout: 'single',
    object: index,
    place: places.find((p) => p === place)!,
    time: 'sunset',
    size: 'large',
  };
  const data = renderer.render(scene as Parameters<typeof renderer.render>[0], seededRandom(seed, 1));
  const {
    width,
    height,
    channels,
    data: grey,
  } = canny({ width: side, height: side, channels: 3, data }, ...edgeThresholds);
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => grey[Math.floor(i / 3) * channels]!);
  return { width, height, channels: 3, data: rgb };
}

/** White where the middle is painted anew. */
function middleMask(): PixelImage {
  const data = Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return x > side * 0.15 && x < side * 0.85 && y > side * 0.25 ? 255 : 0;
  });
  return { width: side, height: side, channels: 1, data };
}

/** As many pixels as the others have, from the middle of an enlarged one. */
function middleOf({ width, height, channels, data }: PixelImage): PixelImage {
  const out = new Uint8Array(side * side * channels);
  const [left, top] = [(width - side) >> 1, (height - side) >> 1];
  for (let y = 0; y < side; y++) {
    const start = ((top + y) * width + left) * channels;
    out.set(data.subarray(start, start + side * channels), y * side * channels);
  }
  return { width: side, height: side, channels, data: out };
}

function placed({ width, height, channels, data }: PixelImage): Pick<OverlayOptions, 'input' | 'raw'> {
  return { input: Buffer.from(data), raw: { width, height, channels } };
}
