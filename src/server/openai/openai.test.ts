import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError, toFile } from 'openai';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { type Listener, listen } from '#server/listen';
import { decodeImage, encodeImage, sniffImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
let listener: Listener;
let client: OpenAI;
/** Whether the server that is up is as most tests want it, and stays. */
let isShared = false;

async function start(options?: TestServerOptions, apiKey = 'unused'): Promise<void> {
  isShared = options === undefined;
  server = await startTestServer(options);
  listener = await listen(server.app, { port: 0 });
  client = new OpenAI({ apiKey, baseURL: `${listener.url}/v1` });
}

async function stop(): Promise<void> {
  isShared = false;
  await listener.close();
  await server.dispose();
}

beforeEach(async () => {
  if (!isShared) await start();
});
afterEach(async () => {
  if (isShared) await server.reset();
  else await stop();
});
afterAll(async () => {
  if (isShared) await stop();
});

const bytesOf = (b64: string | undefined) => new Uint8Array(Buffer.from(b64!, 'base64'));
const requests = () => server.lines.filter((line) => line.msg === 'request').length;
const lastRequest = async () => (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!.request;

/** Left half transparent. */
function halfTransparent(width: number, height: number): PixelImage {
  const data = new Uint8Array(width * height * 4).fill(200);
  for (let i = 0; i < width * height; i++) data[i * 4 + 3] = i % width < width / 2 ? 0 : 255;
  return { width, height, channels: 4, data };
}

describe('the openai client', () => {
  it('generates, with settings of ours beside its own', async () => {
    const extras = { seed: 9, steps: 3, cfg_scale: 5, negative_prompt: 'blur', sampler: 'Euler a' };
    const answer = await client.images.generate({
      model: 'gpt-image-1',
      prompt: 'a fox',
      n: 2,
      size: '64x96',
      moderation: 'low',
      ...extras,
    });
    expect(answer).toMatchObject({ output_format: 'png', size: '64x96', background: 'opaque' });
    expect(answer.data).toHaveLength(2);
    const decoded = await decodeImage(bytesOf(answer.data![1]!.b64_json));
    expect(decoded.image).toEqual(picture({ width: 64, height: 96 }, 10));
    expect(answer.data!.map((each) => (each as { seed?: number }).seed)).toEqual([9, 10]);
    expect(await lastRequest()).toMatchObject({
      prompt: 'a fox',
      negativePrompt: 'blur',
      steps: 3,
      cfgScale: 5,
      sampler: 'Euler a',
    });
  });

  it('gets links from the dall-e models, that work without signing in, and not when forged', async () => {
    const answer = await client.images.generate({ model: 'dall-e-3', prompt: 'x', quality: 'hd', style: 'vivid' });
    expect((await lastRequest()).steps).toBe(30);
    const { url } = answer.data![0]!;
    const response = await fetch(url!);
    expect(sniffImage(new Uint8Array(await response.arrayBuffer()))).toBe('png');
    expect((await fetch(`${url}x`)).status).toBe(403);
    expect((await fetch(url!.replace(/expires=\d+/, 'expires=9999999999999'))).status).toBe(403);
  });

  it('gets JPEG and WebP when it asks for them', async () => {
    for (const format of ['jpeg', 'webp'] as const) {
      const answer = await client.images.generate({
        model: 'gpt-image-1',
        prompt: 'x',
        output_format: format,
        output_compression: 50,
      });
      expect(sniffImage(bytesOf(answer.data![0]!.b64_json))).toBe(format);
    }
  });

  it('streams partial pictures, then the final one', async () => {
    await stop();
    await start({ fake: { stepMs: 40 } });
    server.studio.settings.update({ previewEvery: 1 });
    const extras = { steps: 8, seed: 4 };
    const stream = await client.images.generate({
      model: 'gpt-image-1',
      prompt: 'x',
      stream: true,
      partial_images: 2,
      ...extras,
    });
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events.map((event) => event.type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect(events.slice(0, 2).map((event) => (event as { partial_image_index: number }).partial_image_index)).toEqual([
      0, 1,
    ]);
    expect((await decodeImage(bytesOf(events[2]!.b64_json))).image).toEqual(picture({}, 4));
    expect(sniffImage(bytesOf(events[0]!.b64_json))).toBe('png');
  });

  it('hears in the stream what went wrong', async () => {
    const stream = await client.images.generate({ model: 'gpt-image-1', prompt: 'fake:error', stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toBeInstanceOf(APIError);
  });

  it('edits where the mask is transparent', async () => {
    const source = picture({ width: 64, height: 64 }, 2);
    const image = await toFile(await encodeImage(source, 'png'), 'image.png', { type: 'image/png' });
    const mask = await toFile(await encodeImage(halfTransparent(64, 64), 'png'), 'mask.png', { type: 'image/png' });
    const answer = await client.images.edit({ model: 'gpt-image-1', image, mask, prompt: 'a hat', n: 2 });
    expect(answer.data).toHaveLength(2);
    const { id } = (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!;
    expect((await decodeImage((await server.studio.input(id, 'init'))!)).image).toEqual(source);
    const stored = (await decodeImage((await server.studio.input(id, 'mask'))!)).image;
    expect([stored.data[0], stored.data[(63 * 64 + 63) * 3]]).toEqual([255, 0]);
  });

  it('takes a list of pictures of one, and transparency of the picture itself for a mask', async () => {
    const bytes = await encodeImage(halfTransparent(64, 64), 'png');
    const image = [await toFile(bytes, 'a.png', { type: 'application/octet-stream' })];
    await client.images.edit({ model: 'gpt-image-1', image, prompt: 'x', input_fidelity: 'high' });
    const job = (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!;
    expect([...job.inputs].sort()).toEqual(['init', 'mask']);
    expect(job.request.denoisingStrength).toBe(0.5);
  });

  it('makes variations, guided by the prompt inside the file', async () => {
    const file = await encodeImage(picture({}, 1), 'png', 'a red fox\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64');
    const image = await toFile(file, 'a.png', { type: 'image/png' });
    const answer = await client.images.createVariation({ image, n: 1, response_format: 'b64_json' });
    expect(sniffImage(bytesOf(answer.data![0]!.b64_json))).toBe('png');
    expect(await lastRequest()).toMatchObject({ prompt: 'a red fox', denoisingStrength: 0.6 });
  });

  it('says what it does not act on, the quality it took, and counts of tokens for those who add them up', async () => {
    const source = picture({ width: 64, height: 64 }, 2);
    const bytes = await encodeImage(source, 'png');
    const image = await Promise.all([1, 2].map(async (i) => await toFile(bytes, `${i}.png`, { type: 'image/png' })));
    const edited = await client.images.edit({ model: 'gpt-image-1', image, prompt: 'x', quality: 'high' });
    expect(edited).toMatchObject({
      quality: 'high',
      usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
      warnings: ['Of 2 pictures the first was edited.'],
    });
    const asked = { prompt: 'x', style: 'vivid', user: 'me', extra_body: { seed: 4, made_up: 1 }, sChurn: 2 } as never;
    expect(await client.images.generate(asked)).toMatchObject({
      quality: 'medium',
      warnings: ['style has no effect here.', 'extra_body.made_up has no effect here.'],
    });
    expect(await lastRequest()).toMatchObject({ seed: 4, sChurn: 2 });
    const warned = { model: 'gpt-image-1', prompt: 'fake:warn' } as const;
    expect(await client.images.generate(warned)).toMatchObject({ warnings: ['this is a warning'] });
    const told: unknown[] = [];
    for await (const event of await client.images.generate({ ...warned, stream: true })) told.push(event);
    expect(told.at(-1)).toMatchObject({ type: 'image_generation.completed', warnings: ['this is a warning'] });
  });

  it('lists models', async () => {
    expect((await client.models.list()).data).toEqual([]);
    await expect(client.models.retrieve('none')).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe('its errors', () => {
  it.each([
    [{ size: '100x100' }, 'size'],
    [{ size: 'huge' }, 'size'],
    [{ n: 11 }, 'n'],
    [{ quality: 'best' }, 'quality'],
    [{ background: 'transparent' }, 'background'],
    [{ output_format: 'gif' }, 'output_format'],
    [{ steps: 100_000 }, 'steps'],
    [{ prompt: undefined }, 'prompt'],
  ])('name the field of %j, once', async (fields, param) => {
    const bad = client.images.generate({ model: 'gpt-image-1', prompt: 'x', ...fields } as never) as Promise<unknown>;
    const error = await bad.catch((caught: unknown) => caught as APIError);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param, type: 'invalid_request_error', code: 'request_invalid' });
    expect((error as APIError).requestID).toMatch(/^[0-9a-f-]{36}$/);
    expect(requests()).toBe(1);
  });

  it.each([
    ['fake:mistake', 400, 'engine_unknown_sampler'],
    ['fake:exit', 500, 'engine_crashed'],
  ])('of the engine (%s) are not tried again', async (prompt, status, code) => {
    const error = await client.images.generate({ model: 'gpt-image-1', prompt }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status, code });
    expect(requests()).toBe(1);
  });

  it('say that a model is unknown, that a mask does not fit, that a file is no picture', async () => {
    const unknown = client.images.generate({ model: 'no-such-model', prompt: 'x' });
    await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
    const file = async (image: PixelImage) =>
      await toFile(await encodeImage(image, 'png'), 'x.png', { type: 'image/png' });
    const image = await file(picture({}, 1));
    const edit = async (fields: object) =>
      await client.images
        .edit({ model: 'gpt-image-1', image, prompt: 'x', ...fields })
        .catch((error: unknown) => error);
    expect(await edit({ mask: await file(halfTransparent(128, 64)) })).toMatchObject({ status: 400, param: 'mask' });
    expect(await edit({ mask: image })).toMatchObject({ status: 400, param: 'mask' });
    expect(await unknown.catch((error: unknown) => error)).toMatchObject({ code: 'model_not_found', status: 404 });
    const text = await toFile(Buffer.from('no picture'), 'x.png', { type: 'image/png' });
    expect(await edit({ image: text })).toMatchObject({ status: 400, code: 'image_unsupported' });
  });

  it('ask for a key where one is needed', async () => {
    await stop();
    await start({ access: { required: true, token: 'sk-right' } }, 'sk-wrong');
    await expect(client.models.list()).rejects.toBeInstanceOf(AuthenticationError);
    await expect(client.models.list()).rejects.toMatchObject({ code: 'invalid_api_key' });
    const right = new OpenAI({ apiKey: 'sk-right', baseURL: `${listener.url}/v1` });
    expect((await right.models.list()).data).toEqual([]);
  });

  it('cancel the job when the client hangs up', async () => {
    const controller = new AbortController();
    const extras = { steps: 1000 };
    const going = client.images.generate(
      { model: 'gpt-image-1', prompt: 'x', ...extras },
      { signal: controller.signal },
    );
    const failed = expect(going).rejects.toThrow();
    while ((await server.studio.queue.state()).counts.running === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    await failed;
    const { id } = (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!;
    expect((await server.studio.wait(id)).state).toBe('cancelled');
  });
});
