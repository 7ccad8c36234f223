import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { picture } from '../fixtures/fake-engine.ts';
import { startTestServer, type TestServer } from '../fixtures/test-server.ts';
import { a1111Requests, type ClientRequest, openAiRequests } from './bodies.ts';

let server: TestServer;
let stands: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startTestServer();
  const base64 = async (seed: number) =>
    Buffer.from(await encodeImage(picture({ width: 64, height: 64 }, seed), 'png')).toString('base64');
  stands = { '@picture': await base64(3), '@mask': await base64(4) };
});
afterAll(async () => await server.dispose());

function filled(body: ClientRequest['body']): Record<string, unknown> {
  const text = JSON.stringify(body).replaceAll(/@(?:picture|mask)/g, (name) => stands[name]!);
  return JSON.parse(text) as Record<string, unknown>;
}

const titled = (requests: readonly ClientRequest[]) => requests.map((each) => [each.client, each] as const);
const lastRequest = async () => (await server.studio.queue.list({ limit: 1 })).jobs[0]!.request;

describe('clients of A1111’s API get their picture', () => {
  it.each(titled(a1111Requests))('%s', async (_, { path, body, makes }) => {
    const answer = await server.json('POST', path, filled(body));
    const image = await decodeImage(new Uint8Array(Buffer.from(answer.images[0] as string, 'base64')));
    expect(image.format).toBe('png');
    const info = JSON.parse(answer.info) as { infotexts: string[]; all_seeds: number[]; width: number };
    expect(info.infotexts).toHaveLength(answer.images.length);
    expect(info.all_seeds.every(Number.isSafeInteger)).toBe(true);
    expect(await lastRequest()).toMatchObject(makes);
  });

  it('and find what they look for around it', async () => {
    for (const path of [
      'options',
      'sd-models',
      'samplers',
      'schedulers',
      'sd-vae',
      'upscalers',
      'progress',
      'cmd-flags',
    ])
      expect(await server.json('GET', `/sdapi/v1/${path}`), path).toBeDefined();
    // AIYA asks for the parameters of each picture it was given.
    const { images } = await server.json('POST', '/sdapi/v1/txt2img', { steps: 1, width: 64, height: 64 });
    const info = await server.json('POST', '/sdapi/v1/png-info', { image: `data:image/png;base64,${images[0]}` });
    expect(info.info).toContain('Steps: 1');
    // The oobabooga extension and SwarmUI choose the model before each picture.
    expect((await server.call('POST', '/sdapi/v1/options', { sd_model_checkpoint: 'none' })).status).toBe(404);
  });
});

describe('clients of OpenAI’s API get their picture', () => {
  it.each(titled(openAiRequests))('%s', async (_, { path, body, makes }) => {
    const answer = await server.json('POST', path, filled(body));
    expect(answer.data[0].b64_json).toMatch(/^iVBOR/);
    expect(answer.usage.total_tokens).toBe(0);
    expect(await lastRequest()).toMatchObject(makes);
  });
});
