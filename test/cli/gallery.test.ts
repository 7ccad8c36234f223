/** `darkroom gallery` on a studio that made pictures and was closed. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownModule } from '#studio/files/own-module';
import type { GalleryImage } from '#studio/gallery/image';
import { createStudio } from '#studio/studio';
import { cli, cliWith } from './run-cli.ts';

type Found = GalleryImage & { file: string };

const outputs = mkdtempSync(join(tmpdir(), 'darkroom-gallery-'));
afterAll(() => rmSync(outputs, { recursive: true }));

let board: string;
beforeAll(async () => {
  const studio = await createStudio({
    dataDir: join(outputs, '.darkroom'),
    outputsDir: outputs,
    engineModule: ownModule(import.meta.url, '../fixtures/fake-engine'),
    modelRoots: [],
  });
  const requests = [
    { prompt: 'a red fox', seed: 1, steps: 2 },
    { prompt: 'a blue boat', seed: 2, steps: 2, sampler: 'Euler' },
    { prompt: 'a red boat', seed: 3, steps: 2, sampler: 'Euler' },
  ];
  for (const request of requests) {
    const [job] = await studio.submit({ request });
    await studio.wait(job!.id);
  }
  board = (await studio.boards.create('local', 'Boats')).id;
  await studio.boards.add(
    board,
    studio.gallery.search({ text: 'boat' }).images.map(({ id }) => id),
  );
  await studio.close();
});

const gallery = async (...argv: string[]) => await cli('gallery', ...argv, '--outputs', outputs);

async function found(...argv: string[]): Promise<Found[]> {
  const { code, stdout, stderr } = await gallery(...argv, '--json');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout === '' ? [] : stdout.split('\n').map((line) => JSON.parse(line) as Found);
}

const prompts = async (...argv: string[]) => (await found('search', ...argv)).map((image) => image.prompt);

describe('gallery', () => {
  it('searches by words and facts', async () => {
    expect(await prompts()).toEqual(['a red boat', 'a blue boat', 'a red fox']);
    expect(await prompts('red')).toEqual(['a red boat', 'a red fox']);
    expect(await prompts('red', '--sampler', 'euler')).toEqual(['a red boat']);
    expect(await prompts('--order', 'oldest', '--limit', '1')).toEqual(['a red fox']);
    expect(await prompts('--board', 'boats', '--order', 'oldest')).toEqual(['a blue boat', 'a red boat']);
    const today = new Date();
    const day = `${today.getFullYear()}-${String(today.getMonth() + 1).padStart(2, '0')}-${String(today.getDate()).padStart(2, '0')}`;
    expect(await prompts('--to', '2020-01-01')).toEqual([]);
    expect(await prompts('--from', '2020-01-01', '--to', `${day}T23:59:59.999`)).toHaveLength(3);
    const { stdout, stderr } = await gallery('search', 'fox');
    expect(stdout).toMatch(/^\S{16} {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}64x64 .*-0000-1\.png {2}a red fox$/);
    expect(stderr).toBe('1 of 1 pictures');
    const shown = await cliWith({ shown: true }, 'gallery', 'search', 'fox', '--outputs', outputs);
    expect(shown.stdout.split('\n')).toEqual([
      expect.stringMatching(/^PICTURE +CREATED +SIZE +STARS +FILE +PROMPT$/),
      stdout,
    ]);
  });

  it('shows where a picture is and how it was made', async () => {
    const [fox] = await found('search', 'fox');
    expect(existsSync(fox!.file)).toBe(true);
    const { stdout } = await gallery('show', fox!.id);
    expect(stdout).toContain(`file: ${fox!.file}`);
    expect(stdout).toContain('infotext:\n  a red fox\n  Steps: 2, Sampler:');
  });

  it('rates and tags', async () => {
    const [fox] = await found('search', 'fox');
    expect((await found('rate', fox!.id, '4'))[0]!.rating).toBe(4);
    expect(await prompts('--min-rating', '4')).toEqual(['a red fox']);
    expect((await found('tag', fox!.id, 'Animal', 'keep'))[0]!.tags).toEqual(['animal', 'keep']);
    expect((await found('tag', fox!.id, 'keep', '--remove'))[0]!.tags).toEqual(['animal']);
    expect(await prompts('--tag', 'Animal')).toEqual(['a red fox']);
    expect((await gallery('tags')).stdout).toBe('1  animal');
    expect((await found('tag', fox!.id, '--replace'))[0]!.tags).toEqual([]);
  });

  it('throws away, brings back, and removes for good', async () => {
    const [boat] = await found('search', 'blue');
    const [thrown] = await found('trash', boat!.id);
    expect(existsSync(boat!.file)).toBe(false);
    expect(existsSync(thrown!.file)).toBe(true);
    expect(await prompts('blue')).toEqual([]);
    expect(await prompts('blue', '--trashed')).toEqual(['a blue boat']);
    expect((await found('restore', boat!.id))[0]!.file).toBe(boat!.file);
    expect(existsSync(boat!.file)).toBe(true);
    await found('trash', boat!.id);
    expect((await gallery('empty-trash', '--older-than', '1', '--yes')).stdout).toBe('0 removed');
    const asked = await gallery('empty-trash');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/for good\? There is no terminal.*--yes/)]);
    expect((await gallery('empty-trash', '--yes')).stdout).toBe('1 removed');
    expect(existsSync(thrown!.file)).toBe(false);
  });

  it('keeps boards, settings and pictures to train on, from the command line', async () => {
    const run = async (...argv: string[]): Promise<string> => {
      const { code, stdout, stderr } = await cli(...argv, '--outputs', outputs);
      expect([code, stderr]).toEqual([0, '']);
      return stdout;
    };
    await run('board', 'create', 'Foxes');
    expect(await run('board', 'list')).toMatch(/Foxes/);
    const asked = await cli('board', 'remove', 'Foxes', '--outputs', outputs);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/^darkroom: Remove this board\?.*--yes/)]);
    await run('board', 'remove', 'Foxes', '--yes');
    expect(await run('board', 'list')).not.toMatch(/Foxes/);
    await run('settings', 'set', '--preview-every', '7');
    expect(await run('settings', 'show')).toMatch(/previewEvery: 7/);
    await run('dataset', 'create', 'foxes');
    expect(await run('dataset', 'list')).toMatch(/^foxes {2}0$/m);
  });

  it.each([
    [['show', 'x'], 'There is no picture x.', 1],
    [['rate', 'x', '6'], 'rating must be at most 5; got 6.', 2],
    [['search', '--from', 'monday'], '--from must be a day like 2026-11-23 or a time; got "monday".', 2],
    [['search', '--board', 'x'], 'No board is called "x"; give one by its id: Boats (local, ', 1],
  ])('refuses %j', async (argv, message, exit) => {
    const { code, stderr } = await gallery(...argv);
    expect(code).toBe(exit);
    expect(stderr).toContain(`darkroom: ${message}`);
  });
});
