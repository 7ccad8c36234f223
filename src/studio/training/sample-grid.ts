/** A grid of pictures from a model in training: fixed prompts, fixed seeds, drawn as every picture is. */

import type { PixelImage } from '#core/image';
import type { HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import type { Sd1Config } from '#models/sd1/config';
import { sd1 } from '#models/sd1/family';
import { createPictureEngine } from '#pipelines/engine';
import { generateSchema } from '#pipelines/request';
import { pixelsToPlanes, tile } from '#training/tasks/autoencoder';
import { usualDrawing } from './methods/drawing.ts';
import { memoryWeights } from './session-weights.ts';

const columns = 8;
const firstSeed = 7;

export interface SampleGridOptions {
  readonly backend: Backend;
  readonly config: Sd1Config;
  readonly weights: ReadonlyMap<string, HostTensor>;
  readonly prompts: readonly string[];
  readonly size: number;
}

/** @throws what the engine throws, such as for weights that do not draw anything finite yet */
export async function sampleGrid(options: SampleGridOptions): Promise<PixelImage> {
  const { backend, config, weights, prompts, size } = options;
  const engine = createPictureEngine({
    // The run goes on with the backend.
    backend: { ...backend, dispose: () => Promise.resolve() },
    openModel: async () => ({
      reference: { name: 'model in training', family: sd1.id },
      parts: sd1.parts(config),
      weights: memoryWeights(weights),
      warnings: [],
    }),
  });
  const planes: Float32Array[] = [];
  try {
    for (const [n, prompt] of prompts.entries()) {
      const asked = generateSchema.parse({
        ...usualDrawing.grid,
        prompt: literally(prompt),
        seed: firstSeed + n,
        width: size,
        height: size,
      });
      for await (const event of engine.generate(asked)) {
        if (event.type === 'image') planes.push(pixelsToPlanes(event.image.data, 1, size));
      }
    }
  } finally {
    await engine.dispose();
  }
  const item = 3 * size * size;
  const all = new Float32Array(planes.length * item);
  planes.forEach((picture, n) => {
    all.set(picture, n * item);
  });
  return tile(all, planes.length, size, Math.min(columns, planes.length));
}

/** A caption's brackets are no syntax. */
function literally(caption: string): string {
  return caption.replace(/[\\()[\]]/g, '\\$&');
}
