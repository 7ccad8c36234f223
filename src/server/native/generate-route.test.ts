import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

const generate = async (body: unknown) => await server.call('POST', '/api/v1/generate', body);

it('answers a form with the picture itself, which is in the gallery as well', async () => {
  const form = new FormData();
  for (const [name, value] of Object.entries({ prompt: 'a fox', steps: '2', seed: '5', width: '96' }))
    form.set(name, value);
  const response = await generate(form);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('image/png');
  const { image, infotext } = await decodeImage(new Uint8Array(await response.arrayBuffer()));
  expect(image).toEqual(picture({ width: 96 }, 5));
  expect(infotext).toMatch(/^a fox\nSteps: 2/);
  const id = response.headers.get('x-darkroom-image')!;
  expect(server.studio.gallery.get(id).prompt).toBe('a fox');
});

it.each([
  [{ prompt: 'a', batchCount: 2 }, 400, 'batchCount: here it is one picture; POST /api/v1/jobs makes several.'],
  [{ prompt: 'a', steps: 0 }, 400, /steps/],
  [{ prompt: 'fake:mistake', steps: 2 }, 400, /no sampler of that name/],
  [{ prompt: 'fake:error', steps: 2 }, 500, /./],
])('answers %j with %d', async (body, status, message) => {
  const response = await generate(body);
  expect(response.status).toBe(status);
  const { error } = (await response.json()) as { error: { message: string } };
  expect(error.message).toMatch(message);
});

it('says that the job was cancelled', async () => {
  await server.studio.queue.pause();
  const answer = generate({ prompt: 'a' });
  while ((await server.studio.cancelAll()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect((await answer).status).toBe(409);
});
