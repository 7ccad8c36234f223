/** Training on a folder of pictures as a user has it. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Color, type Sharp } from 'sharp';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { stepsOf, trainingConfigSchema } from '#training/config';
import type { StepReport } from '#training/loop';
import { TrainingRandom } from '#training/random';
import { pictureExtensions } from './data/picture-names.ts';
import { pictureFolder } from './picture-folder.ts';
import { configuredTraining } from './prepare.ts';
import { runTraining } from './runner.ts';
import { readTensorFile } from './tensor-file.ts';
import { readTrainedModel } from './trained-model.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-training-'));
const backend = createOrtNodeBackend({ device: 'cpu', threads: 2 });
afterAll(async () => {
  await backend.dispose();
  rmSync(root, { recursive: true, force: true });
});

let data = '';
let said: string[] = [];
beforeEach(() => {
  data = mkdtempSync(join(root, 'data-'));
  said = [];
});
const warn = (message: string): number => said.push(message);
const open = (needsCaptions = true, size = 32) => pictureFolder(data, { size, needsCaptions, warn });

const plain = (background: Color, width = 40, height = 40) =>
  sharp({ create: { width, height, channels: 4, background } });

async function write(name: string, picture: Sharp, caption?: string): Promise<void> {
  await picture.toFile(join(data, name));
  if (caption !== undefined) writeFileSync(join(data, name.replace(/\.\w+$/, '.txt')), caption);
}

/** Six plain pictures, named by their colours, in six formats. */
async function writeColours(): Promise<void> {
  mkdirSync(join(data, 'more'));
  const names = ['red.png', 'green.jpg', 'blue.webp', 'white.tiff', 'more/black.gif', 'more/yellow.avif'];
  for (const name of names) {
    const colour = /(\w+)\./.exec(name)![1]!;
    await write(name, plain(colour), `a plain ${colour}\n picture`);
  }
}

describe('a folder of pictures', () => {
  it('holds what the codec reads', () => {
    const read = Object.values(sharp.format).flatMap(({ input }) => (input.file ? (input.fileSuffix ?? []) : []));
    expect([...pictureExtensions].sort()).toEqual([...new Set(read)].sort());
  });

  it('is read in every format, with captions beside the pictures', async () => {
    await writeColours();
    const pictures = await open();
    expect(pictures.count).toBe(6);
    const random = new TrainingRandom(1);
    const captions = Array.from({ length: 6 }, (_, n) => pictures.caption(n, random));
    const item = 32 * 32 * 3;
    const pixels = await pictures.read([0, 1, 2, 3, 4, 5]);
    const expected: Record<string, number[]> = {
      red: [255, 0, 0],
      green: [0, 128, 0],
      blue: [0, 0, 255],
      white: [255, 255, 255],
      black: [0, 0, 0],
      yellow: [255, 255, 0],
    };
    expect(captions.toSorted()).toEqual(
      Object.keys(expected)
        .map((c) => `a plain ${c} picture`)
        .toSorted(),
    );
    for (const [n, caption] of captions.entries()) {
      const colour = [...pixels.subarray(n * item + 1200, n * item + 1203)];
      const wanted = expected[caption.split(' ')[2]!]!;
      for (const [c, value] of colour.entries()) expect(Math.abs(value - wanted[c]!), caption).toBeLessThan(6);
    }
  });

  it('is cropped to its middle, turned as the camera says, over white, one channel or sixteen bits as well', async () => {
    const left = await plain('red', 20, 60).png().toBuffer();
    const wide = plain('lime', 60, 60).composite([{ input: left, left: 0, top: 0 }]);
    await write('wide.png', sharp(await wide.png().toBuffer()).extend({ right: 60, background: 'blue' }), '');
    await write('glass.png', plain({ r: 0, g: 0, b: 0, alpha: 0 }), '');
    await write('grey.png', plain('#808080').removeAlpha().toColourspace('b-w'), '');
    await write('deep.png', plain('#804000').removeAlpha().toColourspace('rgb16'), '');
    const half = await plain('white', 40, 20).png().toBuffer();
    const turned = plain('black', 40, 40)
      .removeAlpha()
      .composite([{ input: half, left: 0, top: 0 }]);
    await write('turned.jpg', sharp(await turned.png().toBuffer()).withMetadata({ orientation: 6 }), '');
    const pictures = await open();
    const [deep, glass, grey, turnedPixels, wider] = await Promise.all([0, 1, 2, 3, 4].map((n) => pictures.read([n])));
    const at = (pixels: Uint8Array, x: number, y: number): number[] => [
      ...pixels.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3),
    ];
    expect(at(glass!, 5, 5)).toEqual([255, 255, 255]);
    expect(at(grey!, 5, 5)).toEqual([128, 128, 128]);
    expect(at(deep!, 5, 5).map((v) => Math.round(v / 4))).toEqual([32, 16, 0]);
    // Turned by a quarter clockwise, what was the upper half is the right one.
    expect(at(turnedPixels!, 28, 16)[0]).toBeGreaterThan(240);
    expect(at(turnedPixels!, 3, 16)[0]).toBeLessThan(15);
    // 120 x 60: from 30 to 90, lime up to 60, blue from there.
    expect(at(wider!, 4, 16)).toEqual([0, 255, 0]);
    expect(at(wider!, 28, 16)).toEqual([0, 0, 255]);
  });

  it('says what it leaves alone', async () => {
    await write('a.png', plain('red'), 'red');
    writeFileSync(join(data, 'notes.md'), '');
    writeFileSync(join(data, 'lost.txt'), 'no picture');
    writeFileSync(join(data, '.DS_Store'), '');
    expect((await open()).count).toBe(1);
    expect(said).toEqual(['left alone, neither a picture nor the caption of one: lost.txt, notes.md']);
  });

  it('is refused in a sentence when it is missing, empty, silent or broken', async () => {
    await expect(pictureFolder(join(data, 'none'), { size: 32, needsCaptions: true, warn })).rejects.toThrow(
      /there is no folder .*none; data names the folder of the pictures/,
    );
    await expect(open()).rejects.toThrow(/there is no picture in .*; expected files with one of .*\.png/);
    for (const name of ['a', 'b', 'c']) await write(`${name}.png`, plain('red'), name === 'b' ? 'red' : undefined);
    await expect(open()).rejects.toThrow(/2 of 3 pictures in .* have no caption: a\.png, c\.png\. .*such as a\.txt/);
    expect((await open(false)).count).toBe(3);
    writeFileSync(join(data, 'b.png'), 'not a picture');
    await expect(open(false)).rejects.toThrow(
      /1 of 3 pictures in .* cannot be read: b\.png \(.*\)\. Replace or remove/,
    );
    const whole = readFileSync(join(data, 'a.png'));
    writeFileSync(join(data, 'b.png'), whole.subarray(0, whole.length - 30));
    const pictures = await open(false);
    await expect(pictures.read([1])).rejects.toThrow(/the picture .*b\.png cannot be read: .*\. Replace or remove it/);
  });
});

const vae = { blockChannels: [8, 16], layersPerBlock: 1, normGroups: 4 };
const common = { steps: 3, batchSize: 2, learningRate: 0.001, checkpointEvery: 3, sampleEvery: 3, size: 32 };

async function trainIt(config: object): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  const parsed = trainingConfigSchema.parse({ ...common, data, ...config });
  const done = await runTraining(parsed, configuredTraining, {
    backend,
    root,
    log: warn,
    warn,
    report: (r) => reports.push(r),
  });
  expect(done).toBe(stepsOf(parsed));
  return reports;
}

function finite(reports: readonly StepReport[]): void {
  expect(reports.flatMap(({ metrics }) => Object.values(metrics)).every(Number.isFinite)).toBe(true);
}

const equal = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean =>
  a.length === b.length && Array.prototype.every.call(a, (value, i) => value === b[i]);

describe('training on a folder', { timeout: 300_000 }, () => {
  it('makes an autoencoder and then a model of its latents, with samples, and goes on where it stopped', async () => {
    await writeColours();
    finite(await trainIt({ task: 'autoencoder', run: 'vae', vae, crop: 16 }));
    const textEncoder = { width: 16, layers: 1, heads: 2, mlpWidth: 32 };
    const unet = {
      blockChannels: [16, 32],
      layersPerBlock: 1,
      transformerDepth: [0, 1],
      heads: [2, 2],
      contextWidth: 16,
      normGroups: 4,
    };
    const config = { task: 'text-to-image', run: 'mine', autoencoder: 'vae', textEncoder, unet, size: 64 };
    finite(await trainIt(config));
    const { width, height } = await sharp(
      join(root, 'mine/samples', readdirSync(join(root, 'mine/samples'))[0]!),
    ).metadata();
    expect([width, height]).toEqual([6 * 64, 64]);
    const model = await readTrainedModel(join(root, 'mine/model.safetensors'));
    expect(model.config).toMatchObject({ sampleSize: 32, prediction: 'v', unet: { contextWidth: 16 } });
    said = [];
    const more = await trainIt({ ...config, steps: 5 });
    expect(more.map(({ step }) => step)).toEqual([4, 5]);
    // The latents were kept.
    expect(said.filter((message) => message.startsWith('encoded'))).toEqual([]);
    await write('orange.png', plain('orange'), 'a plain red picture');
    await trainIt({ ...config, steps: 6 });
    expect(said.filter((message) => message.startsWith('encoded'))).toEqual(['encoded 7 of 7 pictures']);
  });

  it('goes on from the embedded model on a single picture, and leaves its other words alone', async () => {
    await write('one.png', plain('purple'), 'a zebra');
    const config = {
      task: 'text-to-image',
      run: 'tuned',
      startFrom: 'darkroom-mini',
      size: 64,
      steps: 2,
      batchSize: 1,
    };
    finite(await trainIt({ ...config, sampleEvery: 100, learningRate: 1e-4 }));
    const before = await readTensorFile('models/darkroom-mini.safetensors');
    const after = await readTensorFile(join(root, 'tuned/model.safetensors'));
    const table = 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight';
    const [old, now] = [before.get(table)!, after.get(table)!];
    const width = old.shape[1]!;
    const changed = new Set<number>();
    now.data.forEach((value, i) => {
      if (value !== old.data[i]) changed.add(Math.floor(i / width));
    });
    // start, a, zebra, end
    expect(changed.size).toBeGreaterThan(0);
    expect(changed.size).toBeLessThanOrEqual(4);
    for (const [name, tensor] of before) {
      if (name.startsWith('first_stage_model.')) expect(equal(after.get(name)!.data, tensor.data), name).toBe(true);
    }
  });

  it('refuses sizes that the model cannot have, and a configuration without sizes', async () => {
    await write('one.png', plain('purple'), 'a zebra');
    const bad = { task: 'text-to-image', run: 'bad', startFrom: 'darkroom-mini' };
    await expect(trainIt({ ...bad, size: 72 })).rejects.toThrow(/size is 72; expected a multiple of 32/);
    await expect(trainIt({ ...bad, size: 32 })).rejects.toThrow(/size is 32; expected .* of at least 64/);
    await expect(trainIt({ ...bad, startFrom: undefined })).rejects.toThrow(
      /leaves out autoencoder, textEncoder, unet, and startFrom names no model/,
    );
    await expect(trainIt({ ...bad, startFrom: 'darkroom-mimi' })).rejects.toThrow(/Did you mean "darkroom-mini"/);
    await expect(trainIt({ task: 'autoencoder', run: 'bad', vae, crop: 48 })).rejects.toThrow(/crop is 48 and size 32/);
    expect(readdirSync(root)).not.toContain('bad');
  });
});
