/**
 * Draws one tiny picture on WebGPU and on the CPU, in a process of its own, and prints one line of JSON: the largest and
 * the mean difference of their values (of 255), or `{unavailable}` where no adapter can be had.
 */

import { fileURLToPath } from 'node:url';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { EngineError } from '#engine/errors';
import { createPictureEngine } from '#pipelines/engine';
import { generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';

export type PictureReport =
  | { readonly unavailable: string }
  | { readonly largest: number; readonly mean: number; readonly spread: number };

const model = fileURLToPath(new URL('../goldens/data/models/tiny-sd1/tiny-sd1.safetensors', import.meta.url));

async function draw(device: 'cpu' | 'webgpu'): Promise<Uint8Array> {
  const backend = createOrtNodeBackend({ device });
  const engine = createPictureEngine({ backend, openModel: modelOpener([]) });
  // 8 x 8 latents: attention beyond 32 x 32, where software Vulkan gets the fused form wrong.
  const asked = generateSchema.parse({ model, prompt: 'a fox', steps: 1, seed: 3 });
  const request = { ...asked, width: 16, height: 16 };
  try {
    for await (const event of engine.generate(request)) if (event.type === 'image') return event.image.data;
    throw new Error('no picture came');
  } finally {
    await engine.dispose();
  }
}

async function compare(): Promise<PictureReport> {
  const cpu = await draw('cpu');
  const gpu = await draw('webgpu');
  const differences = Array.from(cpu, (value, i) => Math.abs(value - gpu[i]!));
  return {
    largest: Math.max(...differences),
    mean: differences.reduce((sum, d) => sum + d, 0) / differences.length,
    spread: Math.max(...cpu) - Math.min(...cpu),
  };
}

const report = await compare().catch((error: unknown): PictureReport => {
  if (error instanceof EngineError && error.failure === 'unavailable') return { unavailable: error.message };
  throw error;
});
console.log(JSON.stringify(report));
process.exit(0);
