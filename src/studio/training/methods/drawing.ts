/** Pictures from a result as users will draw them: the pipeline finds the written file in the run's folder. */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateSettings, generateSchema } from '#pipelines/request';
import type { SamplePrompt } from '#training/captions';
import { modelOpener } from '../../library/open-model.ts';

export interface DrawingOptions {
  readonly backend: Backend;
  /** Model that is drawn with: name or path. */
  readonly model: string;
  readonly vae: string | undefined;
  /** Where models are found, the result among them. */
  readonly roots: readonly string[];
  readonly size: { readonly width: number; readonly height: number };
  /** What a prompt does not say. */
  readonly usual?: Partial<GenerateSettings>;
}

/** How pictures of a training are drawn where nobody says it, by what draws them. */
export const usualDrawing = {
  /** A model that could draw before. */
  adapted: { steps: 16, cfgScale: 5 },
  /** A model of a few thousand steps, by words or by classes: more guidance burns it. */
  fresh: { steps: 30, cfgScale: 3 },
  /** Nothing to be guided by. */
  unconditional: { steps: 30, cfgScale: 1 },
  /** Every row of a grid with the same noise. */
  grid: { steps: 20, cfgScale: 4, sampler: 'DDIM' },
} satisfies Readonly<Record<string, Partial<GenerateSettings>>>;

/** @throws what the pipeline throws */
export async function draw(options: DrawingOptions, prompts: readonly SamplePrompt[]): Promise<PixelImage[]> {
  const { backend, model, vae, roots, size, usual = usualDrawing.adapted } = options;
  const engine = createPictureEngine({
    // The training goes on with the backend.
    backend: { ...backend, dispose: () => Promise.resolve() },
    openModel: modelOpener(roots),
  });
  const images: PixelImage[] = [];
  try {
    for (const prompt of prompts) {
      const asked = generateSchema.safeParse({ ...usual, ...size, ...prompt, model, vae });
      if (!asked.success) {
        const [issue] = asked.error.issues;
        throw new UserError('training.prompt', `sample_prompts: ${issue!.path.join('.')}: ${issue!.message}`);
      }
      for await (const event of engine.generate(asked.data)) if (event.type === 'image') images.push(event.image);
    }
  } finally {
    await engine.dispose();
  }
  return images;
}

/** Pictures side by side in rows, in the size of the first. */
export function sheet(images: readonly PixelImage[], columns: number): PixelImage {
  const { width, height } = images[0]!;
  const rows = Math.ceil(images.length / columns);
  const data = new Uint8Array(columns * width * rows * height * 3).fill(255);
  for (const [n, image] of images.entries()) {
    const [left, top] = [(n % columns) * width, Math.floor(n / columns) * height];
    for (let y = 0; y < Math.min(height, image.height); y++) {
      for (let x = 0; x < Math.min(width, image.width); x++) {
        const from = (y * image.width + x) * image.channels;
        const to = ((top + y) * columns * width + left + x) * 3;
        data.set(image.data.subarray(from, from + 3), to);
      }
    }
  }
  return { width: columns * width, height: rows * height, channels: 3, data };
}
