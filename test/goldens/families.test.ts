/** cpu: SD 2, SDXL, upscalers and tiny autoencoders on tiny random models: networks, file names and whole pictures against their expected values. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { f32 } from '#core/tensor';
import { loadCheckpoint } from '#models/load';
import type { SdxlConfig } from '#models/sdxl/config';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateInput, generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';
import { modelFiles, suites, unetAlone } from './suites.ts';

const data = fileURLToPath(new URL('./data', import.meta.url));
const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

describe.each([
  ['models/tiny-sd2/cases.json', 16],
  ['models/tiny-sdxl/cases.json', 20],
  ['models/tiny-sdxl-inpaint/cases.json', 4],
  ['models/tiny-sdxl-refiner/cases.json', 7],
  ['models/upscalers/cases.json', 14],
  ['models/tiny-taesd/cases.json', 11],
  ['models/tiny-controlnet/cases.json', 14],
  ['models/tiny-controlnet-xl/cases.json', 13],
  ['models/tiny-t2i-adapter/cases.json', 8],
  ['models/tiny-ip-adapter/cases.json', 30],
  ['models/keys/controlnet-sd15.single.json', 4],
  ['models/keys/sd21-v.single.json', 5],
  ['models/keys/sdxl-base.single.json', 6],
])('%s', (fixture, least) => {
  it('is met', async () => {
    const suite = suites.find((each) => each.fixture === fixture)!;
    const file = join(data, fixture);
    expect(existsSync(file)).toBe(true);
    let checked = 0;
    for await (const outcome of suite.run(file, backend)) {
      if ('skipped' in outcome) continue;
      checked++;
      expect(outcome.error, outcome.name).toBeLessThanOrEqual(outcome.tolerance);
    }
    expect(checked).toBeGreaterThanOrEqual(least);
  });
});

/** The first models for SDXL and inpainting have as many channels as groups, and so cannot: these stand beside them. */
describe('the timestep', () => {
  it.each([
    ['tiny-sdxl-inpaint', 'tiny-sdxl-inpaint-unet.safetensors'],
    ['tiny-sdxl-refiner', 'tiny-sdxl-refiner.safetensors'],
  ])('is seen by %s', async (name, file) => {
    const folder = join(data, 'models', name);
    const known = unetAlone(join(folder, 'unet', 'config.json'));
    const model = await loadCheckpoint(modelFiles, `${folder}/${file}`, {
      partial: true,
      families: known,
    });
    expect(model.parts.finishesOnly ?? false).toBe(name === 'tiny-sdxl-refiner');
    const { graph, inChannels, contextWidth } = model.parts.denoiser;
    const vectorWidth = (model.config as SdxlConfig).unet.vectorWidth!;
    const values = (...shape: number[]) => f32(shape, new TorchCpuGenerator(1).randn(shape));
    const session = await backend.compile(graph(), { weights: model.weights });
    const predict = async (timestep: number): Promise<Float32Array> => {
      const feeds = {
        sample: values(1, inChannels, 8, 8),
        context: values(1, 77, contextWidth),
        vector: values(1, vectorWidth),
      };
      const { prediction } = await session.run({ ...feeds, timestep: f32([1], Float32Array.of(timestep)) });
      return prediction!.data as Float32Array;
    };
    const [early, late] = [await predict(900), await predict(10)];
    const scale = Math.max(...early.map(Math.abs));
    expect(Math.max(...early.map((v, i) => Math.abs(v - late[i]!))) / scale).toBeGreaterThan(0.01);
    await session.dispose();
  });
});

describe('the picture engine', () => {
  const open = modelOpener([]);
  const engine = createPictureEngine({ backend, openModel: open });
  const draw = async (fields: GenerateInput): Promise<{ width: number; data: Uint8Array }> => {
    const request = generateSchema.parse({ steps: 3, seed: 3, width: 64, height: 64, ...fields });
    for await (const event of engine.generate(request)) {
      if (event.type === 'image') return { width: event.image.width, data: Uint8Array.from(event.image.data) };
    }
    throw new Error('no picture came');
  };

  it.each(['tiny-sd2', 'tiny-sdxl'])('draws with %s, by its words', async (name) => {
    const model = join(data, `models/${name}/${name}.safetensors`);
    const fox = await draw({ model, prompt: 'a fox' });
    expect(fox.width).toBe(64);
    expect(await draw({ model, prompt: 'a fox' })).toEqual(fox);
    expect((await draw({ model, prompt: 'snow' })).data).not.toEqual(fox.data);
    expect((await draw({ model, prompt: 'a fox', negativePrompt: 'snow' })).data).not.toEqual(fox.data);
  });

  it('skips layers of SDXL’s first text encoder where told to, counted from its last one', async () => {
    const model = join(data, 'models/tiny-sdxl/tiny-sdxl.safetensors');
    const fox = await draw({ model, prompt: 'a fox' });
    const skipped = async (clipSkip: number) => await draw({ model, prompt: 'a fox', clipSkip, clipSkipSdxl: true });
    expect(await skipped(2)).toEqual(fox);
    expect((await skipped(1)).data).not.toEqual(fox.data);
    expect((await skipped(3)).data).not.toEqual(fox.data);
  });
});
