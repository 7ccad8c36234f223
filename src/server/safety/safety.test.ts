import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer, type TestServerOptions } from '../../../test/fixtures/test-server.ts';
import { TokenBuckets } from './token-buckets.ts';

let server: TestServer;
const start = async (options?: TestServerOptions) => {
  server = await startTestServer(options);
};
afterEach(async () => await server?.dispose());

const status = async (headers: Record<string, string>, method = 'GET', path = '/api/v1/queue') =>
  (await server.call(method, path, undefined, headers)).status;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

describe('other web pages', () => {
  it('reach nothing through a name of their own (DNS rebinding)', async () => {
    await start({ origins: { allowedHosts: ['studio.example'], allowedOrigins: [] } });
    for (const host of ['evil.example', 'evil.example:7860', 'localhost.evil.example', '127.0.0.1.evil.example', '']) {
      expect(await status({ host }), host).toBe(421);
    }
    for (const host of ['localhost:7860', '127.0.0.1', '[::1]:7860', '192.168.1.4:80', 'Studio.Example:443']) {
      expect(await status({ host }), host).toBe(200);
    }
  });

  it('send no requests and embed no pictures (CSRF)', async () => {
    await start({ origins: { allowedHosts: [], allowedOrigins: ['https://friend.example'] } });
    const host = 'localhost:7860';
    for (const origin of ['https://evil.example', 'null', 'http://localhost:3000', 'file://']) {
      expect(await status({ host, origin }, 'POST', '/api/v1/queue/pause'), origin).toBe(403);
      expect(await status({ host, origin }), origin).toBe(403);
    }
    expect(await status({ host, origin: 'http://localhost:7860' }, 'POST', '/api/v1/queue/resume')).toBe(200);
    expect(await status({ host, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await status({ host, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await status({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'POST')).toBe(403);
    expect(await status({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).toBe(200);
    expect(await status({ host, 'sec-fetch-site': 'same-origin' })).toBe(200);
    const friend = await server.call('OPTIONS', '/api/v1/queue', undefined, { host, origin: 'https://friend.example' });
    expect(friend.status).toBe(204);
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://friend.example');
    const own = await server.call('GET', '/api/v1/queue', undefined, { host });
    expect(own.headers.get('access-control-allow-origin')).toBeNull();
    expect(own.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });
});

describe('beyond loopback', () => {
  it('needs the token, as header, password or cookie', async () => {
    await start({ access: { required: true, token: 'open-sesame' } });
    expect(await status({})).toBe(401);
    expect(await status(bearer('open-sesam'))).toBe(401);
    expect(await status(bearer('open-sesame'))).toBe(200);
    expect(await status(basic('anyone:open-sesame'))).toBe(200);
    const session = await server.call('POST', '/api/v1/session', undefined, bearer('open-sesame'));
    const cookie = session.headers.get('set-cookie')!;
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect(await status({ cookie: cookie.split(';')[0]! })).toBe(200);
    expect(await status({ cookie: 'darkroom_session=%E0%A4%A' })).toBe(401);
    for (const path of ['/sdapi/v1/options', '/v1/models', '/metrics', '/api/openapi.json', '/nothing']) {
      expect(await status({}, 'GET', path), path).toBe(401);
    }
    for (const path of ['/healthz', '/readyz']) expect(await status({}, 'GET', path)).toBe(200);
  });

  it('forgets a password that fitted as soon as a command has changed it', async () => {
    await start({ access: { required: true } });
    const { users } = server.studio;
    await users.create('ann', 'admin', 'the first password');
    expect(await status(basic('ann:the first password'))).toBe(200);
    await users.setPassword('ann', 'the second password');
    expect(await status(basic('ann:the first password'))).toBe(401);
    expect(await status(basic('ann:the second password'))).toBe(200);
  });

  it('keeps users apart, lets viewers look and admins do all', async () => {
    await start({ access: { required: true } });
    const { users } = server.studio;
    for (const [name, role] of [
      ['ann', 'user'],
      ['bob', 'user'],
      ['eve', 'viewer'],
      ['root', 'admin'],
    ] as const) {
      await users.create(name, role, `password of ${name}`);
    }
    const as = Object.fromEntries(
      ['ann', 'bob', 'eve', 'root'].map((name) => [name, bearer(users.issueToken(name, 't'))]),
    );
    const made = await server.json('POST', '/api/v1/jobs?wait=true', { prompt: 'x', steps: 1 }, as.ann);
    const job = `/api/v1/jobs/${made.job.id}`;
    const image = `/api/v1/images/${made.images[0].id}`;
    expect(made.job.user).toBe('ann');
    for (const path of [job, image, `${image}/file`, `${image}/thumbnail`]) {
      expect(await status(as.bob!, 'GET', path), path).toBe(404);
      for (const name of ['ann', 'eve', 'root']) expect(await status(as[name]!, 'GET', path), path).toBe(200);
    }
    expect((await server.json('GET', '/api/v1/images', undefined, as.bob)).total).toBe(0);
    expect((await server.json('GET', '/api/v1/jobs', undefined, as.bob)).jobs).toEqual([]);
    expect((await server.call('POST', '/api/v1/images/trash', { ids: [made.images[0].id] }, as.bob)).status).toBe(404);
    expect((await server.call('POST', '/api/v1/jobs', { init: `image:${made.images[0].id}` }, as.bob)).status).toBe(
      404,
    );
    expect((await server.call('POST', '/api/v1/jobs', { prompt: 'x' }, as.eve)).status).toBe(403);
    expect((await server.call('POST', '/api/v1/jobs', { prompt: 'x', priority: 1 }, as.ann)).status).toBe(403);
    expect((await server.call('DELETE', '/api/v1/models/any', undefined, as.ann)).status).toBe(403);
    for (const path of ['/api/v1/queue/pause', '/api/v1/engines/unload', '/api/v1/pulls']) {
      expect((await server.call('POST', path, {}, as.ann)).status, path).toBe(403);
    }
    for (const name of ['ann', 'eve'])
      expect((await server.call('PATCH', '/api/v1/settings', { previewEvery: 2 }, as[name])).status).toBe(403);
    // What a request for a picture overrides holds for that picture, whatever it asks for.
    const clip = { CLIP_stop_at_last_layers: 2 };
    const lasting = { steps: 1, override_settings: clip, override_settings_restore_afterwards: false };
    const drawn = await server.json('POST', '/sdapi/v1/txt2img', lasting, as.ann);
    expect(drawn.warnings.join()).toContain('settings are for admins to change');
    expect((await server.call('POST', '/sdapi/v1/options', clip, as.ann)).status).toBe(403);
    expect(await server.json('GET', '/sdapi/v1/options', undefined, as.root)).toMatchObject({
      CLIP_stop_at_last_layers: 1,
    });
    expect((await server.call('PATCH', '/api/v1/users/ann', { role: 'admin' }, as.ann)).status).toBe(403);
    expect((await server.call('PATCH', '/api/v1/users/bob', { password: 'not mine to set' }, as.ann)).status).toBe(403);
    expect((await server.call('PATCH', '/api/v1/users/ann', { password: 'a better password' }, as.ann)).status).toBe(
      200,
    );
    expect(await status(as.ann!)).toBe(401);
    expect(await status(basic('ann:a better password'))).toBe(200);
    expect(await status(basic('ann:password of ann'))).toBe(401);
    expect((await server.call('DELETE', '/api/v1/users/ann', undefined, as.root)).status).toBe(204);
    expect(await status(basic('ann:a better password'))).toBe(401);
  });

  it('slows down those who guess, and those who ask too often', async () => {
    await start({ access: { required: true, token: 'open-sesame' }, rateLimit: { burst: 3, perMinute: 1 } });
    const guesses: number[] = [];
    for (let i = 0; i < 12; i++) guesses.push(await status(bearer(`guess-${i}`)));
    expect(guesses).toEqual([...Array(10).fill(401), 429, 429]);
    await server.dispose();
    await start({ access: { required: true, token: 'open-sesame' }, rateLimit: { burst: 3, perMinute: 1 } });
    const asked: number[] = [];
    for (let i = 0; i < 5; i++) asked.push(await status(bearer('open-sesame')));
    expect(asked).toEqual([200, 200, 200, 429, 429]);
    const refused = await server.call('GET', '/api/v1/queue', undefined, bearer('open-sesame'));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('TokenBuckets', () => {
  it('fills steadily, up to its burst, each key by itself', () => {
    let now = 0;
    const buckets = new TokenBuckets({ burst: 2, perMinute: 60, now: () => now });
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([0, 0, 1]);
    expect(buckets.take('b')).toBe(0);
    now = 1000;
    expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 1]);
    now = 100_000;
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([0, 0, 1]);
  });
});
