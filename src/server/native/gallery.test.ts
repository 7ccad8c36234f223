import { unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sniffImage } from '#studio/images/codec';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

async function make(prompt: string): Promise<string> {
  const { images } = await server.json('POST', '/api/v1/jobs?wait=true', { prompt, steps: 1 });
  return images[0].id as string;
}

describe('gallery over HTTP', () => {
  it('searches, rates, tags, bins, restores and purges', async () => {
    const fox = await make('a red fox');
    const owl = await make('an owl');
    const ids = async (query: string) => {
      const page = await server.json('GET', `/api/v1/images?${query}`);
      return page.images.map((image: { id: string }) => image.id) as string[];
    };
    expect(await ids('')).toEqual([owl, fox]);
    expect(await ids('text=fox')).toEqual([fox]);
    expect(await server.json('PATCH', `/api/v1/images/${owl}`, { rating: 4, tags: ['Bird'] })).toMatchObject({
      rating: 4,
      tags: ['bird'],
    });
    expect(await ids('tags=bird&minRating=4')).toEqual([owl]);
    expect(await server.json('GET', '/api/v1/images?limit=1')).toMatchObject({ total: 2, cursor: expect.any(String) });
    const thumbnail = await server.call('GET', `/api/v1/images/${fox}/thumbnail`);
    expect(sniffImage(new Uint8Array(await thumbnail.arrayBuffer()))).toBe('webp');
    await server.json('POST', '/api/v1/images/trash', { ids: [fox] });
    expect(await ids('')).toEqual([owl]);
    expect(await ids('trashed=true')).toEqual([fox]);
    await server.json('POST', '/api/v1/images/restore', { ids: [fox] });
    expect(await ids('order=oldest')).toEqual([fox, owl]);
    await server.json('POST', '/api/v1/images/trash', { ids: [fox] });
    expect(await server.json('POST', '/api/v1/images/purge')).toEqual({ removed: 1 });
    expect((await server.call('GET', `/api/v1/images/${fox}/file`)).status).toBe(404);
    expect(await server.json('GET', '/api/v1/gallery/facets')).toMatchObject({ models: ['fake'] });
    expect(await server.json('POST', '/api/v1/gallery/rebuild')).toMatchObject({ kept: 1, problems: [] });
  });

  it('keeps boards', async () => {
    const fox = await make('a red fox');
    const board = await server.json('POST', '/api/v1/boards', { name: 'Animals' });
    expect(await server.json('POST', `/api/v1/boards/${board.id}/add`, { ids: [fox] })).toMatchObject({ images: 1 });
    expect(await server.json('GET', `/api/v1/images?board=${board.id}`)).toMatchObject({ total: 1 });
    expect((await server.call('POST', '/api/v1/boards', { name: 'Animals' })).status).toBe(400);
    await server.json('DELETE', `/api/v1/boards/${board.id}`);
    expect(await server.json('GET', '/api/v1/boards')).toEqual({ boards: [] });
  });

  it.each(['..%2F..%2Fetc%2Fpasswd', '%2e%2e', 'a%00b', '%252e%252e%252f', 'x'.repeat(100)])(
    'finds no picture under %s',
    async (id) => {
      const response = await server.call('GET', `/api/v1/images/${id}/file`);
      expect([400, 404]).toContain(response.status);
    },
  );

  it('come together in one archive, and say what they were made with', async () => {
    const ids = [await make('a fox'), await make('an owl')];
    const file = async (id: string) =>
      new Uint8Array(await (await server.call('GET', `/api/v1/images/${id}/file`)).arrayBuffer());
    const query = ids.map((id) => `ids=${id}`).join('&');
    const archive = await server.call('GET', `/api/v1/images/archive?${query}`);
    expect(archive.status, archive.ok ? '' : await archive.text()).toBe(200);
    expect(archive.headers.get('content-disposition')).toContain('darkroom-pictures.zip');
    const members = Object.values(unzipSync(new Uint8Array(await archive.arrayBuffer())));
    expect(members.map((bytes) => Buffer.from(bytes))).toEqual(
      (await Promise.all(ids.map(file))).map((bytes) => Buffer.from(bytes)),
    );
    expect((await server.call('GET', '/api/v1/images/archive?ids=nothing')).status).toBeGreaterThanOrEqual(400);

    const picture = Buffer.from(await file(ids[0]!)).toString('base64');
    const read = await server.json('POST', '/api/v1/parameters/read', { picture });
    expect(read.request).toMatchObject({ prompt: 'a fox', steps: 1 });
    expect(await server.json('POST', '/api/v1/parameters/read', { text: read.infotext })).toMatchObject({
      request: read.request,
    });
    expect(await server.json('POST', '/api/v1/parameters/read', { text: 'just words' })).toMatchObject({ request: {} });
  });
});
