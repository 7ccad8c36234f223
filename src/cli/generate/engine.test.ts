import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PixelImage } from '#core/image';
import { generateSchema, type PictureEngine } from '#pipelines/request';
import { EngineHost } from '#studio/engine-host/host';
import { fixture } from '../../../test/cli/run-cli.ts';
import { engineFor } from './engine.ts';

const settings = { device: 'cpu', modelRoots: [], options: { threads: 1 } };
const folder = mkdtempSync(join(tmpdir(), 'darkroom-engine-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function drawn(engine: PictureEngine, model: string): Promise<PixelImage | undefined> {
  const request = generateSchema.parse({ prompt: 'a fox', model, steps: 1, seed: 5, width: 64, height: 64 });
  const init = { width: 64, height: 64, channels: 3 as const, data: new Uint8Array(3 * 64 * 64).fill(90) };
  try {
    for await (const event of engine.generate({ ...request, init })) if (event.type === 'image') return event.image;
    return undefined;
  } finally {
    await engine.dispose();
  }
}

describe.skipIf(process.platform !== 'linux')('the engine of commands', () => {
  it('has a process of its own for a large model, and draws there what it draws here', async () => {
    vi.stubEnv('MALLOC_MMAP_THRESHOLD_', undefined);
    const large = join(folder, 'large');
    cpSync(fixture('tiny-sd1'), large, { recursive: true });
    // Nothing on the disk, and nothing that is read.
    writeFileSync(join(large, 'other.bin'), '');
    truncateSync(join(large, 'other.bin'), 600e6);
    const [apart, here] = [await engineFor(settings, large), await engineFor(settings, fixture('tiny-sd1'))];
    expect(apart).toBeInstanceOf(EngineHost);
    expect(here).not.toBeInstanceOf(EngineHost);
    expect(await drawn(apart, large)).toEqual(await drawn(here, fixture('tiny-sd1')));
    expect((apart as EngineHost).status().state).toBe('stopped');

    vi.stubEnv('MALLOC_MMAP_THRESHOLD_', '65536');
    const told = await engineFor(settings, large);
    expect(told).not.toBeInstanceOf(EngineHost);
    await told.dispose();
  });
});
