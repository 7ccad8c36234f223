/**
 * Scores a model on prompts held out from training: pictures are made by the product's own pipeline and judged by the
 * evaluator network. What is reported is the share of pictures whose object, place and time are named as asked; of
 * several objects each is looked at alone, as large as the network knows it.
 */

import sharp from 'sharp';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { readSafetensorsHeader } from '#formats/safetensors';
import { generateSchema, type PictureEngine } from '#pipelines/request';
import { nodeModelFiles } from '#studio/files/model-files';
import { memoryWeights } from '#studio/training/session-weights';
import { readTensorFile } from '#studio/training/tensor-file';
import { pixelsToPlanes } from '#training/tasks/autoencoder';
import { objectKinds, places, times } from './scenes/catalog.ts';
import { type Placement, placementsOf } from './scenes/layout.ts';
import { type EvaluationPrompt, evaluationPrompts } from './scenes/prompts.ts';
import { seededRandom } from './scenes/random.ts';
import type { SceneRenderer } from './scenes/render.ts';
import type { Scene } from './scenes/scene.ts';
import { type EvaluatorLabel, type EvaluatorNetwork, evaluatorGraph } from './tasks/evaluator.ts';

/** Where an evaluator's file keeps the sizes of its network. */
export const evaluatorNetworkKey = 'darkroom.evaluator';

/** An evaluator's network and weights from its file. */
export async function readEvaluator(
  file: string,
): Promise<{ network: EvaluatorNetwork; weights: Map<string, HostTensor> }> {
  const { metadata } = await readSafetensorsHeader(await nodeModelFiles.source(file));
  const text = metadata[evaluatorNetworkKey];
  if (text === undefined) {
    throw new UserError('evaluate.evaluator', `${file} is no evaluator: its metadata has no ${evaluatorNetworkKey}`);
  }
  return { network: JSON.parse(text) as EvaluatorNetwork, weights: await readTensorFile(file) };
}

export interface EvaluationOptions {
  readonly engine: PictureEngine;
  readonly backend: Backend;
  readonly network: EvaluatorNetwork;
  readonly weights: ReadonlyMap<string, HostTensor>;
  readonly renderer: SceneRenderer;
  /** Fields of the request beside prompt and seed. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly count: number;
  readonly seed: number;
  readonly layout: Scene['layout'];
  readonly onPicture?: (judged: JudgedPicture, done: number) => void;
}

export interface JudgedPicture extends EvaluationPrompt {
  readonly image: PixelImage;
  /** Class indices that the evaluator gave. */
  readonly seen: Readonly<Record<EvaluatorLabel, number>>;
  /** What was found to be as asked, by measure. */
  readonly right: Readonly<Record<string, boolean>>;
}

export interface EvaluationReport {
  readonly count: number;
  /** Share of pictures that are right, by measure. */
  readonly accuracy: Readonly<Record<string, number>>;
  /** Objects by share of pictures that are right in the first measure, worst first. */
  readonly objects: readonly { readonly name: string; readonly asked: number; readonly right: number }[];
}

export async function evaluateModel(options: EvaluationOptions): Promise<EvaluationReport> {
  const { engine, backend, network, weights, renderer, count, seed, layout, onPicture } = options;
  const session = await backend.compile(evaluatorGraph(network, 1), { weights: memoryWeights(weights) });
  const judge: Judge = async (image) => {
    const planes = pixelsToPlanes(image.data, 1, network.size);
    return labelsOfLogits(await session.run({ image: f32([1, 3, network.size, network.size], planes) }));
  };
  const judged: JudgedPicture[] = [];
  try {
    for (const [n, { prompt, scene }] of evaluationPrompts(count, layout).entries()) {
      const request = generateSchema.parse({ ...options.request, prompt, seed: seed + n });
      for await (const event of engine.generate(request)) {
        if (event.type !== 'image') continue;
        const { image } = event;
        const seen = await judge(image);
        judged.push({ prompt, scene, image, seen, right: await rightIn(scene, image, seen, judge, renderer) });
        onPicture?.(judged.at(-1)!, judged.length);
      }
    }
  } finally {
    await session.dispose();
  }
  return report(judged);
}

type Judge = (image: PixelImage) => Promise<JudgedPicture['seen']>;

async function rightIn(
  scene: Scene,
  image: PixelImage,
  seen: JudgedPicture['seen'],
  judge: Judge,
  renderer: SceneRenderer,
): Promise<JudgedPicture['right']> {
  const around = { place: places[seen.place] === scene.place, time: times[seen.time] === scene.time };
  const named = async (of: Scene): Promise<boolean[]> =>
    await Promise.all(
      slotsOf(of).map(async (slot) => (await judge(await cropAround(image, slot))).object === slot.object),
    );
  const all = (found: readonly boolean[]): boolean => found.every(Boolean);
  switch (scene.layout) {
    case 'single':
      return { object: seen.object === scene.object, ...around };
    case 'pair': {
      const asked = all(await named(scene));
      const swapped = all(await named({ ...scene, object: scene.other, other: scene.object }));
      const both = asked || swapped;
      return { 'both objects': both, 'on the right sides': asked || (scene.relation === 'beside' && both), ...around };
    }
    case 'count': {
      const other = { ...scene, count: scene.count === 2 ? 3 : 2 } as const;
      const isNearer = distance(image, scene, renderer) < distance(image, other, renderer);
      return { count: isNearer && all(await named(scene)), ...around };
    }
  }
}

/** Renders that a scene is compared with: with so many nearly every view of a place is among them. */
const renders = 24;

/** Mean difference from the nearest render of a scene: squares around two objects alike do not tell two from three. */
function distance({ data }: PixelImage, scene: Scene, renderer: SceneRenderer): number {
  const distances = Array.from({ length: renders }, (_, seed) => {
    const render = renderer.render(scene, seededRandom(seed));
    return render.reduce((sum, value, i) => sum + Math.abs(value - data[i]!), 0) / render.length;
  });
  return Math.min(...distances);
}

/** Of "beside" the one of both orders that has the first object on the left. */
function slotsOf(scene: Scene): Placement[] {
  return placementsOf(scene, { uniform: () => 0, integer: () => 0 });
}

/** Share of its side that the object of a picture of one usually takes. */
const usualShare = 0.6;

/** The square around an object in which it is as large as where it is alone. */
async function cropAround(image: PixelImage, { x, y, size }: Placement): Promise<PixelImage> {
  const { data, width, height, channels } = image;
  const side = Math.round((size / usualShare) * width);
  const within = (start: number): number => Math.min(Math.max(Math.round(start), 0), width - side);
  const area = {
    left: within(x * width - side / 2),
    top: within((y + size / 2) * height + side / 16 - side),
    width: side,
    height: side,
  };
  const cropped = await sharp(data, { raw: { width, height, channels } })
    .extract(area)
    .resize(width, height, { kernel: 'cubic' })
    .raw()
    .toBuffer();
  return { ...image, data: cropped };
}

/** The class of each label that has the largest logit. */
export function labelsOfLogits(logits: Readonly<Record<string, HostTensor>>): Record<EvaluatorLabel, number> {
  const best = (label: EvaluatorLabel): number => {
    const values = logits[label]!.data as Float32Array;
    return values.indexOf(Math.max(...values));
  };
  return { object: best('object'), place: best('place'), time: best('time') };
}

function report(judged: readonly JudgedPicture[]): EvaluationReport {
  const measures = Object.keys(judged[0]?.right ?? {});
  const share = (measure: string): number => judged.filter(({ right }) => right[measure]).length / judged.length;
  const objects = objectKinds.map(({ name }, object) => {
    const asked = judged.filter(({ scene }) => scene.object === object);
    return { name, asked: asked.length, right: asked.filter(({ right }) => right[measures[0]!]).length };
  });
  return {
    count: judged.length,
    accuracy: Object.fromEntries(measures.map((measure) => [measure, share(measure)])),
    objects: objects.filter((o) => o.asked > 0).sort((a, b) => a.right / a.asked - b.right / b.asked),
  };
}

/** Words for what the evaluator saw, and for what is not as asked. */
export function describeSeen({ seen, right }: JudgedPicture): string {
  const wrong = Object.keys(right).filter((measure) => !right[measure]);
  const words = [objectKinds[seen.object]!.name, places[seen.place]!, times[seen.time]!].join(', ');
  return wrong.length === 0 ? words : `${words}; wrong: ${wrong.join(', ')}`;
}
