/** Textual inversions named in prompts on a tiny random model: every form of file, where they act, and what is told. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { Backend } from '#engine/backend';
import { setPngText } from '#formats/png-text';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, generateSchema, type PictureEngine } from '#pipelines/request';
import { encodeImage } from '#studio/images/codec';
import { modelOpener } from '#studio/library/open-model';

const fixture = (path: string): string => fileURLToPath(new URL(`../goldens/data/models/${path}`, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'darkroom-embeddings-'));
const width = 16;
let compiled = 0;
let engine: PictureEngine;

const rowsOf = (vectors: number, value: (i: number) => number): number[][] =>
  Array.from({ length: vectors }, (_, v) => Array.from({ length: width }, (_, i) => value(v * width + i)));
const waves = rowsOf(2, (i) => Math.round(1000 * Math.sin(i)) / 1000);
const embeddingText = (name: string): string =>
  JSON.stringify({ string_to_param: { '*': { TORCHTENSOR: waves } }, name, step: 5 });

/** A safetensors file of one table. */
function table(rows: readonly number[][]): Buffer {
  const data = Buffer.from(Float32Array.from(rows.flat()).buffer);
  const entry = { dtype: 'F32', shape: [rows.length, rows[0]!.length], data_offsets: [0, data.length] };
  const header = Buffer.from(JSON.stringify({ emb_params: entry }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

/** Pixels as A1111 writes them: low halves, black, a picture, black, high halves; the style in the high bits. */
function dataPicture(text: string) {
  const data = deflateSync(text);
  const height = 16;
  const columns = Math.ceil(data.length / (3 * height)) + 1;
  const total = columns * 2 + 2 + 8;
  const pixels = new Uint8Array(total * height * 3).fill(200);
  let state = 0;
  for (let i = 0; i < columns * height * 3; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mask = (state % 255) & 0x0f;
    const byte = data[i % data.length]!;
    const [row, at] = [Math.floor(i / (columns * 3)), i % (columns * 3)];
    pixels[row * total * 3 + at] = 0xa0 | ((byte & 0x0f) ^ mask);
    pixels[(row * total + columns + 10) * 3 + at] = 0x70 | ((byte >> 4) ^ mask);
  }
  for (let row = 0; row < height; row++) {
    pixels.fill(0, (row * total + columns) * 3, (row * total + columns + 1) * 3);
    pixels.fill(0, (row * total + columns + 9) * 3, (row * total + columns + 10) * 3);
  }
  return { width: total, height, channels: 3 as const, data: pixels };
}

beforeAll(async () => {
  const folder = join(root, 'embeddings');
  mkdirSync(folder);
  for (const name of ['goldpt.pt', 'gold-style.bin', 'goldxl.safetensors']) {
    cpSync(fixture(`adapters/embeddings/${name}`), join(folder, name));
  }
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(folder, name), bytes);
  put('plain.safetensors', table(waves));
  put('plain style.safetensors', table(rowsOf(1, (i) => Math.cos(i))));
  put('bad.safetensors', table(rowsOf(1, () => Number.NaN)));
  put('long.safetensors', table(rowsOf(76, () => 1)));
  put('broken.pt', Buffer.from('not a pickle'));
  const grey = { width: 8, height: 8, channels: 3 as const, data: new Uint8Array(192).fill(90) };
  const png = await encodeImage(grey, 'png');
  put('beside.png', setPngText(png, 'sd-ti-embedding', Buffer.from(embeddingText('other')).toString('base64')));
  put('inside.png', await encodeImage(dataPicture(embeddingText('inside')), 'png'));
  const { default: sharp } = await import('sharp');
  const { width: w, height: h, data } = dataPicture(embeddingText('inside'));
  const raw = { raw: { width: w, height: h, channels: 3 as const } };
  put('webp.webp', await sharp(data, raw).webp({ lossless: true }).toBuffer());
  put('plainpicture.png', png);
  put('plain.png', png);
  const inner = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  const backend: Backend = {
    name: inner.name,
    compile: (...args) => {
      compiled++;
      return inner.compile(...args);
    },
    dispose: () => inner.dispose(),
  };
  engine = createPictureEngine({ backend, openModel: modelOpener([root]), drawSeed: () => 1 });
});
afterAll(async () => {
  await engine.dispose();
  rmSync(root, { recursive: true });
});

async function draw(prompt: string, more: { negativePrompt?: string; model?: string } = {}) {
  const request = generateSchema.parse({ model: fixture('tiny-sd1'), prompt, steps: 3, seed: 5, ...more });
  const before = compiled;
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate({ ...request, width: 16, height: 16 })) events.push(event);
  const image = events.find((event) => event.type === 'image')!;
  const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return { pixels: [...image.image.data], infotext: image.infotext, warnings, sessions: compiled - before };
}

describe('embeddings in prompts', () => {
  it.each(['goldpt', 'gold-style', '<gold-style>', 'plain', 'beside', 'inside', 'webp'])(
    '%s changes the picture without a new session, and is in the infotext with its hash',
    async (name) => {
      const words = await draw('a street in the rain');
      const drawn = await draw(`a street ${name} in the rain`);
      expect(drawn.warnings).toEqual([]);
      expect(drawn.pixels).not.toEqual(words.pixels);
      expect(drawn.infotext).toMatch(new RegExp(`TI hashes: "${name}: [0-9a-f]{12}"`));
      expect(drawn.sessions).toBe(0);
    },
  );

  it('are the same vectors from every form of file', async () => {
    const pictures = [];
    for (const name of ['plain', 'beside', 'inside', 'webp']) pictures.push((await draw(`a ${name} fox`)).pixels);
    expect(new Set(pictures.map(String)).size).toBe(1);
  });

  it('act in the negative prompt, in weights, and when prompt editing brings them', async () => {
    const plain = await draw('a fox');
    const pictures = [
      await draw('a fox', { negativePrompt: 'plain' }),
      await draw('a fox plain'),
      await draw('a fox (plain:1.4)'),
      await draw('a fox [plain:1]'),
      await draw('a fox AND plain :0.3'),
    ];
    expect(new Set([plain, ...pictures].map(({ pixels }) => String(pixels))).size).toBe(6);
    for (const { infotext, warnings } of pictures) {
      expect(infotext).toContain('TI hashes');
      expect(warnings).toEqual([]);
    }
  });

  it('of more tokens come first', async () => {
    expect((await draw('a plain style fox')).infotext).toMatch(/TI hashes: "plain style: [0-9a-f]{12}"/);
    expect((await draw('a plain stone')).infotext).toMatch(/TI hashes: "plain: [0-9a-f]{12}"/);
  });

  it.each([
    ['goldxl', /^goldxl is read as words: its vectors are .* \+ .* numbers wide and Stable Diffusion 1 takes 16;/],
    ['bad', /^bad is read as words: .*NaN or infinity/],
    ['long', /^long is read as words: it has 76 vectors/],
    ['broken', /^broken is read as words: /],
    ['plainpicture', /^plainpicture is read as words: .*holds no embedding/],
  ])('%s is told and read as words', async (name, sentence) => {
    const { warnings, infotext } = await draw(`a ${name} fox`);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(sentence);
    expect(infotext).not.toContain('TI hashes');
    expect(infotext).toMatch(new RegExp(`^a ${name} fox\n`));
  });

  it('for SDXL go to both of its text encoders', async () => {
    const model = fixture('tiny-sdxl/tiny-sdxl.safetensors');
    const plain = await draw('a fox', { model });
    const drawn = await draw('a goldxl fox', { model });
    expect(drawn.warnings).toEqual(plain.warnings);
    expect(drawn.pixels).not.toEqual(plain.pixels);
    const told = await draw('a plain fox', { model });
    expect(told.warnings.at(-1)).toMatch(/^plain is read as words: its vectors are 16 numbers wide and SDXL takes/);
  });
});
