/** What is wrong with model files, told to whoever draws: by their names, never by where the server keeps them. */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownModule } from '#studio/files/own-module';
import { encodeImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { oneTensor } from '../../../test/fixtures/tensor-file.ts';
import { type Answered, startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

const fixture = (path: string): string =>
  fileURLToPath(new URL(`../../../test/goldens/data/models/${path}`, import.meta.url));

/** By their places below the models folder. */
const files = {
  'Stable-diffusion/tiny.safetensors': 'tiny-sd1/tiny-sd1.safetensors',
  'Stable-diffusion/tiny.yaml': 'tiny-sd1/tiny-sd1.yaml',
  'Stable-diffusion/pickled.ckpt': 'ckpt/hostile/reduce-os-system.ckpt',
  'Lora/other.safetensors': 'adapters/sdxl_lora_kohya.safetensors',
  'ControlNet/wrong.safetensors': 'tiny-controlnet-xl/diffusion_pytorch_model.safetensors',
  'ESRGAN/pickled.pth': 'ckpt/hostile/reduce-os-system.ckpt',
  'VAE/pickled.pt': 'ckpt/hostile/crc-error.ckpt',
};

let server: TestServer;
let models: string;
beforeAll(async () => {
  server = await startTestServer({ engineModule: ownModule(import.meta.url, '../../engine-main') });
  models = join(server.root, 'models');
  for (const [name, from] of Object.entries(files)) {
    mkdirSync(dirname(join(models, name)), { recursive: true });
    cpSync(fixture(from), join(models, name));
  }
  const nan = oneTensor('lora_unet_conv_in.diff_b', [32], Array(32).fill(Number.NaN));
  writeFileSync(join(models, 'Lora/nan.safetensors'), nan);
  const cut = readFileSync(fixture('adapters/lora_kohya.safetensors')).subarray(0, 3000);
  writeFileSync(join(models, 'Lora/cut.safetensors'), cut);
  mkdirSync(join(models, 'embeddings'));
  writeFileSync(join(models, 'embeddings/torn.pt'), 'no embedding');
  await server.studio.library.refresh();
}, 60_000);
afterAll(async () => await server.dispose());

const drawn = { prompt: 'a fox', model: 'tiny', steps: 1, width: 64, height: 64, seed: 1 };

it('lists what cannot be used, and why, by its name', async () => {
  const listed = JSON.stringify(
    (await server.json('GET', '/api/v1/models')).models.map(({ problem }: Answered) => problem),
  );
  expect(listed).toContain('os.system');
  expect(listed).not.toContain(server.root);
  const upstream = await server.json('GET', '/sdapi/v1/sd-models');
  expect(JSON.stringify(upstream.map(({ problem }: Answered) => problem))).not.toContain(server.root);
});

it('leaves LoRAs out, and names each by its file in warnings and infotext', async () => {
  const prompt = 'a fox <lora:nan:1> <lora:other:1> <lora:cut:1> torn';
  const response = await server.call('POST', '/sdapi/v1/txt2img', {
    ...drawn,
    prompt,
    override_settings: { sd_model_checkpoint: 'tiny' },
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const { warnings } = JSON.parse(text) as { warnings: string[] };
  expect(warnings.join('\n')).toMatch(/<lora:nan:1> is left out: Lora\/nan\.safetensors: .*NaN/);
  expect(warnings.join('\n')).toMatch(/<lora:other:1> is left out: Lora\/other\.safetensors/);
  expect(warnings.join('\n')).toMatch(/<lora:cut:1> is left out: Lora\/cut\.safetensors/);
  expect(text).not.toContain(server.root);
  const { jobs } = await server.studio.queue.list({ limit: 1 });
  const native = await server.call('GET', `/api/v1/jobs/${jobs[0]!.id}`);
  expect(await native.text()).not.toContain(server.root);
  const [image] = await server.studio.gallery.ofJob(jobs[0]!.id);
  expect(image!.infotext).toMatch(/Left out/);
  expect(image!.infotext).not.toContain(server.root);
}, 60_000);

it.each([
  [{ model: 'pickled' }, /Stable-diffusion\/pickled\.ckpt.*os\.system/],
  [{ vae: 'pickled' }, /VAE\/pickled\.pt/],
  [{ hires: true, hiresUpscaler: 'pickled' }, /ESRGAN\/pickled\.pth/],
])(
  'fails with %j by the name of the file',
  async (fields, reason) => {
    const response = await server.call('POST', '/api/v1/generate', { ...drawn, ...fields });
    const text = await response.text();
    expect(response.status, text).toBe(400);
    expect(text).toMatch(reason);
    expect(text).not.toContain(server.root);
  },
  60_000,
);

it('names a ControlNet of another family by its file', async () => {
  const image = Buffer.from(await encodeImage(picture({ width: 64, height: 64 }, 1), 'png')).toString('base64');
  const unit = { image, module: 'none', model: 'wrong' };
  const body = {
    ...drawn,
    alwayson_scripts: { controlnet: { args: [unit] } },
    override_settings: { sd_model_checkpoint: 'tiny' },
  };
  const response = await server.call('POST', '/sdapi/v1/txt2img', body);
  const text = await response.text();
  expect(text).toMatch(/wrong/);
  expect(text).not.toContain(server.root);
}, 60_000);
