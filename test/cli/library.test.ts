/** `darkroom library`: models in folders, and an index made from pictures alone. */

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { modelSchema } from '#api/records/model';
import { encodeImage } from '#studio/images/codec';
import { lockFolder } from '#studio/store/lock';
import { cli, fixture } from './run-cli.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-library-'));
afterAll(() => rmSync(root, { recursive: true }));

const outputs = join(root, 'outputs');
const models = join(root, 'models');
const embedding = fixture('adapters/embeddings/goldpt.pt');
const library = async (...argv: string[]) => await cli('library', ...argv, '--outputs', outputs);
const withModels = async (...argv: string[]) => await library(...argv, '--models-dir', models);

beforeAll(() => {
  mkdirSync(join(models, 'embeddings'), { recursive: true });
  copyFileSync(embedding, join(models, 'embeddings/gold.pt'));
  const card = { description: 'A golden thing.', 'activation text': 'gold, shiny', 'preferred weight': 0.8 };
  writeFileSync(join(models, 'embeddings/gold.json'), JSON.stringify(card));
  mkdirSync(join(models, 'Stable-diffusion'), { recursive: true });
  writeFileSync(join(models, 'Stable-diffusion/broken.safetensors'), 'no model');
});

describe('library of models', () => {
  it('lists them with what their headers and cards say', async () => {
    const { code, stdout } = await withModels('list', '--json');
    expect(code).toBe(0);
    const found = stdout.split('\n').map((line) => JSON.parse(line) as z.output<typeof modelSchema>);
    const [first] = found;
    expect(first).toMatchObject({ name: 'darkroom-mini', embedded: true, kind: 'checkpoint' });
    expect(found.find(({ name }) => name === 'gold')).toMatchObject({
      kind: 'embedding',
      card: { triggerWords: ['gold', 'shiny'] },
    });
    expect(found.find(({ name }) => name === 'broken')!.problem).toBeDefined();
    expect((await withModels('list', 'shiny')).stdout).toMatch(/^gold {2}.*embedding.* \(gold, shiny\)$/);
    expect((await withModels('list', '--kind', 'lora')).stderr).toMatch(/^No such models in /);
  });

  it('hashes a model and finds it by its hash', async () => {
    const sha256 = createHash('sha256').update(readFileSync(embedding)).digest('hex');
    const before = await withModels('info', 'gold');
    expect(before.stdout).toContain('sha256: not computed yet');
    const { code, stdout } = await withModels('hash', 'gold');
    expect(code).toBe(0);
    expect(stdout).toBe(`${sha256}  ${join(models, 'embeddings/gold.pt')}`);
    const info = (await withModels('info', sha256.slice(0, 10))).stdout;
    expect(info).toContain('name: gold\n');
    expect(info).toContain('trigger words: gold, shiny\n');
    expect(info).toContain(`short hash: ${sha256.slice(0, 10)}`);
    expect(info).toContain('weight: 0.8');
  });

  it('names the nearest where there is none', async () => {
    const { code, stderr } = await withModels('info', 'golt');
    expect(code).toBe(1);
    expect(stderr).toMatch(/called "golt"\. The nearest are: .*gold/);
  });
});

it('moves a model to the trash and brings it back', async () => {
  expect((await withModels('remove', 'darkroom-mini')).stderr).toContain('comes with Darkroom');
  expect((await withModels('remove', 'gold')).stdout).toContain('gold.pt');
  expect((await withModels('list', 'shiny')).stdout).toBe('');
  expect((await withModels('trash')).stdout).toContain('gold.pt');
  const asked = await withModels('purge', 'gold');
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/^darkroom: Remove these models for good\?/)]);
  expect((await withModels('restore', 'gold')).code).toBe(0);
  expect((await withModels('list', 'shiny')).stdout).toMatch(/^gold /);
  const { code, stderr } = await withModels('purge', 'gold', '--yes');
  expect(code).toBe(1);
  expect(stderr).toBe('darkroom: There is no model "gold" in the trash.');
});

describe('library rebuild', () => {
  it('makes the index from the picture files, also without a database', async () => {
    const day = join(outputs, '2026-01-02');
    mkdirSync(day, { recursive: true });
    const image = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
    writeFileSync(join(day, 'fox.png'), await encodeImage(image, 'png', 'a fox\nSteps: 5, Sampler: Euler, Seed: 1'));
    writeFileSync(join(day, 'bad.png'), 'not a picture');
    const first = await library('rebuild');
    expect(first.stdout).toBe('1 added, 0 kept, 0 away');
    expect(first.stderr).toMatch(/bad\.png: Expected a PNG/);
    const { stdout } = await cli('gallery', 'search', 'fox', '--json', '--outputs', outputs);
    expect(JSON.parse(stdout)).toMatchObject({ sampler: 'Euler', steps: 5, seed: 1, file: join(day, 'fox.png') });
    rmSync(join(day, 'fox.png'));
    expect(JSON.parse((await library('rebuild', '--json')).stdout)).toMatchObject({ added: 0, away: 1, kept: 0 });
  });

  it('leaves a studio alone that is running', async () => {
    const lock = lockFolder(join(outputs, '.darkroom'));
    const { code, stderr } = await library('rebuild');
    lock.release();
    expect(code).toBe(1);
    expect(stderr).toMatch(/Another Darkroom works on .* POST \/api\/v1\/gallery\/rebuild does the same\.$/);
  });
});
