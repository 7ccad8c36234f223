/** `darkroom plot`, `prompts`, `loopback` and `batch` on a tiny model. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { cli, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-series-'));
afterAll(() => rmSync(folder, { recursive: true }));
const data = new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7) % 256);
const picture = await encodeImage({ width: 64, height: 64, channels: 3, data }, 'png', 'a fox\nSteps: 5, Seed: 1');
const photo = join(folder, 'photo.png');
writeFileSync(photo, picture);
const small = ['--model', tinyModel, '--width', '64', '--height', '64', '--seed', '3', '--threads', '1'];

const open = async (file: string) => await decodeImage(await readFile(file));

it('plots settings with a grid behind its pictures, each as it would be alone', async () => {
  const out = join(folder, 'plot.png');
  const axes = ['--x', 'steps=1,2', '--y', 'promptReplace=fox,dog', '--no-labels'];
  const { code, stdout } = await cli('plot', 'a fox', ...small, ...axes, '--out', out);
  const files = stdout.split('\n');
  expect([code, files.length]).toEqual([0, 5]);
  const grid = await open(files[4]!);
  expect([grid.image.width, grid.image.height]).toEqual([128, 128]);
  expect(grid.infotext).toMatch(/^a fox\nSteps: 1, .*Script: X\/Y\/Z plot, X Type: Steps, X Values: "1,2"/s);
  const last = await open(files[3]!);
  expect(last.infotext).toMatch(/^a dog\nSteps: 2, /);
  const alone = join(folder, 'alone.png');
  await cli('generate', 'a dog', ...small, '--steps', '2', '--out', alone);
  expect(Buffer.from(last.image.data).equals((await open(alone)).image.data)).toBe(true);
  expect(Buffer.from(grid.image.data.subarray(3 * (64 * 128 + 64), 3 * (64 * 128 + 128)))).toEqual(
    Buffer.from(last.image.data.subarray(0, 3 * 64)),
  );
});

it('draws the lines of a file, and loops', async () => {
  const list = join(folder, 'list.txt');
  writeFileSync(list, 'a fox\n--prompt "a dog" --seed 9 --steps 1\n');
  const lines = await cli('prompts', list, ...small, '--steps', '1', '--out', join(folder, 'lines.png'));
  expect(lines.code).toBe(0);
  expect((await open(join(folder, 'lines-2.png'))).infotext).toMatch(/^a dog\nSteps: 1, .*Seed: 9/s);
  const loops = ['--loops', '2', '--strength', '0.9', '--final-strength', '0.5', '--steps', '2', '--grid-only'];
  const out = join(folder, 'loops.png');
  const looped = await cli('loopback', photo, 'a fox', ...small, ...loops, '--out', out);
  expect([looped.code, looped.stdout]).toEqual([0, out]);
  expect((await open(out)).image.width).toBe(128);
});

it('draws over every picture of a folder under its own name', async () => {
  const from = join(folder, 'photos');
  mkdirSync(from);
  for (const name of ['b.png', 'a.jpg.png', 'notes.txt'])
    writeFileSync(join(from, name), name === 'notes.txt' ? 'x' : picture);
  const args = ['--steps', '1', '--strength', '0.5', '--own-prompts', '--masks', photo];
  const { code } = await cli('batch', from, 'in snow', ...small, ...args, '--out', join(folder, 'drawn'));
  expect([code, readdirSync(join(folder, 'drawn')).toSorted()]).toEqual([0, ['a.jpg.png', 'b.png']]);
  expect((await open(join(folder, 'drawn', 'b.png'))).infotext).toMatch(/^a fox, in snow\n/);
});

it.each([
  [['plot', 'a fox', '--x', 'flavour=1'], 'There is no axis "flavour"'],
  [['plot', 'a fox', '--x', 'steps'], '--x takes AXIS=VALUES'],
  [['matrix', 'a fox'], 'needs 1 to 8 parts'],
  [['prompts', join(folder, 'gone.txt')], 'gone.txt": there is no such file'],
  [['loopback', photo, '--loops', '0'], '--loops must be at least 1'],
  [['batch', join(folder, 'gone')], 'there is no such folder'],
  [['batch', folder, '--init', photo], 'the pictures are those of the folder'],
])('says what is wrong with %j', async (args, words) => {
  const { code, stderr } = await cli(...args, ...small, '--out', join(folder, 'none'));
  expect([code === 0, existsSync(join(folder, 'none'))]).toEqual([false, false]);
  expect(stderr).toContain(words);
});
