/** What the memory plan tells before a job, against what a process of its own then takes. */

import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { Backend } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, generateSchema, type PictureEngine } from '#pipelines/request';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { modelOpener } from '#studio/library/open-model';
import { createEngine } from '../../src/engine-main.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const model = `${root}models/darkroom-mini.safetensors`;

/** Runs nothing that makes pictures of that width. */
function withoutRoomFor(width: number, backend: Backend): Backend {
  return {
    ...backend,
    async compile(graph, options) {
      if (graph.outputs['image']?.shape.at(-1) === width)
        throw new EngineError('out-of-memory', 'cpu', 'no memory left (a test)');
      return await backend.compile(graph, options);
    },
  };
}

describe('the memory of a job', () => {
  // The highest resident set of a process is read from /proc.
  it.skipIf(process.platform !== 'linux')('is told within 15% of what it takes', async () => {
    const script = ownModule(import.meta.url, '../../bench/memory/picture-process');
    const given = [...childExecArgv(), script, model, '20000000000', '512', '1'];
    const { stdout } = await promisify(execFile)(process.execPath, given);
    const { told, peak } = JSON.parse(stdout) as { told: { peak: number }; peak: number };
    expect(peak / told.peak).toBeGreaterThan(0.85);
    expect(peak / told.peak).toBeLessThan(1.15);
  });

  it.each([
    ['a fox', {}, 2],
    ['a fox', { cfgScale: 1 }, 1],
    ['a fox', { pagScale: 2, batchSize: 2 }, 6],
    ['a fox AND snow AND the moon:0.4', {}, 4],
    ['a fox AND snow', { cfgScale: 1 }, 3],
  ])('counts the rows of a step: %s %o', async (prompt, settings, rows) => {
    const engine = createEngine({ device: 'cpu', modelRoots: [], options: { memoryLimit: 20e9, threads: 1 } });
    for await (const event of engine.generate(generateSchema.parse({ prompt, model, steps: 1, ...settings }))) {
      if (event.type !== 'memory') continue;
      expect(event.plan).toContain(`${rows} ${rows === 1 ? 'row' : 'rows'} of the batch at once`);
      break;
    }
    await engine.dispose();
    expect.assertions(1);
  });

  it('is kept by tiles and rows, with about the same picture', async () => {
    const request = generateSchema.parse({ prompt: 'a red fox', model, steps: 2, seed: 3, width: 384, height: 256 });
    const draw = async (engine: PictureEngine) => {
      const events: GenerateEvent[] = [];
      for await (const event of engine.generate(request)) events.push(event);
      await engine.dispose();
      const [image] = events.flatMap((event) => (event.type === 'image' ? [event.image.data] : []));
      const [plan] = events.flatMap((event) => (event.type === 'memory' ? [event.plan] : []));
      const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
      return { image: Uint8Array.from(image!), warnings, plan };
    };
    const within = (memoryLimit: number) =>
      createEngine({ device: 'cpu', modelRoots: [], options: { memoryLimit, threads: 1 } });
    const whole = await draw(within(20e9));
    const tiled = await draw(within(1e8));
    expect(whole.warnings).toEqual([]);
    expect(tiled.plan).toMatch(/1 row of the batch at once; .*tiles of 32 cells/);
    expect(tiled.warnings).toEqual([
      expect.stringMatching(/works in tiles/),
      expect.stringMatching(/needs about .* are free/),
    ]);
    const differences = whole.image.map((v, i) => Math.abs(v - tiled.image[i]!));
    expect(differences.reduce((sum, v) => sum + v, 0) / differences.length).toBeLessThan(6);
    expect(differences.some((v) => v > 0)).toBe(true);

    // A device of which nobody knows how much it has, until it has none left.
    const backend = withoutRoomFor(384, createOrtNodeBackend({ device: 'cpu', threads: 1 }));
    const full = await draw(createPictureEngine({ backend, openModel: modelOpener([]) }));
    expect(full.warnings).toEqual([
      expect.stringMatching(/no memory left \(a test\); it is drawn once more, in the smallest parts/),
      tiled.warnings[0],
    ]);
    expect(full.image).toEqual(tiled.image);
  });

  it('is refused where the machine could never hold it', async () => {
    const engine = createPictureEngine({
      backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }),
      openModel: modelOpener([]),
      memory: { limit: () => 1e8, total: 2e8 },
    });
    const request = generateSchema.parse({ prompt: 'a fox', model, steps: 1, width: 1024, height: 1024 });
    const draw = async (): Promise<void> => {
      for await (const event of engine.generate(request)) expect(event.type).toBe('loading');
    };
    await expect(draw()).rejects.toMatchObject({
      code: 'memory.too-large',
      message: expect.stringMatching(/1024x1024 needs about .* this machine has 0.2 GB/) as unknown,
    });
    await engine.dispose();
  });

  it('counts a step cache and an upscaler between passes', async () => {
    const engine = createEngine({ device: 'cpu', modelRoots: [], options: { memoryLimit: 1e12 } });
    const peak = async (asked: object): Promise<number> => {
      const request = generateSchema.parse({ prompt: 'a fox', model, width: 256, height: 256, ...asked });
      return (await engine.estimate!(request))!.peak;
    };
    const plain = await peak({});
    expect(await peak({ stepCache: 3 })).toBeGreaterThan(plain);
    const hires = { hires: true, hiresScale: 2 };
    const latent = await peak({ ...hires, hiresUpscaler: 'Latent' });
    expect(await peak({ ...hires, hiresUpscaler: 'esrgan-medium-x4' })).toBeGreaterThan(latent);
    await engine.dispose();
  });
});
