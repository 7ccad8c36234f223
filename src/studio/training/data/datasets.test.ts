import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { png } from '../../../../test/faults/hostile/bytes.ts';
import { changePicture } from './change-picture.ts';
import { readDataset } from './dataset.ts';
import { Datasets } from './datasets.ts';
import { tellChangedPictures } from './known-pictures.ts';
import { openPicture } from './open-picture.ts';
import { averagedMask, preparePicture } from './prepared-picture.ts';
import { scanPicture } from './scan.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-datasets-'));
const folder = join(root, 'pictures');
const options = { captionExtension: '.txt' };

const waves = (shift: number, side = 200) =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="${side}" height="${side}" fill="#246"/><circle cx="${60 + shift}" cy="80" r="50" fill="#fd8"/></svg>`,
    ),
  );

/** A JPEG with bytes that say nothing behind its first segment: libjpeg warns of them, viewers do not. */
function strayBytes(jpeg: Buffer): Buffer {
  const end = 4 + jpeg.readUInt16BE(4);
  return Buffer.concat([jpeg.subarray(0, end), Buffer.alloc(9), jpeg.subarray(end)]);
}

beforeAll(async () => {
  mkdirSync(join(folder, '3_sks dog'), { recursive: true });
  await waves(0)
    .png()
    .toFile(join(folder, '3_sks dog', 'one.png'));
  await waves(1)
    .jpeg()
    .toFile(join(folder, '3_sks dog', 'two.jpg'));
  await waves(60).png().toFile(join(folder, '007-a_red ball.png'));
  await waves(0, 12).png().toFile(join(folder, 'tiny.png'));
  writeFileSync(join(folder, 'broken.png'), 'not a picture');
  writeFileSync(join(folder, 'cut.png'), (await waves(70).png().toBuffer()).subarray(0, 1200));
  const jpeg = await waves(80).jpeg().toBuffer();
  writeFileSync(join(folder, 'stray.jpg'), strayBytes(jpeg));
  await waves(90).png().toFile(join(folder, 'wide.png'));
  writeFileSync(join(folder, 'wide.txt'), Buffer.from('\ufeffa wide one\r\n', 'utf16le'));
  await waves(95).png().toFile(join(folder, 'old.png'));
  writeFileSync(join(folder, 'old.txt'), Buffer.from('caf\xe9', 'latin1'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('reads folders as kohya names them, captions in every encoding, and says what is odd', async () => {
  const { items, warnings } = await readDataset(folder, options);
  const facts = items.map(({ name, repeats, caption }) => [name.replaceAll('\\', '/'), repeats, caption]);
  expect(facts).toEqual([
    ['007-a_red ball.png', 1, 'a red ball'],
    ['3_sks dog/one.png', 3, 'sks dog'],
    ['3_sks dog/two.jpg', 3, 'sks dog'],
    ['old.png', 1, 'café'],
    ['stray.jpg', 1, 'stray'],
    ['wide.png', 1, 'a wide one'],
  ]);
  expect(warnings.join(' ')).toMatch(/Cannot be read, left out: broken\.png \(.*\), cut\.png \(.*\)\./);
  expect(warnings.join(' ')).toMatch(/Too small, left out: tiny\.png \(12x12\)/);
  expect(warnings.join(' ')).toMatch(/read as Latin-1: old\.txt/);
  await expect(readDataset(join(root, 'none'), options)).rejects.toMatchObject({ code: 'training.data.missing' });
});

it('gives up a picture that takes too long, and names one that has too many pixels', async () => {
  const file = join(root, 'slow.png');
  await sharp({ create: { width: 2000, height: 2000, channels: 3, background: 'red' } })
    .png()
    .toFile(file);
  // Many seconds of work on any machine.
  await expect(openPicture(file, 1).median(101).toBuffer()).rejects.toThrow(/timeout/);
  const side = 20_000;
  const huge = join(root, 'huge.png');
  writeFileSync(huge, png({ width: side, height: side }));
  const facts = { caption: '', repeats: 1, mask: undefined, stamp: '' };
  const item = { ...facts, name: 'huge.png', file: huge, size: { width: side, height: side } };
  await expect(preparePicture(item, { width: 64, height: 64 })).rejects.toThrow(
    /huge\.png cannot be read: .*pixel limit.*Replace or remove it/,
  );
  const small = join(root, 'small.png');
  writeFileSync(small, png({ width: 8, height: 8 }));
  const mask = join(root, 'torn-mask.png');
  writeFileSync(mask, 'no picture');
  const masked = { ...item, name: 'small.png', file: small, mask, size: { width: 8, height: 8 } };
  await expect(preparePicture(masked, { width: 64, height: 64 }, { masked: true })).rejects.toThrow(
    /^the mask .*torn-mask\.png cannot be read: .*Replace or remove it/,
  );
});

it('cuts pictures to their bucket, mirrored and masked alike', async () => {
  const file = join(root, 'half.png');
  const left = { create: { width: 32, height: 64, channels: 4, background: 'red' } } as const;
  await sharp({ create: { width: 64, height: 64, channels: 4, background: '#0000' } })
    .composite([{ input: left, left: 0, top: 0 }])
    .png()
    .toFile(file);
  const item = {
    name: 'half.png',
    file,
    caption: '',
    repeats: 1,
    size: { width: 64, height: 64 },
    mask: undefined,
    stamp: '',
  };
  const bucket = { width: 32, height: 32 };
  const plain = await preparePicture(item, bucket, { masked: true });
  const mirrored = await preparePicture(item, bucket, { masked: true, mirrored: true });
  const cells = (mask: Float32Array | undefined) => Array.from(averagedMask(mask!, bucket, 16), (v) => Math.round(v));
  expect(cells(plain.mask)).toEqual([1, 0, 1, 0]);
  expect(cells(mirrored.mask)).toEqual([0, 1, 0, 1]);
  // Red at the left, white behind what is transparent.
  expect([plain.planes[0], plain.planes[32 * 32], plain.planes[31]]).toEqual([1, -1, 1]);
  expect(plain.planes[32 * 32 + 31]).toBe(1);
});

it('keeps datasets with captions and reports what is odd about them', async () => {
  const datasets = new Datasets(join(root, 'kept'));
  expect(await datasets.list()).toEqual([]);
  await datasets.create('dogs');
  await expect(datasets.create('dogs')).rejects.toMatchObject({ code: 'dataset.exists' });
  await expect(datasets.create('../dogs')).rejects.toMatchObject({ code: 'dataset.name' });
  const add = async (file: string, caption?: string) =>
    await datasets.add('dogs', readFileSync(join(folder, file)), 'png', caption);
  const first = await add('3_sks dog/one.png', 'a dog');
  await add('3_sks dog/two.jpg');
  const broken = await add('broken.png', 'nothing');
  await add('tiny.png', 'tiny');
  await datasets.setCaption('dogs', first, 'a good dog');
  const { pictures, report } = await datasets.scan('dogs', scanPicture);
  expect(pictures[0]).toEqual({ name: '00001.png', caption: 'a good dog', width: 200, height: 200 });
  expect(report).toMatchObject({
    count: 4,
    withoutCaption: ['00002.png'],
    broken: [broken],
    tiny: ['00004.png'],
    oddEncodings: [],
  });
  expect(report.nearDuplicates[0]).toEqual(expect.arrayContaining(['00001.png', '00002.png']));
  await datasets.remove('dogs', broken);
  expect(await datasets.list()).toEqual([{ name: 'dogs', pictures: 3 }]);
  await expect(datasets.file('dogs', '../../one.png')).rejects.toMatchObject({ code: 'dataset-picture.unknown' });
});

it('imports kohya’s folders, crops, mirrors and splits into datasets of their own', async () => {
  const datasets = new Datasets(join(root, 'tools'));
  await datasets.create('dogs');
  const masked = join(root, 'masked');
  mkdirSync(join(masked, '10_sks dog'), { recursive: true });
  const half = { create: { width: 60, height: 90, channels: 3, background: 'red' } } as const;
  await sharp({ create: { width: 120, height: 90, channels: 3, background: 'blue' } })
    .composite([{ input: half, left: 0, top: 0 }])
    .png()
    .toFile(join(masked, '10_sks dog', 'a.png'));
  await sharp({ create: { width: 120, height: 90, channels: 3, background: 'white' } })
    .composite([{ input: { create: { ...half.create, background: 'black' } }, left: 0, top: 0 }])
    .png()
    .toFile(join(masked, '10_sks dog', 'a.mask.png'));
  writeFileSync(join(masked, '10_sks dog', 'a.txt'), Buffer.from('caf\xe9', 'latin1'));
  await waves(9).png().toFile(join(masked, 'b.png'));
  writeFileSync(join(masked, 'c.png'), 'no picture');
  expect(await datasets.importFolder('dogs', masked)).toEqual(['10_sks dog/a.png', 'b.png', 'c.png']);
  const write = changePicture;
  const crop = { width: 40, height: 40, keep: 'centre' } as const;
  expect(await datasets.derive('dogs', 'cut', { crop }, { write })).toEqual({ pictures: 2, leftOut: ['c.png'] });
  const { items } = await readDataset(await datasets.folder('cut'), options);
  expect(items.map(({ repeats, caption, size }) => [repeats, caption, size])).toEqual([
    [10, 'café', { width: 40, height: 40 }],
    [1, 'b', { width: 40, height: 40 }],
  ]);
  const bucket = { width: 40, height: 40 };
  const prepared = await preparePicture(items[0]!, bucket, { masked: true });
  expect(Array.from(averagedMask(prepared.mask!, bucket, 20), Math.round)).toEqual([0, 1, 0, 1]);
  expect((await datasets.derive('cut', 'both', { mirrored: true }, { write, besides: true })).pictures).toBe(4);
  const both = await readDataset(await datasets.folder('both'), options);
  const mirrored = await preparePicture(both.items.find(({ name }) => /a-mirrored/.test(name))!, bucket, {
    masked: true,
  });
  expect(Array.from(averagedMask(mirrored.mask!, bucket, 20), Math.round)).toEqual([1, 0, 1, 0]);
  expect(await datasets.split('both', 'held', 0.25, 3)).toHaveLength(1);
  expect(await datasets.list()).toEqual([
    { name: 'both', pictures: 3 },
    { name: 'cut', pictures: 2 },
    { name: 'dogs', pictures: 3 },
    { name: 'held', pictures: 1 },
  ]);
  await expect(datasets.split('held', 'more', 0.5, 1)).rejects.toMatchObject({ code: 'dataset.split' });
});

it('tells which pictures and captions are not those that a training began with', async () => {
  const { items } = await readDataset(folder, options);
  const kept = new Map<string, string>();
  const files = {
    readText: (name: string) => Promise.resolve(kept.get(name)),
    writeText: (name: string, text: string) => Promise.resolve(void kept.set(name, text)),
    list: () => Promise.resolve(['step-12']),
  };
  const told: string[] = [];
  const tell = (shown: typeof items) => tellChangedPictures(files, shown, (message) => told.push(message));
  await tell(items.slice(1));
  await tell(items.slice(1));
  expect(told).toEqual([]);
  await tell([items[0]!, { ...items[1]!, caption: 'another' }, ...items.slice(3)]);
  expect(told).toEqual([
    `The training goes on with other pictures or captions; new: ${items[0]!.name}; gone: ${items[2]!.name}; changed: ${items[1]!.name}.`,
  ]);
});
