/** Where pictures are written, and what is left when the disk gives up. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { PictureWriter, pictureTarget } from '#cli/generate/picture-files';
import type { PixelImage } from '#core/image';
import { type FileSystemCalls, systemCalls } from '#studio/files/whole-file';

const root = mkdtempSync(join(tmpdir(), 'darkroom-files-'));
afterAll(() => rmSync(root, { recursive: true }));

const image: PixelImage = { width: 8, height: 8, channels: 3, data: new Uint8Array(8 * 8 * 3) };
const now = new Date(2026, 2, 9);
const finished = (seed: number, index = 0, count = 1) => ({ image, seed, infotext: `seed ${seed}`, index, count });

it('goes on counting where the folder ends', async () => {
  const folder = join(root, 'numbers');
  mkdirSync(folder);
  writeFileSync(join(folder, '00041-7.png'), 'kept');
  writeFileSync(join(folder, 'notes.txt'), '');
  const writer = new PictureWriter(await pictureTarget(folder, undefined, now));
  expect(basename(await writer.write(finished(9)))).toBe('00042-9.png');
  expect(basename(await writer.write(finished(9)))).toBe('00043-9.png');
});

it('never replaces a picture that another process wrote meanwhile', async () => {
  const folder = join(root, 'race');
  const [one, other] = [undefined, undefined].map(() => new PictureWriter({ folder, stem: undefined, format: 'png' }));
  await one!.write(finished(1));
  // Both have read the folder before the other wrote.
  const writes = await Promise.all([one!.write(finished(2)), other!.write(finished(2)), one!.write(finished(2))]);
  expect(new Set(writes).size).toBe(3);
  expect(readdirSync(folder).length).toBe(4);
});

it('writes one file under its own name, several with a number', async () => {
  const target = await pictureTarget(join(root, 'own', 'fox.webp'), undefined, now);
  expect(target).toMatchObject({ stem: 'fox', format: 'webp' });
  const writer = new PictureWriter(target);
  expect(basename(await writer.write(finished(1)))).toBe('fox.webp');
  expect(basename(await writer.write(finished(1, 9, 12)))).toBe('fox-10.webp');
});

it.each([
  ['a folder', 'pictures', 'webp', 'webp', undefined],
  ['a folder with a slash', 'a.b/', undefined, 'png', undefined],
  ['a JPEG file', 'x.JPG', undefined, 'jpeg', 'x'],
] as const)('understands %s', async (_, out, asked, format, stem) => {
  const target = await pictureTarget(join(root, out) + (out.endsWith('/') ? '/' : ''), asked, now);
  expect([target.format, target.stem]).toEqual([format, stem]);
});

it('takes the day’s folder by default', async () => {
  const { folder } = await pictureTarget(undefined, undefined, now);
  expect(folder).toBe(join(process.cwd(), 'outputs', '2026-03-09'));
});

const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
const broken = async (): Promise<never> => {
  throw full;
};

it.each(['mkdir', 'open', 'write', 'sync'] as const)(
  'leaves nothing behind when the disk is full at %s',
  async (call) => {
    const folder = join(root, `full-${call}`);
    const calls: FileSystemCalls = { ...systemCalls, [call]: broken };
    const writer = new PictureWriter({ folder, stem: undefined, format: 'png' }, calls);
    await expect(writer.write(finished(1))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('the disk is full; free some space') as string,
    });
    expect(call === 'mkdir' ? [] : readdirSync(folder)).toEqual([]);
  },
);

it('keeps the picture that a full disk could not replace', async () => {
  const file = join(root, 'kept.png');
  writeFileSync(file, 'before');
  const writer = new PictureWriter(
    { folder: root, stem: 'kept', force: true, format: 'png' },
    { ...systemCalls, rename: broken },
  );
  await expect(writer.write(finished(1))).rejects.toMatchObject({ code: 'disk-full' });
  expect(readFileSync(file, 'utf8')).toBe('before');
});
