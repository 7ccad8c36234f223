/** cpu: a family that `src` does not know draws end to end, from the one list that it is handed in. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { writeSafetensors } from '#formats/safetensors-writer';
import { describeFile } from '#models/detect';
import { loadCheckpoint } from '#models/load';
import { initialValue } from '#models/nn/init';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, type GenerateInput, generateSchema, type PictureEngine } from '#pipelines/request';
import { nodeModelFiles } from '#studio/files/model-files';
import { TrainingRandom } from '#training/random';
import { toy } from './toy-family/family.ts';
import { pooledWidth } from './toy-family/networks.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-toy-'));
const file = join(folder, 'toy.safetensors');
/** What the denoiser was fed, run by run. */
const seen: Record<string, HostTensor>[] = [];

function watched(backend: Backend): Backend {
  return {
    ...backend,
    dispose: () => backend.dispose(),
    async compile(graph, options) {
      const session = await backend.compile(graph, options);
      return {
        graph,
        dispose: () => session.dispose(),
        run: async (feeds) => {
          if (graph.name === 'net') seen.push({ ...feeds });
          return await session.run(feeds);
        },
      };
    },
  };
}

describe('a family outside of the sources', () => {
  let engine: PictureEngine;

  beforeAll(() => {
    const random = new TrainingRandom(7);
    const tensors = toy.parameters({}).map(({ name, shape, initializer }) => {
      const { data } = initialValue(shape, initializer, random);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return { name, shape, dtype: 'F32' as const, data: bytes };
    });
    writeFileSync(file, Buffer.concat(writeSafetensors(tensors)));
    engine = createPictureEngine({
      backend: watched(createOrtNodeBackend({ device: 'cpu', threads: 1 })),
      openModel: async () => {
        const { family, parts, weights } = await loadCheckpoint(nodeModelFiles, file, { families: [toy] });
        return { reference: { name: 'toy', family: family.id }, parts, weights, warnings: [] };
      },
    });
  });
  afterAll(async () => {
    await engine.dispose();
    rmSync(folder, { recursive: true });
  });

  async function draw(fields: GenerateInput): Promise<Extract<GenerateEvent, { type: 'image' }>> {
    const request = generateSchema.parse({ steps: 3, seed: 5, ...fields });
    for await (const event of engine.generate(request)) if (event.type === 'image') return event;
    throw new Error('no picture came');
  }

  it('is recognised by itself, and named where it cannot be run', async () => {
    const { family, description } = await loadCheckpoint(nodeModelFiles, file, { families: [toy] });
    expect([family.id, description.title]).toEqual(['toy', 'a Toy checkpoint']);
    await expect(loadCheckpoint(nodeModelFiles, file)).rejects.toThrow('a file of unknown kind');
    expect(describeFile(new Map(), { known: [toy] }).family).toBeUndefined();
  });

  it('draws at its own size, by its own words, channels and prediction', async () => {
    const first = await draw({ prompt: 'a fox' });
    expect([first.image.width, first.image.height, first.model.family]).toEqual([64, 48, 'toy']);
    expect((await draw({ prompt: 'a fox' })).image.data).toEqual(first.image.data);
    expect((await draw({ prompt: 'an owl' })).image.data).not.toEqual(first.image.data);
    expect(new Set(first.image.data).size).toBeGreaterThan(50);
  });

  it('reads its further input: the pooled text of each condition, and the size', async () => {
    seen.length = 0;
    await draw({ prompt: 'a fox', negativePrompt: 'an owl', width: 64, height: 96 });
    const { vector, sample } = seen[0]!;
    expect([vector!.shape, sample!.shape]).toEqual([
      [2, pooledWidth + 2],
      [2, 6, 24, 16],
    ]);
    const rows = [...(vector!.data as Float32Array)];
    expect(rows.slice(0, pooledWidth).some((value) => value !== 0)).toBe(true);
    expect(rows.slice(pooledWidth + 2, -2)).toEqual(Array.from({ length: pooledWidth }, () => 0));
    expect(rows.slice(-2)).toEqual([1, 1.5]);
  });

  it('starts from a picture', async () => {
    const init = (await draw({ prompt: 'a fox' })).image;
    const kept = await draw({ prompt: 'a fox', init, denoisingStrength: 0 });
    expect(kept.image.data).toEqual(init.data);
  });

  it('has no name in the sources', () => {
    const sources = fileURLToPath(new URL('../../src', import.meta.url));
    const naming = readdirSync(sources, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/\.test\.ts$/.test(entry.name))
      .filter((entry) => /['"]toy['"]/.test(readFileSync(join(entry.parentPath, entry.name), 'utf8')));
    expect(naming).toEqual([]);
  });
});
