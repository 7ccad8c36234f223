/** The npm package `stable-diffusion-api`, a client that was written for A1111, unmodified over a socket. */

import sharp from 'sharp';
import { type ControlNetUnit, StableDiffusionApi } from 'stable-diffusion-api';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Listener, listen } from '#server/listen';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
let listener: Listener;
let client: StableDiffusionApi;

beforeAll(async () => {
  server = await startTestServer();
  listener = await listen(server.app, { port: 0 });
  client = new StableDiffusionApi({ baseUrl: listener.url, defaultStepCount: 3, defaultSampler: 'Euler a' });
});
afterEach(async () => await server.reset());
afterAll(async () => {
  await listener.close();
  await server.dispose();
});

const lastRequest = async () => (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!.request;
const pictureOf = async (seed: number) => sharp(await encodeImage(picture({ width: 64, height: 64 }, seed), 'png'));

it('draws', async () => {
  const result = await client.txt2img({
    prompt: 'a fox',
    negative_prompt: 'blur',
    seed: 7,
    width: 64,
    height: 96,
    batch_size: 2,
  });
  expect(result.images).toHaveLength(2);
  const { image, infotext } = await decodeImage(
    new Uint8Array(await result.images[1]!.keepMetadata().png().toBuffer()),
  );
  expect(image.data).toEqual(picture({ width: 64, height: 96 }, 8).data);
  expect(JSON.parse(result.info)).toMatchObject({ all_seeds: [7, 8], sampler_name: 'Euler a' });
  expect(infotext ?? JSON.parse(result.info).infotexts[1]).toContain('Steps: 3, Sampler: Euler a');
  expect(await lastRequest()).toMatchObject({ prompt: 'a fox', negativePrompt: 'blur', steps: 3, batchSize: 2 });
});

it('draws from a picture, with a mask and without', async () => {
  const init_images = [await pictureOf(1)];
  const plain = await client.img2img({ init_images, prompt: 'a fox', width: 64, height: 64, denoising_strength: 0.4 });
  expect((await plain.image.metadata()).width).toBe(64);
  expect(await lastRequest()).toMatchObject({ denoisingStrength: 0.4 });
  const mask_image = sharp({ create: { width: 64, height: 64, channels: 3, background: '#fff' } });
  const masked = await client.img2img({
    init_images,
    mask_image,
    prompt: 'a fox',
    width: 64,
    height: 64,
    mask_blur: 2,
    inpaint_full_res: 0,
    inpainting_fill: 1,
  });
  expect(masked.images).toHaveLength(1);
  expect(await lastRequest()).toMatchObject({ maskedContent: 'original', maskBlur: 2 });
});

it('reads parameters out of a picture, and lists', async () => {
  const { image } = await client.txt2img({ prompt: 'a fox', width: 64, height: 64, seed: 5 });
  const kept = sharp(await image.keepMetadata().png().toBuffer());
  // The client's own re-encoding drops the text, as upstream sees it too.
  expect((await client.pngInfo(kept)).info).toEqual({});
  expect((await client.getSamplers()).map(({ name }) => name)).toContain('DPM++ 2M');
  expect((await client.getUpscalers()).map(({ name }) => name)).toEqual(expect.arrayContaining(['None', 'Lanczos']));
  for (const list of [
    client.getSdModels(),
    client.getHypernetworks(),
    client.getFaceRestorers(),
    client.getPromptStyles(),
    client.getRealesrganModels(),
  ])
    expect(await list).toEqual([]);
  expect(await client.getCmdFlags()).toMatchObject({ api: true });
  await client.refreshCheckpoints();
});

it('keeps options, tells how far it is, and that it is ready', async () => {
  await client.setOptions({ CLIP_stop_at_last_layers: 2 });
  expect(await client.getOptions()).toMatchObject({ CLIP_stop_at_last_layers: 2 });
  expect(await client.getCurrentModel()).toBeNull();
  expect(await client.getProgress()).toMatchObject({ progress: 0, state: { job_count: 0 } });
  expect(await client.waitForReady(0.01)).toBe(true);
});

it('is told which part is not there', async () => {
  const image = await pictureOf(1);
  await expect(client.interrogate(image, 'clip')).rejects.toMatchObject({
    response: { data: { errors: expect.stringContaining('no captioner to describe pictures') } },
  });
});

it('asks for units of control, and is told of a network that is not there', async () => {
  expect(await client.ControlNet.getModels()).toEqual(['None']);
  const unit = { toJson: () => ({ model: 'canny', module: 'none' }) } as unknown as ControlNetUnit;
  await expect(client.txt2img({ prompt: 'x', controlnet_units: [unit] })).rejects.toMatchObject({
    response: { data: { detail: expect.stringMatching(/canny/) } },
  });
});
