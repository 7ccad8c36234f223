/** The tiny autoencoder (TAESD) in place of the VAE, and for previews, on tiny random models of SD 1's latent form. */

import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, type GenerateInput, generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';

const models = fileURLToPath(new URL('../goldens/data/models', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'darkroom-taesd-'));
mkdirSync(join(folder, 'vae_approx'));
for (const name of ['taesd_decoder.pth', 'taesd_encoder.safetensors']) {
  cpSync(join(models, 'tiny-taesd', name), join(folder, 'vae_approx', name.replace('taesd_', 'taesdxl_')));
}
const engineOf = (roots: string[]) =>
  createPictureEngine({ backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }), openModel: modelOpener(roots) });
const engines = { with: engineOf([folder]), without: engineOf([]) };
afterAll(async () => {
  for (const engine of Object.values(engines)) await engine.dispose();
  rmSync(folder, { recursive: true });
});

async function run(fields: GenerateInput, engine = engines.with, previewEvery = 0) {
  const model = `${models}/tiny-sdxl/tiny-sdxl.safetensors`;
  const request = {
    ...generateSchema.parse({ model, steps: 3, seed: 5, width: 64, height: 64, ...fields }),
    init: fields.init,
  };
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(request, { previewEvery })) events.push(event);
  return {
    image: events.find((event) => event.type === 'image')!,
    previews: events.flatMap((event) => (event.type === 'preview' ? event.images : [])),
    loaded: events.flatMap((event) => (event.type === 'loading' ? [event.part] : [])),
  };
}

it('decodes and encodes where it is asked to, and is claimed', async () => {
  const full = await run({ prompt: 'a' });
  const tiny = await run({ prompt: 'a', vaeDecoder: 'TAESD' });
  expect(tiny.loaded).toContain('taesd.decoder');
  expect(tiny.loaded).not.toContain('vae.decoder');
  expect(tiny.image.infotext).toContain('VAE Decoder: TAESD');
  expect(tiny.image.image.data).not.toEqual(full.image.image.data);
  const again = await run({ prompt: 'a', vaeEncoder: 'TAESD', init: full.image.image });
  expect(again.loaded).toContain('taesd.encoder');
  expect(again.image.infotext).toMatch(/VAE Encoder: TAESD/);
});

it('draws previews in full size where it is there, else small ones', async () => {
  const sides = async (engine = engines.with) =>
    (await run({ prompt: 'a' }, engine, 1)).previews.map(({ width }) => width);
  expect(await sides()).toEqual([64, 64]);
  expect(await sides(engines.without)).toEqual([8, 8]);
});

it('is refused by name where it is not there', async () => {
  await expect(run({ prompt: 'a', vaeDecoder: 'TAESD' }, engines.without)).rejects.toMatchObject({
    code: 'vae.no-taesd',
    message: expect.stringContaining('no tiny decoder (TAESD) for tiny-sdxl'),
  });
});
