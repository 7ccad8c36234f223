import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type GenerateEvent, type GenerateRequest, generateSchema } from '#pipelines/request';
import { type FakeOptions, picture } from '../../../test/fixtures/fake-engine.ts';
import { ownModule } from '../files/own-module.ts';
import { EngineHost, type EngineHostOptions } from './host.ts';

const module = ownModule(import.meta.url, '../../../test/fixtures/fake-engine');

const hosts: EngineHost[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.dispose()));
});

function makeHost(options: FakeOptions = {}, extra: Partial<EngineHostOptions> = {}): EngineHost {
  const settings = { device: 'cpu', modelRoots: [], options: { ...options } };
  const host = new EngineHost({ module, settings, ...extra });
  hosts.push(host);
  return host;
}

const request = (prompt: string, extra: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...generateSchema.parse({ prompt, steps: 4, seed: 7, subseed: 1 }),
  ...extra,
});

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const imagesOf = (events: readonly GenerateEvent[]) => events.filter((event) => event.type === 'image');

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('engine host', () => {
  it('runs requests one after the other in one process and brings pixels home unchanged', async () => {
    const host = makeHost();
    const events = await collect(host.generate(request('a', { batchSize: 2, batchCount: 2 }), { previewEvery: 2 }));
    const images = imagesOf(events);
    expect(images.map((event) => event.index)).toEqual([0, 1, 2, 3]);
    expect(images.map((event) => event.seed)).toEqual([7, 8, 9, 10]);
    expect(images[3]!.image).toEqual(picture(request('a'), 10));
    expect(events[0]).toMatchObject({ type: 'loading' });
    expect(events.some((event) => event.type === 'preview')).toBe(true);
    const pid = host.status().pid;
    expect(imagesOf(await collect(host.generate(request('b'))))).toHaveLength(1);
    expect(host.status()).toMatchObject({ state: 'idle', starts: 1, pid });
  });

  it('carries errors over with their code, and works on after them', async () => {
    const host = makeHost();
    await expect(collect(host.generate(request('fake:mistake')))).rejects.toMatchObject({
      name: 'UserError',
      code: 'engine.unknown-sampler',
      message: 'There is no sampler of that name.',
    });
    await expect(collect(host.generate(request('fake:error')))).rejects.toMatchObject({ code: 'engine.failed' });
    expect(imagesOf(await collect(host.generate(request('fine'))))).toHaveLength(1);
    expect(host.status().starts).toBe(1);
  });

  it.each([
    ['fake:crash', 'engine.out-of-memory', /killed by the system/],
    ['fake:abort', 'engine.crashed', /SIGABRT/],
    ['fake:exit', 'engine.crashed', /exit code 3.*the end of the world/s],
  ])('reports the cause of %s and starts anew', async (prompt, code, message) => {
    const host = makeHost();
    await expect(collect(host.generate(request(prompt)))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(host.status()).toMatchObject({ state: 'stopped', lastCrash: { code } });
    expect(imagesOf(await collect(host.generate(request('fine'))))).toHaveLength(1);
  });

  it('delivers pictures that were finished before a crash', async () => {
    const host = makeHost();
    const got: GenerateEvent[] = [];
    const run = async () => {
      for await (const event of host.generate(request('fake:late-crash', { batchCount: 2 }))) got.push(event);
    };
    await expect(run()).rejects.toMatchObject({ code: 'engine.out-of-memory' });
    expect(imagesOf(got)).toHaveLength(1);
  });

  it('stops within a step of a cancel and keeps the process', async () => {
    const host = makeHost({ stepMs: 20 });
    const abort = new AbortController();
    const events: GenerateEvent[] = [];
    for await (const event of host.generate(request('a', { steps: 500 }), { signal: abort.signal })) {
      events.push(event);
      if (event.type === 'step' && event.step >= 3) abort.abort();
    }
    expect(imagesOf(events)).toHaveLength(0);
    const last = events.at(-1)!;
    expect(last.type === 'step' && last.step).toBeLessThan(10);
    expect(host.status()).toMatchObject({ state: 'idle', starts: 1 });
  });

  it('kills a process that does not heed the cancel, and is ready again', async () => {
    const host = makeHost({ stepMs: 20 }, { cancelGraceMs: 100 });
    const events: GenerateEvent[] = [];
    for await (const event of host.generate(request('fake:stubborn', { steps: 100_000 }))) {
      events.push(event);
      if (event.type === 'step') host.cancel();
    }
    expect(imagesOf(await collect(host.generate(request('next'))))).toHaveLength(1);
    expect(host.status().starts).toBe(2);
    expect(host.status().lastCrash).toBeUndefined();
  });

  it('respawns by itself after a kill in the middle of a step', async () => {
    const host = makeHost({ stepMs: 30_000 });
    const running = collect(host.generate(request('a')));
    while (host.status().state !== 'busy') await new Promise((resolve) => setTimeout(resolve, 20));
    const first = host.status().pid!;
    host.kill();
    expect(imagesOf(await running)).toHaveLength(0);
    while (host.status().state !== 'idle') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(alive(first)).toBe(false);
    expect(host.status().pid).not.toBe(first);
  });

  it('cancelled before it began, it makes nothing', async () => {
    const host = makeHost();
    const abort = new AbortController();
    abort.abort();
    expect(await collect(host.generate(request('a'), { signal: abort.signal }))).toEqual([]);
    expect(imagesOf(await collect(host.generate(request('b'))))).toHaveLength(1);
  });

  it('stops the engine when its reader leaves', async () => {
    const host = makeHost({ stepMs: 5 });
    for await (const event of host.generate(request('a', { steps: 10_000 }))) {
      if (event.type === 'step') break;
    }
    expect(host.status().state).toBe('idle');
    expect(imagesOf(await collect(host.generate(request('b'))))).toHaveLength(1);
  });

  it('gives its memory back after a time without work', async () => {
    const host = makeHost({}, { idleMs: 50 });
    await collect(host.generate(request('a')));
    const pid = host.status().pid!;
    while (host.status().state !== 'stopped') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(alive(pid)).toBe(false);
    expect(host.status().lastCrash).toBeUndefined();
    expect(imagesOf(await collect(host.generate(request('b'))))).toHaveLength(1);
  });

  it.runIf(existsSync('/proc/self/status'))('is killed above its memory limit, with the figures', async () => {
    const host = makeHost({ stepMs: 50 }, { memoryLimit: 300 * 2 ** 20 });
    await expect(collect(host.generate(request('fake:leak', { steps: 2000 })))).rejects.toMatchObject({
      code: 'engine.memory-limit',
      message: expect.stringMatching(/used \d+ MiB, more than its limit of 300 MiB/),
    });
  });

  it('says why it could not start', async () => {
    await expect(makeHost({ failToStart: true }).start()).rejects.toMatchObject({
      code: 'engine.start-failed',
      message: expect.stringContaining('There is no such device.'),
    });
    const missing = join(mkdtempSync(join(tmpdir(), 'darkroom-host-')), 'none.ts');
    const host = new EngineHost({ module: missing, settings: { device: 'cpu', modelRoots: [], options: {} } });
    await expect(host.start()).rejects.toMatchObject({ code: 'engine.start-failed' });
    await expect(makeHost({ startMs: 20_000 }, { startTimeoutMs: 300 }).start()).rejects.toMatchObject({
      code: 'engine.start-failed',
      message: expect.stringContaining('in time'),
    });
  });

  it('does not hold its parent’s event loop while the engine blocks its own', async () => {
    const host = makeHost({ stepMs: 100 });
    await host.start();
    let beats = 0;
    const beat = setInterval(() => beats++, 5);
    const beatsAtStep: number[] = [];
    for await (const event of host.generate(request('a', { steps: 6, width: 512, height: 512 }))) {
      if (event.type === 'step') beatsAtStep.push(beats);
    }
    clearInterval(beat);
    // A parent that shared the engine's 100 ms steps would not beat between them.
    for (let i = 1; i < beatsAtStep.length; i++) expect(beatsAtStep[i]!).toBeGreaterThan(beatsAtStep[i - 1]!);
  });
});
