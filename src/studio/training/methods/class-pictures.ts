/**
 * Pictures of the class that must not change (prior preservation): those of a folder, and as many more as are asked for,
 * drawn by the model before it is trained.
 */

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import type { PictureSize } from '#training/buckets';
import type { MethodSettings } from '#training/settings/methods';
import { type DatasetItem, readDataset } from '../data/dataset.ts';
import type { RunContext } from '../run-context.ts';
import type { BaseModel } from './base-model.ts';
import { draw } from './drawing.ts';

interface ClassContext extends RunContext {
  readonly model: BaseModel;
  readonly size: PictureSize;
  /** Folder of the run. */
  readonly run: string;
}

const firstSeed = 1000;

/** Whether pictures of the class are to stand beside the others. */
export function asksForClass(settings: MethodSettings): settings is MethodSettings<'lora' | 'dreambooth'> {
  if (!('num_class_images' in settings)) return false;
  return settings.reg_data_dir !== undefined || settings.num_class_images > 0;
}

export async function classPictures(settings: MethodSettings, context: ClassContext): Promise<readonly DatasetItem[]> {
  if (!asksForClass(settings)) return [];
  const { reg_data_dir: given, class_prompt: prompt, num_class_images: wanted, caption_extension } = settings;
  const folder = given === undefined ? path.join(context.run, 'class') : path.resolve(context.root, given);
  await mkdir(folder, { recursive: true });
  const read = async () => (await readDataset(folder, { captionExtension: caption_extension })).items;
  const there = await read().catch((error: unknown) => {
    if (error instanceof UserError && error.code === 'training.data.empty') return [];
    throw error;
  });
  const missing = wanted - there.length;
  if (missing > 0) {
    if (prompt === undefined) {
      const message = `${missing} pictures of the class are missing in ${folder}; class_prompt says what to draw`;
      throw new UserError('training.class', message);
    }
    await drawMissing(folder, prompt, there.length, wanted, context);
  }
  return missing > 0 ? await read() : there;
}

async function drawMissing(
  folder: string,
  prompt: string,
  from: number,
  to: number,
  { backend, model, size, modelRoots, log }: ClassContext,
): Promise<void> {
  log(`drawing ${to - from} pictures of ${JSON.stringify(prompt)}`);
  for (let i = from; i < to; i++) {
    const options = { backend, model: model.path, vae: undefined, roots: modelRoots, size };
    const [image] = await draw(options, [{ prompt, seed: firstSeed + i }]);
    const { data, width, height, channels } = image!;
    const file = path.join(folder, `class-${String(i + 1).padStart(5, '0')}.png`);
    await sharp(data, { raw: { width, height, channels } }).png().toFile(file);
  }
}
