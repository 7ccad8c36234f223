/** Second passes on tiny random models: hires fix in every mode, its own prompt, sampler and model, and the refiner. */

import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { Backend } from '#engine/backend';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, type GenerateInput, generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';
import { upscalerOpener } from '#studio/library/upscalers';

const models = fileURLToPath(new URL('../goldens/data/models', import.meta.url));
const sd2 = `${models}/tiny-sd2/tiny-sd2.safetensors`;
const own = fileURLToPath(new URL('../../models', import.meta.url));
const engine = createPictureEngine({
  backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }),
  openModel: modelOpener([]),
  openUpscaler: upscalerOpener([own]),
});
afterAll(() => engine.dispose());

async function run(fields: GenerateInput, options: Parameters<typeof engine.generate>[1] = {}) {
  const small = { width: 16, height: 24, ...fields };
  const { width, height, ...rest } = small;
  const request = {
    ...generateSchema.parse({ model: `${models}/tiny-sd1`, steps: 3, seed: 5, ...rest }),
    width,
    height,
  };
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate({ ...request, init: fields.init, mask: fields.mask }, options))
    events.push(event);
  return {
    images: events.filter((event) => event.type === 'image'),
    steps: events.filter((event) => event.type === 'step'),
    warnings: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  };
}

describe('hires fix', () => {
  it.each(['Latent', 'Latent (bicubic antialiased)', 'esrgan-medium-x2'])('enlarges by %s', async (upscaler) => {
    const { images, steps, warnings } = await run({
      prompt: 'a',
      hires: true,
      hiresUpscaler: upscaler,
      hiresSteps: 2,
    });
    const [{ image, infotext }] = images as [(typeof images)[number]];
    expect([image.width, image.height]).toEqual([32, 48]);
    expect(steps.map(({ step, steps: total }) => [step, total])).toEqual([1, 2, 3, 4, 5].map((step) => [step, 5]));
    expect(warnings).toEqual([]);
    expect(infotext).toContain('Size: 16x24');
    for (const part of [
      'Hires upscale: 2',
      'Hires steps: 2',
      `Hires upscaler: ${upscaler}`,
      'Denoising strength: 0.75',
    ]) {
      expect(infotext).toContain(part);
    }
  });

  it('compiles the network of each pass once for all batches, where there is room', async () => {
    const counted = async (limit: number): Promise<string[]> => {
      const compiled: string[] = [];
      const own = createOrtNodeBackend({ device: 'cpu', threads: 1 });
      const backend: Backend = {
        ...own,
        compile: async (graph, options) => {
          compiled.push(graph.name);
          return await own.compile(graph, options);
        },
      };
      const planned = createPictureEngine({
        backend,
        openModel: modelOpener([]),
        memory: { limit: () => limit, total: 1e12 },
      });
      const fields = { prompt: 'a', hires: true, batchCount: 3, steps: 2, seed: 1 };
      const request = { ...generateSchema.parse({ model: `${models}/tiny-sd1`, ...fields }), width: 16, height: 16 };
      for await (const event of planned.generate(request))
        if (event.type === 'image') expect(event.image.width).toBe(32);
      await planned.dispose();
      return compiled.filter((name) => /unet/i.test(name));
    };
    expect((await counted(1e12)).length).toBe(2);
    // Without room for both they take turns.
    expect((await counted(1)).length).toBeGreaterThan(2);
  });

  it('draws with its own prompt, sampler, CFG and model', async () => {
    const plain = (await run({ prompt: 'a', hires: true })).images[0]!;
    for (const change of [
      { hiresPrompt: 'a house' },
      { hiresSampler: 'Heun' },
      { hiresCfgScale: 2, denoisingStrength: 0.3 },
    ] as const) {
      const { images, warnings } = await run({ prompt: 'a', hires: true, ...change });
      expect(images[0]!.image.data, JSON.stringify(change)).not.toEqual(plain.image.data);
      expect(warnings).toEqual([]);
    }
    const other = await run({ prompt: 'a', hires: true, hiresModel: sd2 });
    expect(other.images[0]!.infotext).toMatch(/Hires checkpoint: tiny-sd2/);
    expect(other.images[0]!.model.name).toBe('tiny-sd1');
  });

  it('covers a size of another shape and cuts the rest off', async () => {
    const { images } = await run({ prompt: 'a', hires: true, hiresWidth: 40, hiresHeight: 40 });
    expect([images[0]!.image.width, images[0]!.image.height]).toEqual([40, 40]);
    expect(images[0]!.infotext).toContain('Hires resize: 40x40');
    expect(images[0]!.infotext).not.toContain('Hires upscale:');
  });

  it.each(['Lanczos', 'Latent'])('begins with a given picture in place of the first pass, by %s', async (upscaler) => {
    const fields = { prompt: 'a', hiresUpscaler: upscaler, hiresSteps: 2 };
    const init = (await run(fields)).images[0]!.image;
    const whole = await run({ ...fields, hires: true });
    const begun = await run({ ...fields, hires: true, hiresOnly: true, init });
    const [{ image, infotext }] = begun.images as [(typeof begun.images)[number]];
    expect(begun.warnings).toEqual([]);
    expect(begun.steps.map(({ step, steps }) => [step, steps])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(infotext).toContain('Hires only: True');
    expect(infotext).toContain(`Hires upscaler: ${upscaler}`);
    const differing = image.data.filter((v, i) => v !== whole.images[0]!.image.data[i]).length;
    // As pictures both are the same; as latents one of them went through the autoencoder.
    if (upscaler === 'Lanczos') expect(differing).toBe(0);
    expect([image.width, image.height, differing > 0]).toEqual([32, 48, upscaler === 'Latent']);
  });

  it('enlarges a given picture from its own size, for a batch, and leaves it where nothing may change', async () => {
    const init = (await run({ prompt: 'a', width: 24, height: 24 })).images[0]!.image;
    const fields = { prompt: 'a', hires: true, hiresOnly: true, hiresUpscaler: 'Lanczos', init } as const;
    const own = await run({ ...fields, width: undefined, height: undefined, batchSize: 2 });
    expect(own.images.map(({ image }) => [image.width, image.height])).toEqual([
      [48, 48],
      [48, 48],
    ]);
    expect(own.images[0]!.image.data).not.toEqual(own.images[1]!.image.data);
    const still = await run({ ...fields, denoisingStrength: 0, batchSize: 2 });
    expect(still.warnings).toEqual([expect.stringMatching(/is 24 x 24, the first pass 16 x 24.*stretched/)]);
    expect(still.images[0]!.image.data).toEqual(still.images[1]!.image.data);
    expect(still.steps).toEqual([]);
    const mask = { width: 24, height: 24, channels: 1, data: new Uint8Array(576).fill(255) } as const;
    await expect(run({ ...fields, mask })).rejects.toThrow(/leave out the mask/);
  });

  it('has the same pictures in any batch', async () => {
    const fields = { prompt: 'a', hires: true, hiresUpscaler: 'Lanczos' };
    const together = await run({ ...fields, batchSize: 2 });
    const alone = await run({ ...fields, seed: 6 });
    const difference = together.images[1]!.image.data.map((v, i) => Math.abs(v - alone.images[0]!.image.data[i]!));
    expect(difference.reduce((most, d) => Math.max(most, d), 0)).toBeLessThanOrEqual(1);
  });

  it('does not act on a picture that starts from one, and says so', async () => {
    const init = { width: 16, height: 24, channels: 3, data: new Uint8Array(16 * 24 * 3) } as const;
    const { images, warnings } = await run({ prompt: 'a', hires: true, init });
    expect([images[0]!.image.width, images[0]!.infotext.includes('Hires')]).toEqual([16, false]);
    expect(warnings.join()).toContain('Hires fix (hires) has no effect');
  });

  it('says before anything is drawn what cannot be', async () => {
    await expect(run({ prompt: 'a', hires: true, hiresWidth: 4096, hiresScale: 1 })).rejects.toMatchObject({
      code: 'request.size',
    });
    await expect(run({ prompt: 'a', hires: true, hiresSampler: 'Eulr' })).rejects.toMatchObject({
      name: 'UnknownNameError',
    });
    await expect(run({ prompt: 'a', hires: true, hiresUpscaler: '4x-Ultra' })).rejects.toMatchObject({
      code: 'upscaler.unknown',
      message: expect.stringContaining('Did you mean "esrgan-medium'),
    });
    await expect(
      run({ prompt: 'a', hires: true, width: 64, height: 64, hiresModel: `${models}/tiny-sdxl/tiny-sdxl.safetensors` }),
    ).rejects.toMatchObject({ code: 'request.hires', message: expect.stringContaining('Lanczos') });
  });
});

describe('what networks are told of the picture', () => {
  it('reaches those that read it, and is told where none does', async () => {
    const vectors: number[][] = [];
    const own = createOrtNodeBackend({ device: 'cpu', threads: 1 });
    const watched: Backend = {
      ...own,
      compile: async (graph, options) => {
        const session = await own.compile(graph, options);
        return {
          graph,
          dispose: () => session.dispose(),
          run: async (feeds, more) => {
            if (feeds.vector) vectors.push(Array.from(feeds.vector.data as Float32Array));
            return await session.run(feeds, more);
          },
        };
      },
    };
    const told = createPictureEngine({ backend: watched, openModel: modelOpener([]) });
    const fields = { prompt: 'a', steps: 1, seed: 1, model: `${models}/tiny-sdxl/tiny-sdxl.safetensors` };
    const events: GenerateEvent[] = [];
    for (const more of [{}, { cropTop: 200, aestheticScore: 2 }]) {
      const request = { ...generateSchema.parse({ ...fields, ...more }), width: 16, height: 16 };
      for await (const event of told.generate(request)) events.push(event);
    }
    await told.dispose();
    const [plain, cut] = vectors as [number[], number[]];
    const changed = plain.flatMap((value, i) => (value === cut[i] ? [] : [i]));
    expect(changed.length).toBeGreaterThan(0);
    expect(cut[changed[0]!]).toBeCloseTo(Math.cos(200), 4);
    const images = events.filter((event) => event.type === 'image');
    expect(images[1]!.infotext).toContain('Crop top: 200');
    expect(images[1]!.infotext).not.toContain('Aesthetic score');
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toEqual([expect.stringMatching(/^[Aa]esthetic ?[Ss]core.*the model is not told of it/)]);
  });
});

describe('a refiner', () => {
  const sizes = { width: 64, height: 64, model: `${models}/tiny-sdxl/tiny-sdxl.safetensors`, steps: 5 };

  it('takes over at its part of the noise', async () => {
    const base = (await run({ ...sizes, prompt: 'a' })).images[0]!;
    const pictures: Uint8Array[] = [];
    for (const at of [0.2, 0.6]) {
      const { images, warnings } = await run({
        ...sizes,
        prompt: 'a',
        refiner: sizes.model,
        refinerSwitchAt: at,
      });
      expect(warnings).toEqual([]);
      expect(images[0]!.infotext).toMatch(new RegExp(`Refiner: tiny-sdxl.*Refiner switch at: ${at}`));
      pictures.push(images[0]!.image.data);
    }
    // The same network: what is handed over is handed over as it is.
    expect(pictures[0]).toEqual(base.image.data);
    expect(pictures[1]).toEqual(base.image.data);
  });

  it('of another model changes the picture from there on', async () => {
    const small = { width: 16, height: 16, prompt: 'a', steps: 4 };
    const base = (await run(small)).images[0]!;
    const early = (await run({ ...small, refiner: sd2, refinerSwitchAt: 0.3 })).images[0]!;
    const late = (await run({ ...small, refiner: sd2, refinerSwitchAt: 0.9 })).images[0]!;
    expect(early.image.data).not.toEqual(base.image.data);
    expect(late.image.data).not.toEqual(early.image.data);
    const never = (await run({ ...small, refiner: sd2, refinerSwitchAt: 1 })).images[0]!;
    expect(never.image.data).toEqual(base.image.data);
  });
});
