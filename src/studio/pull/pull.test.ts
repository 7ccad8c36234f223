import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '#api/records/job';
import type { Pull } from '#api/records/pull';
import { DarkroomError } from '#core/errors';
import { writeSafetensors } from '#formats/safetensors-writer';
import { families } from '#models/families';
import { generateSchema } from '#pipelines/request';
import { TestHub } from '../../../test/fixtures/test-hub.ts';
import { EventBus, type ResetEvents } from '../events/bus.ts';
import { describeModel } from '../library/describe.ts';
import type { LibraryModel } from '../library/model.ts';
import { isPrivateAddress } from '../net/address.ts';
import { httpGet } from '../net/http.ts';
import type { PictureJob, QueueEvents } from '../queue/job.ts';
import { SqliteJobQueue } from '../queue/sqlite-queue.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { lockFile } from '../store/lock.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { ProgressBoard, type ProgressEvents } from '../work/progress.ts';
import { PullRunner } from '../work/runners/pull.ts';
import { Worker } from '../work/worker.ts';
import { type DownloadTask, download } from './download.ts';
import { type JobControl, type PullEvents, Pulls } from './pulls.ts';
import { servicesFromEnvironment } from './services.ts';
import { parsePullSource } from './source.ts';
import { starters } from './starters.ts';
import { toldStarters } from './told-starters.ts';

let root: string;
let hub: TestHub;
let db: Database;
let bus: EventBus<PullEvents & QueueEvents & ProgressEvents & ResetEvents>;
const open: Worker<'pull'>[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-pull-'));
  hub = await TestHub.start();
  db = openDatabase(':memory:');
  migrate(db, migrations);
  bus = new EventBus();
});
afterEach(async () => {
  for (const worker of open.splice(0)) await worker.close();
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function lora(kib = 8, fill = 1): Buffer {
  const name = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
  const down = {
    name: `${name}.lora_down.weight`,
    dtype: 'F16',
    shape: [4, 768],
    data: new Uint8Array(6144).fill(fill),
  } as const;
  const rows = kib * 128;
  const up = {
    name: `${name}.lora_up.weight`,
    dtype: 'F16',
    shape: [rows, 4],
    data: new Uint8Array(rows * 8).fill(fill),
  } as const;
  return Buffer.concat(writeSafetensors([down, up]));
}

function task(url: string, extra: Partial<DownloadTask> = {}): DownloadTask {
  return {
    url,
    file: join(root, 'out', 'a.safetensors'),
    allowPrivate: true,
    signal: new AbortController().signal,
    onProgress: () => {},
    retryMs: 1,
    ...extra,
  };
}

const files = (folder: string): string[] =>
  existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).sort() : [];

describe('download', () => {
  it('fetches a file whole, and not again', async () => {
    const body = lora();
    hub.serve('/a', { body });
    const result = await download(task(`${hub.url}/a`, { bytes: body.length, sha256: sha(body) }));
    expect(result).toEqual({ bytes: body.length, sha256: sha(body), wasThere: false });
    expect(readFileSync(join(root, 'out/a.safetensors'))).toEqual(body);
    expect(files(join(root, 'out'))).toEqual(['a.safetensors', 'a.safetensors.lock']);
    expect((await download(task(`${hub.url}/a`, { sha256: sha(body) }))).wasThere).toBe(true);
    expect(hub.seen).toHaveLength(1);
  });

  it('goes on by range each time the connection breaks', async () => {
    const body = lora(64);
    hub.serve('/a', { body, breakAfter: 20_000 });
    const result = await download(task(`${hub.url}/a`, { sha256: sha(body) }));
    expect(result.sha256).toBe(sha(body));
    const ranges = hub.seen.slice(1).map((seen) => seen.range);
    expect(ranges.length).toBeGreaterThan(2);
    for (const range of ranges) expect(range).toMatch(/^bytes=\d+-$/);
    expect(new Set(ranges).size).toBe(ranges.length);
    expect(hub.seen[1]!.ifRange).toMatch(/^"/);
  });

  it('goes on when the connection falls silent', async () => {
    const body = lora(64);
    hub.serve('/a', { body, stallAfter: 10_000 });
    expect((await download(task(`${hub.url}/a`, { sha256: sha(body), stallMs: 100 }))).sha256).toBe(sha(body));
  });

  it('goes on after it was stopped and after its process died, hashing what is there', async () => {
    const body = lora(64);
    hub.serve('/a', { body, breakAfter: 30_000 });
    const abort = new AbortController();
    const stopped = download(
      task(`${hub.url}/a`, {
        signal: abort.signal,
        onProgress: (bytes) => bytes > 0 && abort.abort(new Error('enough')),
      }),
    );
    await expect(stopped).rejects.toThrow('enough');
    const part = join(root, 'out/a.safetensors.part');
    const kept = statSync(part).size;
    expect(kept).toBeGreaterThan(0);
    hub.seen.length = 0;
    expect((await download(task(`${hub.url}/a`, { sha256: sha(body) }))).bytes).toBe(body.length);
    expect(hub.seen[0]!.range).toBe(`bytes=${kept}-`);
  });

  it('starts over when the file has changed meanwhile, or the server knows no ranges', async () => {
    const [old, body] = [lora(64, 1), lora(64, 2)];
    hub.serve('/a', { body: old, breakAfter: 30_000 });
    const abort = new AbortController();
    const onProgress = (bytes: number) => bytes > 0 && abort.abort(new Error('enough'));
    await expect(download(task(`${hub.url}/a`, { signal: abort.signal, onProgress }))).rejects.toThrow('enough');
    hub.serve('/a', { body });
    expect((await download(task(`${hub.url}/a`, { sha256: sha(body) }))).sha256).toBe(sha(body));
    rmSync(join(root, 'out'), { recursive: true });
    hub.serve('/b', { body, stallAfter: 5000, ignoreRange: true });
    expect((await download(task(`${hub.url}/b`, { sha256: sha(body), stallMs: 100 }))).sha256).toBe(sha(body));
  });

  it.each([
    ['a weak etag', { etag: 'W/"same"' }],
    ['a date of change that is too young to tell', { 'last-modified': 'now' }],
    ['neither', {}],
  ])('never joins halves of two files: %s', async (_, told) => {
    const [old, body] = [lora(64, 1), lora(64, 2)];
    const now = new Date().toUTCString();
    const headers = Object.fromEntries(Object.entries(told).map(([k, v]) => [k, v === 'now' ? now : v]));
    hub.serve('/a', { body: old, headers: { etag: '', ...headers }, breakAfter: 30_000 });
    const abort = new AbortController();
    const onProgress = (bytes: number) => bytes > 0 && abort.abort(new Error('enough'));
    await expect(download(task(`${hub.url}/a`, { signal: abort.signal, onProgress }))).rejects.toThrow('enough');
    hub.serve('/a', { body, headers: { etag: '', ...headers } });
    expect((await download(task(`${hub.url}/a`))).sha256).toBe(sha(body));
    expect(hub.seen.at(-1)!.range).toBeUndefined();
  });

  it('finishes a part that was complete but not yet renamed', async () => {
    const body = lora();
    hub.serve('/a', { body });
    mkdirSync(join(root, 'out'));
    writeFileSync(join(root, 'out/a.safetensors.part'), body);
    writeFileSync(join(root, 'out/a.safetensors.part.json'), JSON.stringify({ url: `${hub.url}/a` }));
    expect((await download(task(`${hub.url}/a`, { sha256: sha(body) }))).sha256).toBe(sha(body));
  });

  it('refuses wrong hashes, wrong sizes and surplus bytes, and leaves no file under the final name', async () => {
    const body = lora();
    hub.serve('/a', { body });
    await expect(download(task(`${hub.url}/a`, { sha256: '0'.repeat(64) }))).rejects.toMatchObject({
      code: 'pull.hash',
      message: expect.stringContaining(sha(body)),
    });
    expect(files(join(root, 'out'))).toEqual(['a.safetensors.lock']);
    await expect(download(task(`${hub.url}/a`, { bytes: body.length + 1 }))).rejects.toMatchObject({
      code: 'pull.size',
    });
    hub.serve('/short', { body, claimBytes: body.length + 100 });
    await expect(download(task(`${hub.url}/short`, { maxTries: 2 }))).rejects.toBeInstanceOf(Error);
    expect(existsSync(join(root, 'out/a.safetensors'))).toBe(false);
  });

  it('waits when it is asked to, and gives up in the end', async () => {
    const body = lora();
    hub.serve('/busy', { body, failFirst: { status: 429, times: 2, retryAfter: '0' } });
    expect((await download(task(`${hub.url}/busy`))).bytes).toBe(body.length);
    rmSync(join(root, 'out'), { recursive: true });
    hub.serve('/down', { body, failFirst: { status: 503, times: 99 } });
    await expect(download(task(`${hub.url}/down`, { maxTries: 3 }))).rejects.toMatchObject({ code: 'net.busy' });
    expect(hub.seen.filter((seen) => seen.path === '/down')).toHaveLength(3);
  });

  it.each([
    [401, 'pull.denied', /HF_TOKEN/],
    [403, 'pull.denied', /Accept the terms/],
    [404, 'pull.not-found', /no such/],
    [410, 'pull.not-found', /archived/],
  ])('says what status %i means', async (status, code, message) => {
    hub.serve('/a', { body: '', status });
    await expect(download(task(`${hub.url}/a`, { whose: 'hugging-face' }))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('does not take a login page for a model', async () => {
    hub.serve('/a', { body: '<!DOCTYPE html><title>Sign in</title>' });
    await expect(download(task(`${hub.url}/a`))).rejects.toMatchObject({ code: 'pull.not-a-model' });
  });

  it('follows redirects without the token, and not in circles', async () => {
    const other = await TestHub.start();
    const body = lora();
    other.serve('/signed', { body });
    hub.serve('/a', { body: '', status: 302, headers: { location: `${other.url}/signed` } });
    hub.serve('/loop', { body: '', status: 302, headers: { location: '/loop' } });
    await download(task(`${hub.url}/a`, { authorization: 'Bearer secret' }));
    expect(hub.seen[0]!.authorization).toBe('Bearer secret');
    expect(other.seen[0]!.authorization).toBeUndefined();
    await other.stop();
    rmSync(join(root, 'out'), { recursive: true });
    await expect(download(task(`${hub.url}/loop`))).rejects.toMatchObject({ code: 'net.redirects' });
  });

  it('refuses to begin when the disk has no room', async () => {
    hub.serve('/a', { body: lora(), claimBytes: 2 ** 50 });
    await expect(download(task(`${hub.url}/a`))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/needs \d+ MiB and there are \d+ MiB free/),
    });
  });

  it('lets one fetch a file at a time', async () => {
    const lock = lockFile(join(root, 'x.lock'));
    expect(() => lockFile(join(root, 'x.lock'))).toThrow(expect.objectContaining({ code: 'pull.locked' }));
    lock.release();
    lockFile(join(root, 'x.lock')).release();
    expect(files(root)).toEqual(['x.lock']);
  });

  it('does not touch another file of the same name', async () => {
    mkdirSync(join(root, 'out'));
    writeFileSync(join(root, 'out/a.safetensors'), 'mine');
    hub.serve('/a', { body: lora() });
    await expect(download(task(`${hub.url}/a`, { sha256: '0'.repeat(64) }))).rejects.toMatchObject({
      code: 'pull.exists',
    });
    expect(readFileSync(join(root, 'out/a.safetensors'), 'utf8')).toBe('mine');
  });
});

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '2002:7f00:1::',
    '64:ff9b::7f00:1',
    'nonsense',
  ])('%s is private', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });

  it('are refused when they are private, by number, by name and by redirect', async () => {
    hub.serve('/a', { body: 'x' });
    const port = new URL(hub.url).port;
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f.1', '2130706433']) {
      await expect(httpGet(`http://${host}:${port}/a`), host).rejects.toMatchObject({ code: 'net.private-address' });
    }
    for (const url of ['file:///etc/passwd', 'ftp://a/b', 'http://user:pass@example.org/', 'nonsense']) {
      await expect(httpGet(url), url).rejects.toMatchObject({ code: 'net.url' });
    }
    expect(hub.seen).toHaveLength(0);
  });
});

describe('sources', () => {
  const hosts = { huggingFace: 'https://mirror.example', civitai: 'https://civitai.com' };
  it.each([
    ['owner/name', { type: 'hugging-face', repo: 'owner/name', revision: 'main' }],
    [
      'hf:owner/name/sub/file.safetensors',
      { type: 'hugging-face', repo: 'owner/name', revision: 'main', path: 'sub/file.safetensors' },
    ],
    ['hf:owner/name@v1/f.ckpt', { type: 'hugging-face', repo: 'owner/name', revision: 'v1', path: 'f.ckpt' }],
    [
      'https://huggingface.co/o/n/blob/main/a%20b.safetensors',
      { type: 'hugging-face', repo: 'o/n', revision: 'main', path: 'a b.safetensors' },
    ],
    [
      'https://huggingface.co/o/n/resolve/abc/x.pt?download=true',
      { type: 'hugging-face', repo: 'o/n', revision: 'abc', path: 'x.pt' },
    ],
    ['https://mirror.example/o/n', { type: 'hugging-face', repo: 'o/n', revision: 'main' }],
    [
      'https://civitai.com/models/4384/dreamshaper?modelVersionId=128713',
      { type: 'civitai', modelId: 4384, versionId: 128713 },
    ],
    ['https://civitai.com/models/4384', { type: 'civitai', modelId: 4384 }],
    ['https://civitai.com/api/download/models/128713?type=Model', { type: 'civitai', versionId: 128713 }],
    ['urn:air:sdxl:lora:civitai:303929@341209', { type: 'civitai', modelId: 303929, versionId: 341209 }],
    [
      'urn:air:sd1:checkpoint:civitai:4384@128713+99.safetensors',
      { type: 'civitai', modelId: 4384, versionId: 128713, fileId: 99 },
    ],
    ['urn:air:sdxl:repository:huggingface:org/name@main', { type: 'hugging-face', repo: 'org/name', revision: 'main' }],
    ['879DB523C3', { type: 'civitai-hash', hash: '879DB523C3' }],
    ['https://example.org/a.safetensors', { type: 'url', url: 'https://example.org/a.safetensors' }],
    ['/models/a.safetensors', { type: 'local', path: '/models/a.safetensors' }],
    ['~/a.safetensors', { type: 'local', path: join(homedir(), 'a.safetensors') }],
  ])('reads %s', (text, source) => {
    expect(parsePullSource(text, hosts)).toEqual(source);
  });

  it.each([
    '',
    'one',
    'a/b/c',
    'hf:a',
    'hf:o/n/../x',
    'urn:air:x',
    'file:///etc/passwd',
    'magnet:?xt=1',
    'a b/c',
    'x\ny',
  ])('refuses %j', (text) => {
    expect(() => parsePullSource(text, hosts)).toThrow(expect.objectContaining({ code: 'pull.source' }));
  });

  it('takes addresses, tokens and the cache from the environment as Hugging Face does', () => {
    expect(servicesFromEnvironment({}, '/home/x')).toMatchObject({
      hosts: { huggingFace: 'https://huggingface.co' },
      tokens: {},
      hubCache: '/home/x/.cache/huggingface/hub',
    });
    const env = { HF_ENDPOINT: 'https://m/', HF_TOKEN: 't', HF_HOME: '/h', CIVITAI_TOKEN: 'c' };
    expect(servicesFromEnvironment(env, '/home/x')).toMatchObject({
      hosts: { huggingFace: 'https://m' },
      tokens: { 'hugging-face': 't', civitai: 'c' },
      hubCache: '/h/hub',
    });
    expect(servicesFromEnvironment({ ...env, HF_HUB_CACHE: '/c' }, '/').hubCache).toBe('/c');
    const hosts = { DARKROOM_PRIVATE_HOSTS: 'hub.lan, 10.0.0.5:8080' };
    expect(servicesFromEnvironment(hosts, '/').allowPrivate).toEqual(['hub.lan', '10.0.0.5:8080']);
    expect(servicesFromEnvironment({}, '/').allowPrivate).toEqual([]);
  });

  it('knows where its starters come from, and can use each of them', () => {
    const usable = new Set(families.map(({ id }) => id));
    for (const { source, sha256, bytes, name, kind, family } of starters) {
      expect(kind === 'upscaler' || usable.has(family!), `${name}, a ${kind} of ${family}`).toBe(true);
      expect(kind, name).not.toBe('unknown');
      expect(parsePullSource(source, hosts).type).toMatch(/hugging-face|url/);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(bytes).toBeGreaterThan(1e6);
    }
    expect(new Set(starters.map((starter) => starter.file ?? starter.source.split('/').at(-1))).size).toBe(
      starters.length,
    );
  });
});

it('tells what starters take: memory by their family, time by what the like of them drew', async () => {
  const memoryOf = async (family: string, side = 512) =>
    family === 'sd1' ? { size: { width: side, height: side }, usual: 6e9, least: 4e9 } : undefined;
  const request = { ...generateSchema.parse({ prompt: 'a', steps: 10 }), model: 'mine' };
  const done = [{ request, inputs: [], startedAt: 0, finishedAt: 30_000 }] as unknown as PictureJob[];
  const told = async (bytes: number) => {
    const models = [{ name: 'mine', description: { family: 'sd1' }, bytes }] as LibraryModel[];
    return await toldStarters({ models, done, memoryOf });
  };
  const [first, ...others] = await told(2e9);
  // Ten steps took 30 seconds, so twenty take a minute.
  expect(first).toMatchObject({ memory: { usual: 6e9, least: 4e9 }, seconds: 60 });
  expect(others.find(({ family }) => family === 'sdxl')).not.toHaveProperty('memory');
  expect(others.find(({ kind }) => kind === 'vae')).not.toHaveProperty('memory');
  // A tiny model of the same family says nothing about it.
  expect((await told(57e6))[0]!.seconds).toBeUndefined();
});

describe('pulls', () => {
  const models = () => join(root, 'models');
  const cache = () => join(root, 'cache');
  let installed = 0;

  /** What the studio does, without all that is not about pulls. */
  function start(Queue = SqliteJobQueue): Pulls {
    installed = 0;
    mkdirSync(models(), { recursive: true });
    const services = {
      hosts: { huggingFace: hub.url, civitai: hub.url },
      tokens: { 'hugging-face': 'hf-secret', civitai: 'c-secret' },
      hubCache: cache(),
      allowPrivate: true,
    };
    const queue = new Queue(db, bus.emit);
    queue.recover(({ delivered }) => delivered);
    const progress = new ProgressBoard(bus.emit);
    const describe = describeModel;
    const parts = { services, roots: [models()], describe, onInstalled: () => void installed++, retryMs: 1 };
    const runner = new PullRunner(parts);
    const worker = new Worker({ queue, runner, progress, isReady: () => true, log: () => {}, retryMs: 1 });
    open.push(worker);
    worker.start();
    const control: JobControl = {
      queue,
      async cancel(id) {
        const job = await queue.cancel(id);
        if (!worker.stop(id, 'cancel')) await worker.discard(job as Job<'pull'>);
        return job;
      },
      async pause(id) {
        worker.stop(id, 'pause');
        return await queue.hold(id);
      },
      clear: async (filter) => (await queue.clear(filter)).length,
      async settled(id) {
        let job = await queue.get(id);
        for (; job!.state === 'queued' || job!.state === 'running'; job = await queue.get(id)) await tick();
        return job!;
      },
    };
    return new Pulls({ jobs: control, progress, hosts: services.hosts, emit: bus.emit });
  }

  const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

  async function pull(pulls: Pulls, source: string, options = {}): Promise<Pull> {
    return await pulls.wait((await pulls.add(source, options)).id);
  }

  async function begun(pulls: Pulls, id: string): Promise<void> {
    while ((await pulls.get(id)).done === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  const commit = 'c'.repeat(40);

  function serveRepo(repo: string, contents: Record<string, Buffer | string>): void {
    const siblings = Object.entries(contents).map(([rfilename, body]) => {
      hub.serve(`/${repo}/resolve/${commit}/${rfilename}`, { body });
      const size = Buffer.from(body as string).length;
      const blobId = createHash('sha1').update(rfilename).digest('hex');
      return typeof body === 'string'
        ? { rfilename, size, blobId }
        : { rfilename, size, blobId, lfs: { sha256: sha(body), size } };
    });
    hub.json(`/api/models/${repo}/revision/main`, { sha: commit, siblings, cardData: { license: 'openrail++' } });
  }

  it('ends well though the database is locked for longer than the queue waits', async () => {
    const body = lora();
    serveRepo('owner/name', { 'style.safetensors': body });
    let refused = 0;
    const busy = (isEnd: boolean) => {
      if (!isEnd || ++refused % 4 === 0) return;
      throw new DarkroomError('store.busy', 'another program is writing to it');
    };
    class LockedQueue extends SqliteJobQueue {
      override async report(...given: Parameters<SqliteJobQueue['report']>): Promise<void> {
        busy(given[1].delivered !== undefined);
        await super.report(...given);
      }
      override async finish(...given: Parameters<SqliteJobQueue['finish']>): Promise<Job> {
        busy(true);
        return await super.finish(...given);
      }
    }
    const done = await pull(start(LockedQueue), 'owner/name');
    expect(done).toMatchObject({ state: 'done', done: body.length, error: undefined });
    expect([installed, refused]).toEqual([1, 8]);
  });

  it('installs a file of a Hugging Face repository through the hub’s cache, once', async () => {
    const body = lora();
    serveRepo('owner/name', { 'style.safetensors': body, 'README.md': 'hello' });
    const pulls = start();
    const done = await pull(pulls, 'owner/name');
    expect(done).toMatchObject({ state: 'done', title: 'owner/name', done: body.length, total: body.length });
    expect(installed).toBe(1);
    const file = join(models(), 'loras/style.safetensors');
    expect(readFileSync(file)).toEqual(body);
    expect(JSON.parse(readFileSync(join(models(), 'loras/style.darkroom.json'), 'utf8'))).toEqual({
      source: `${hub.url}/owner/name`,
      licence: 'openrail++',
    });
    const repo = join(cache(), 'models--owner--name');
    expect(readFileSync(join(repo, 'refs/main'), 'utf8')).toBe(commit);
    expect(readlinkSync(join(repo, `snapshots/${commit}/style.safetensors`))).toBe(`../../blobs/${sha(body)}`);
    expect(statSync(join(repo, 'blobs', sha(body))).ino).toBe(statSync(file).ino);
    expect(hub.seen.every((seen) => seen.authorization === 'Bearer hf-secret')).toBe(true);
    rmSync(join(models(), 'loras'), { recursive: true });
    hub.seen.length = 0;
    expect((await pull(pulls, 'hf:owner/name/style.safetensors')).state).toBe('done');
    expect(readFileSync(file)).toEqual(body);
    expect(hub.seen.map((seen) => seen.path)).toEqual(['/api/models/owner/name/revision/main']);
    expect(files(models()).filter((name) => name.includes('.darkroom-downloads/'))).toEqual([]);
  });

  it('installs a diffusers folder without what is not needed', async () => {
    const weights = lora();
    serveRepo('o/diff', {
      'model_index.json': '{}',
      'unet/config.json': '{}',
      'unet/diffusion_pytorch_model.safetensors': weights,
      'unet/diffusion_pytorch_model.fp16.safetensors': lora(8, 3),
      'unet/diffusion_pytorch_model.bin': lora(8, 4),
      'vae/config.json': '{}',
      'vae/diffusion_pytorch_model.bin': lora(8, 5),
      'text_encoder/config.json': '{}',
      'text_encoder/model.safetensors.index.json': '{}',
      'text_encoder/model-00001-of-00002.safetensors': lora(8, 8),
      'text_encoder/model-00002-of-00002.safetensors': lora(8, 9),
      'text_encoder/model.safetensors.index.fp16.json': '{}',
      'text_encoder/model.fp16-00001-of-00002.safetensors': lora(8, 10),
      'text_encoder/model.fp16-00002-of-00002.safetensors': lora(8, 11),
      'text_encoder/pytorch_model.bin.index.json': '{}',
      'text_encoder/pytorch_model-00001-of-00001.bin': lora(8, 12),
      'text_encoder_2/model.safetensors.index.fp16.json': '{}',
      'text_encoder_2/model.fp16-00001-of-00001.safetensors': lora(8, 13),
      'text_encoder_2/pytorch_model.bin': lora(8, 14),
      'tokenizer/vocab.json': '{}',
      'tokenizer/merges.txt': 'a b',
      'safety_checker/model.safetensors': lora(8, 6),
      'unet/../../../evil.json': '{}',
      'v1-5.ckpt': lora(8, 7),
    });
    expect((await pull(start(), 'o/diff')).state).toBe('done');
    expect(files(join(models(), 'checkpoints')).filter((name) => /\.\w+$/.test(name))).toEqual([
      'diff.darkroom.json',
      'diff/model_index.json',
      'diff/text_encoder/config.json',
      'diff/text_encoder/model-00001-of-00002.safetensors',
      'diff/text_encoder/model-00002-of-00002.safetensors',
      'diff/text_encoder/model.safetensors.index.json',
      'diff/text_encoder_2/model.fp16-00001-of-00001.safetensors',
      'diff/text_encoder_2/model.safetensors.index.fp16.json',
      'diff/tokenizer/merges.txt',
      'diff/tokenizer/vocab.json',
      'diff/unet/config.json',
      'diff/unet/diffusion_pytorch_model.safetensors',
      'diff/vae/config.json',
      'diff/vae/diffusion_pytorch_model.bin',
    ]);
  });

  it('asks which when a repository holds several models, and says when there is none', async () => {
    serveRepo('o/many', { 'a.safetensors': lora(), 'b.safetensors': lora(8, 2) });
    serveRepo('o/none', { 'README.md': 'x' });
    const pulls = start();
    expect((await pull(pulls, 'o/many')).error).toMatchObject({
      code: 'pull.choose',
      message: expect.stringContaining('hf:o/many/b'),
    });
    expect((await pull(pulls, 'o/none')).error).toMatchObject({ code: 'pull.not-found' });
    expect((await pull(pulls, 'o/missing')).error).toMatchObject({ code: 'pull.not-found' });
  });

  it.each([
    ['https://civitai.com/models/7', '/api/v1/models/7'],
    ['https://civitai.com/models/7?modelVersionId=70', '/api/v1/model-versions/70'],
    ['urn:air:sd1:lora:civitai:7@70', '/api/v1/model-versions/70'],
    ['ABCDEF0123', '/api/v1/model-versions/by-hash/ABCDEF0123'],
  ])('installs from Civitai by %s', async (source, first) => {
    const body = lora();
    const version = {
      id: 70,
      modelId: 7,
      name: 'v2',
      baseModel: 'SD 1.5',
      trainedWords: ['foxy'],
      files: [
        { id: 1, name: 'fox.pt', type: 'Model', metadata: { format: 'PickleTensor' } },
        {
          id: 2,
          name: 'fox.safetensors',
          type: 'Model',
          primary: true,
          metadata: { format: 'SafeTensor' },
          hashes: { SHA256: sha(body).toUpperCase() },
          downloadUrl: `${hub.url}/api/download/models/70`,
        },
        { id: 3, name: 'data.zip', type: 'Training Data' },
      ],
    };
    hub.json('/api/v1/models/7', {
      id: 7,
      name: 'Fox',
      type: 'LORA',
      allowCommercialUse: ['Image'],
      allowNoCredit: false,
      modelVersions: [{ id: 70 }, { id: 60 }],
    });
    hub.json('/api/v1/model-versions/70', version);
    hub.json('/api/v1/model-versions/by-hash/ABCDEF0123', version);
    const other = await TestHub.start();
    other.serve('/signed', { body });
    hub.serve('/api/download/models/70', { body: '', status: 307, headers: { location: `${other.url}/signed` } });
    const done = await pull(start(), source);
    expect(done).toMatchObject({ state: 'done', title: 'Fox (v2)' });
    expect(hub.seen[0]).toMatchObject({ path: first, authorization: 'Bearer c-secret' });
    expect(other.seen[0]!.authorization).toBeUndefined();
    await other.stop();
    expect(readFileSync(join(models(), 'loras/fox.safetensors'))).toEqual(body);
    expect(JSON.parse(readFileSync(join(models(), 'loras/fox.darkroom.json'), 'utf8'))).toMatchObject({
      triggerWords: ['foxy'],
      baseModel: 'SD 1.5',
      licence: 'commercial use: Image; credit required',
    });
  });

  it('installs from any address, under the name its server gives', async () => {
    const body = lora();
    hub.serve('/get', {
      body,
      headers: { 'content-disposition': `attachment; filename="x.pt"; filename*=UTF-8''a%20style.safetensors` },
    });
    hub.serve('/evil', { body, headers: { 'content-disposition': 'attachment; filename="../../evil.safetensors"' } });
    hub.serve('/page.html', { body: '<html>' });
    const pulls = start();
    expect((await pull(pulls, `${hub.url}/get`, { sha256: sha(body) })).state).toBe('done');
    expect(existsSync(join(models(), 'loras/a style.safetensors'))).toBe(true);
    expect((await pull(pulls, `${hub.url}/get`, { name: 'mine.safetensors' })).state).toBe('done');
    expect((await pull(pulls, `${hub.url}/get`, { name: '../x.safetensors' })).error?.code).toBe('pull.options');
    expect((await pull(pulls, `${hub.url}/evil`)).error?.code).toBe('pull.not-a-model');
    expect((await pull(pulls, `${hub.url}/page.html`)).error?.code).toBe('pull.not-a-model');
    expect((await pull(pulls, `${hub.url}/get`, { sha256: '1'.repeat(64) })).error?.code).toBe('pull.hash');
    expect(files(root).filter((name) => name.includes('evil'))).toEqual([]);
  });

  it('copies from a path, and leaves what is in the library where it is', async () => {
    const body = lora();
    const from = join(root, 'elsewhere.safetensors');
    writeFileSync(from, body);
    const pulls = start();
    const done = await pull(pulls, from);
    expect(done).toMatchObject({ state: 'done', files: [{ path: join(models(), 'loras/elsewhere.safetensors') }] });
    expect(readFileSync(from)).toEqual(body);
    const inside = join(models(), 'loras/elsewhere.safetensors');
    expect((await pull(pulls, inside)).files[0]!.path).toBe(inside);
    expect((await pull(pulls, join(root, 'gone.safetensors'))).error?.code).toBe('pull.not-found');
    expect((await pull(pulls, from)).error?.code).toBe('pull.exists');
    writeFileSync(join(root, 'junk.safetensors'), 'junk');
    expect((await pull(pulls, join(root, 'junk.safetensors'))).error?.code).toBe('pull.kind');
  });

  it('holds, goes on over a restart, and cancels without a trace', async () => {
    const body = lora(512);
    hub.serve('/big.safetensors', { body, breakAfter: 50_000, stallAfter: 40_000 });
    const first = start();
    const { id } = await first.add(`${hub.url}/big.safetensors`, { sha256: sha(body) });
    await begun(first, id);
    expect((await first.pause(id)).state).toBe('paused');
    const kept = files(models()).find((name) => name.endsWith('.part'));
    expect(kept).toBeDefined();
    await open.pop()!.close();
    const second = start();
    expect((await second.get(id)).state).toBe('paused');
    await second.resume(id);
    expect((await second.wait(id)).state).toBe('done');
    hub.serve('/more.safetensors', { body, stallAfter: 40_000 });
    const more = await second.add(`${hub.url}/more.safetensors`);
    await begun(second, more.id);
    expect((await second.cancel(more.id)).state).toBe('cancelled');
    expect(files(models()).filter((name) => name.includes(more.id) || name.includes('more'))).toEqual([]);
    await second.remove(more.id);
    expect((await second.list()).map((each) => each.id)).toEqual([id]);
    await expect(second.get(more.id)).rejects.toMatchObject({ code: 'pull.unknown' });
  });

  it('takes up what was running when the studio died', async () => {
    const body = lora();
    hub.serve('/a.safetensors', { body });
    const queue = new SqliteJobQueue(db, bus.emit);
    const request = { source: `${hub.url}/a.safetensors` };
    await queue.add([{ id: 'p', kind: 'pull', user: 'local', request, total: 0 }]);
    await queue.take('pull');
    expect((await start().wait('p')).state).toBe('done');
  });

  it('refuses folders that are not the library’s, and sources that are none', async () => {
    hub.serve('/a.safetensors', { body: lora() });
    const pulls = start();
    expect((await pull(pulls, `${hub.url}/a.safetensors`, { root: '/etc' })).error?.code).toBe('pull.root');
    await expect(pulls.add('what?')).rejects.toMatchObject({ code: 'pull.source' });
    await expect(pulls.add('o/n', { sha256: 'x' })).rejects.toMatchObject({ code: 'pull.hash' });
  });
});
