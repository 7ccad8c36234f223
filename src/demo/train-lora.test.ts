/** What the page without a server does in its worker, here on the CPU: a file that was chosen, a LoRA of two pictures. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { createPictureEngine } from '#pipelines/engine';
import { generateSchema } from '#pipelines/request';
import type { StepReport } from '#training/loop';
import { openSmallestInPage } from '../../test/fixtures/smallest-in-page.ts';
import { smallestModel } from '../../test/fixtures/smallest-model.ts';
import { loraPath, openPageModel, pageModelOpener } from './page-model.ts';
import { trainLora } from './train-lora.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-demo-'));
const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(async () => {
  await backend.dispose();
  rmSync(folder, { recursive: true });
});

const plain = (...colour: number[]): PixelImage => ({
  width: 16,
  height: 16,
  channels: 3,
  data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => colour[i % 3]!),
});

describe('the page without a server', () => {
  it('draws as a model prefers, by what lies beside its file, else by its name', async () => {
    const { files, model } = await openSmallestInPage(folder);
    expect(model.preference).toEqual({});
    files.add('smallest.json', new Blob(['{"preferred": {"cfgScale": 3, "mood": "dark"}}']));
    expect((await openPageModel(files, 'smallest.safetensors')).preference).toEqual({ cfgScale: 3 });
    files.add('smallest.darkroom.json', new Blob(['{broken']));
    expect((await openPageModel(files, 'smallest.safetensors')).preference).toEqual({ cfgScale: 3 });
    files.add('tiny_lcm.safetensors', new Blob(smallestModel()));
    expect((await openPageModel(files, 'tiny_lcm.safetensors')).preference).toMatchObject({ sampler: 'LCM' });
  });

  it('trains a LoRA on pictures, and prompts use it', async () => {
    const { files, model } = await openSmallestInPage(folder);
    const losses: number[] = [];
    const chunks = await trainLora({
      name: 'zorb',
      pictures: [plain(200, 40, 40), plain(220, 60, 30)].map((image) => ({ image, caption: 'a zorb' })),
      settings: { max_train_steps: 3, learning_rate: 0.05, network_dim: 2 },
      model,
      backend,
      signal: new AbortController().signal,
      report: ({ metrics }: StepReport) => void losses.push(metrics.loss!),
    });
    expect(losses).toHaveLength(3);
    expect(losses.every(Number.isFinite)).toBe(true);
    files.add(loraPath('zorb'), new Blob(chunks));
    const open = { ...backend, dispose: () => Promise.resolve() };
    const engine = createPictureEngine({ backend: open, openModel: pageModelOpener(files, () => model) });
    const draw = async (prompt: string): Promise<Uint8Array> => {
      const request = { ...generateSchema.parse({ prompt, steps: 1, seed: 1 }), width: 16, height: 16 };
      for await (const event of engine.generate(request)) if (event.type === 'image') return event.image.data;
      throw new Error('no picture came');
    };
    const [without, withIt] = [await draw('a zorb'), await draw('a zorb <lora:zorb:1>')];
    expect(Buffer.compare(without, withIt)).not.toBe(0);
    await engine.dispose();
  });

  it('says what pictures and settings do not fit', async () => {
    const { model } = await openSmallestInPage(folder);
    const asked = {
      name: 'a',
      pictures: [],
      settings: {},
      model,
      backend,
      signal: new AbortController().signal,
      report: () => {},
    };
    await expect(trainLora(asked)).rejects.toThrow('no picture');
    const pictures = [{ image: plain(1, 2, 3), caption: '' }];
    await expect(trainLora({ ...asked, pictures, settings: { max_train_steps: 0 } })).rejects.toThrow(
      'max_train_steps',
    );
  });
});
