/**
 * Scores a model on prompts held out from training: pictures are made by the product's own pipeline and judged by the
 * evaluator network. What is reported is the share of pictures whose object, place and time are named as asked.
 */

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
import { type EvaluationPrompt, evaluationPrompts } from './scenes/prompts.ts';
import { type EvaluatorLabel, type EvaluatorNetwork, evaluatorGraph, evaluatorLabels } from './tasks/evaluator.ts';

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
  /** Fields of the request beside prompt and seed. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly count: number;
  readonly seed: number;
  readonly onPicture?: (judged: JudgedPicture, done: number) => void;
}

export interface JudgedPicture {
  readonly prompt: EvaluationPrompt;
  readonly image: PixelImage;
  /** Class indices that the evaluator gave. */
  readonly seen: Readonly<Record<EvaluatorLabel, number>>;
}

export interface EvaluationReport {
  readonly count: number;
  /** Share of pictures with the right label. */
  readonly accuracy: Readonly<Record<EvaluatorLabel, number>>;
  /** Objects by share of right pictures, worst first. */
  readonly objects: readonly { readonly name: string; readonly asked: number; readonly right: number }[];
}

export async function evaluateModel(options: EvaluationOptions): Promise<EvaluationReport> {
  const { engine, backend, network, weights, count, seed, onPicture } = options;
  const judge = await backend.compile(evaluatorGraph(network, 1), { weights: memoryWeights(weights) });
  const judged: JudgedPicture[] = [];
  try {
    for (const [n, prompt] of evaluationPrompts(count).entries()) {
      const request = generateSchema.parse({ ...options.request, prompt: prompt.prompt, seed: seed + n });
      for await (const event of engine.generate(request)) {
        if (event.type !== 'image') continue;
        const { image } = event;
        const planes = pixelsToPlanes(image.data, 1, network.size);
        const logits = await judge.run({ image: f32([1, 3, network.size, network.size], planes) });
        judged.push({ prompt, image, seen: labelsOfLogits(logits) });
        onPicture?.(judged.at(-1)!, judged.length);
      }
    }
  } finally {
    await judge.dispose();
  }
  return report(judged);
}

function labelsOfLogits(logits: Readonly<Record<string, HostTensor>>): Record<EvaluatorLabel, number> {
  const best = (label: EvaluatorLabel): number => {
    const values = logits[label]!.data as Float32Array;
    return values.indexOf(Math.max(...values));
  };
  return { object: best('object'), place: best('place'), time: best('time') };
}

function report(judged: readonly JudgedPicture[]): EvaluationReport {
  const share = (label: EvaluatorLabel): number =>
    judged.filter((j) => j.seen[label] === j.prompt.labels[label]).length / judged.length;
  const objects = objectKinds.map(({ name }, object) => {
    const asked = judged.filter((j) => j.prompt.labels.object === object);
    return { name, asked: asked.length, right: asked.filter((j) => j.seen.object === object).length };
  });
  return {
    count: judged.length,
    accuracy: Object.fromEntries(evaluatorLabels.map((l) => [l, share(l)])) as Record<EvaluatorLabel, number>,
    objects: objects.filter((o) => o.asked > 0).sort((a, b) => a.right / a.asked - b.right / b.asked),
  };
}

/** Words for what the evaluator saw. */
export function describeSeen({ seen }: JudgedPicture): string {
  return `${objectKinds[seen.object]!.name}, ${places[seen.place]!}, ${times[seen.time]!}`;
}
