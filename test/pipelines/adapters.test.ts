/** LoRAs and hypernetworks named in prompts on a tiny random model: what they change, what they leave, and that no session is made anew. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { Backend } from '#engine/backend';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, generateSchema, type PictureEngine } from '#pipelines/request';
import { parseInfotext } from '#prompt/infotext';
import { modelOpener } from '#studio/library/open-model';
import { oneTensor, type StoredTensor, tensorFile } from '../fixtures/tensor-file.ts';

const fixture = (path: string): string => fileURLToPath(new URL(`../goldens/data/models/${path}`, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'darkroom-adapters-'));
let compiled = 0;
let engine: PictureEngine;

beforeAll(() => {
  const folder = join(root, 'Lora');
  mkdirSync(folder);
  for (const name of ['lora_kohya', 'lora_peft', 'loha', 'full', 'sdxl_lora_kohya']) {
    cpSync(fixture(`adapters/${name}.safetensors`), join(folder, `${name}.safetensors`));
  }
  const hypernetworks = join(root, 'hypernetworks');
  mkdirSync(hypernetworks);
  for (const name of ['gold-plain', 'gold-layernorm']) {
    cpSync(fixture(`adapters/hypernetworks/${name}.pt`), join(hypernetworks, `${name}.pt`));
  }
  writeFileSync(join(hypernetworks, 'wide.pt'), oneTensor('5.0.linear.0.weight', [5, 5], Array(25).fill(1)));
  const conv = 'lora_unet_conv_in';
  const named = { ss_output_name: 'Trainer Name' };
  writeFileSync(join(folder, 'file1.safetensors'), oneTensor(`${conv}.diff_b`, [32], Array(32).fill(1), named));
  writeFileSync(join(folder, 'narrow.safetensors'), oneTensor(`${conv}.diff_b`, [5], Array(5).fill(1)));
  writeFileSync(join(folder, 'small.safetensors'), oneTensor(`${conv}.diff`, [5], Array(5).fill(1)));
  writeFileSync(join(folder, 'damaged.safetensors'), oneTensor(`${conv}.diff_b`, [32], Array(32).fill(Number.NaN)));
  const waves = Array.from({ length: 32 }, (_, i) => 3 * Math.sin(i));
  const bundle: StoredTensor[] = [
    [`${conv}.diff_b`, [32], Array(32).fill(0)],
    ['bundle_emb.brought.string_to_param.*', [2, 16], waves],
    ['bundle_emb.wide.string_to_param.*', [2, 5], waves.slice(0, 10)],
  ];
  writeFileSync(join(folder, 'bundle.safetensors'), tensorFile(bundle));
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

interface Drawn {
  readonly pixels: readonly number[];
  readonly infotext: string;
  readonly warnings: readonly string[];
  /** Sessions made for it. */
  readonly sessions: number;
}

async function draw(prompt: string): Promise<Drawn> {
  const request = generateSchema.parse({ model: fixture('tiny-sd1'), prompt, steps: 2, seed: 5 });
  const before = compiled;
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate({ ...request, width: 16, height: 16 })) events.push(event);
  const image = events.find((event) => event.type === 'image')!;
  const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return { pixels: [...image.image.data], infotext: image.infotext, warnings, sessions: compiled - before };
}

it('brings the embeddings of its file along, and tells of one that does not fit', async () => {
  const word = await draw('brought');
  const { pixels, warnings } = await draw('brought <lora:bundle:1>');
  expect(pixels).not.toEqual(word.pixels);
  expect((await draw('fox <lora:bundle:1>')).pixels).toEqual((await draw('fox')).pixels);
  expect(warnings).toEqual([
    expect.stringMatching(/^bundle: its embedding wide is left out: its vectors are 5 numbers/),
  ]);
});

describe('LoRAs in prompts', () => {
  it('change the picture, by their strength, and not at strength 0', async () => {
    const plain = await draw('a fox');
    const [whole, half, none] = [
      await draw('a fox <lora:lora_kohya:1>'),
      await draw('a fox <lora:lora_kohya:0.5>'),
      await draw('a fox <lora:lora_kohya:0>'),
    ];
    expect(whole.pixels).not.toEqual(plain.pixels);
    expect(half.pixels).not.toEqual(plain.pixels);
    expect(half.pixels).not.toEqual(whole.pixels);
    expect(none.pixels).toEqual(plain.pixels);
    expect(whole.warnings).toEqual([]);
    expect(whole.infotext).toMatch(/^a fox <lora:lora_kohya:1>\n/);
    expect(whole.infotext).toMatch(/Lora hashes: "lora_kohya: [0-9a-f]{12}"/);
  });

  it('switch without a new session once their modules have side branches', async () => {
    await draw('a fox <lora:lora_kohya:1> <lora:lora_peft:1>');
    const both = await draw('a fox <lora:lora_kohya:0.7> <lora:lora_peft:0.4>');
    const one = await draw('a fox <lora:lora_peft:0.4>');
    const none = await draw('a fox');
    expect([both, one, none].map(({ sessions }) => sessions)).toEqual([0, 0, 0]);
    expect(both.pixels).not.toEqual(one.pixels);
    expect(one.pixels).not.toEqual(none.pixels);
  });

  it('act on text encoder and U-Net apart: the first number and the second', async () => {
    const pictures = [
      await draw('a fox <lora:lora_kohya:1:0>'),
      await draw('a fox <lora:lora_kohya:0:1>'),
      await draw('a fox <lora:lora_kohya:te=1:unet=0>'),
      await draw('a fox'),
    ];
    expect(pictures[2]!.pixels).toEqual(pictures[0]!.pixels);
    expect(new Set(pictures.map(({ pixels }) => pixels.join())).size).toBe(3);
  });

  it('are merged where a side branch cannot do it, and taken out again', async () => {
    const plain = await draw('a fox');
    for (const name of ['loha', 'full', 'file1']) {
      const changed = await draw(`a fox <lora:${name}:1>`);
      expect(changed.pixels).not.toEqual(plain.pixels);
      expect(changed.warnings).toEqual([]);
    }
    expect((await draw('a fox')).pixels).toEqual(plain.pixels);
  });

  it('are found by their hash, whatever they are called', async () => {
    const { infotext, pixels } = await draw('a fox <lora:file1:1>');
    const [, hash] = /Lora hashes: "file1: ([0-9a-f]{12})"/.exec(infotext) ?? [];
    expect((await draw(`a fox <lora:${hash}:1>`)).pixels).toEqual(pixels);
    expect((await draw('a fox <lora:0123456789ab:1>')).warnings[0]).toContain('there is no LoRA "0123456789ab"');
  });

  it('are not found by a part of a name, which is another network', async () => {
    const { warnings } = await draw('a <lora:lora_koh:1>');
    expect(warnings.join()).toMatch(/<lora:lora_koh:1> is left out: there is no LoRA/);
  });

  it('are found by the name that their trainer gave them', async () => {
    expect((await draw('a fox <lora:Trainer Name:1>')).pixels).toEqual((await draw('a fox <lora:file1:1>')).pixels);
  });

  it.each([
    ['<lora:missing:1>', /^<lora:missing:1> is left out: there is no LoRA "missing"\.$/],
    ['<lora:narrow:1>', /^<lora:narrow:1> is left out: .*changes a weight of shape \[5\]; this model's is \[32\]/],
    [
      '<lora:small:1>',
      /^<lora:small:1> is left out: .*changes a weight of shape \[5\]; this model's is \[32, 4, 3, 3\]/,
    ],
    ['<lora:damaged:1>', /^<lora:damaged:1> is left out: .*lora_unet_conv_in\.diff_b holds NaN or infinity/],
    ['<lora:lora_kohya:strong>', /^<lora:lora_kohya:strong> is left out: its strength must be a number/],
    ['<hypernet:missing:1>', /^<hypernet:missing:1> is left out: there is no hypernetwork "missing"\.$/],
    ['<hypernet:wide:1>', /^<hypernet:wide:1> is left out: .*wide\.pt: its networks for contexts 5 wide/],
    ['<hypernet:gold-plain:x>', /^<hypernet:gold-plain:x> is left out: its strength must be a number/],
    ['<embed:x:1>', /^<embed:x:1> is left out: there are no networks of kind embed\.$/],
    ['<lora:lora_kohya:1:lbw=1,2>', /is left out: lbw takes 12, 17, 20, 26 numbers/],
    ['<lora:lora_kohya:1:dyn=0>', /is left out: the ranks that are used must be a whole number from 1, not 0\.$/],
  ])('%s is told and left out, and the picture is made', async (tag, sentence) => {
    const plain = await draw('a fox');
    const told = await draw(`a fox ${tag}`);
    expect(told.warnings).toHaveLength(1);
    expect(told.warnings[0]).toMatch(sentence);
    expect(told.pixels).toEqual(plain.pixels);
    expect(told.infotext).not.toContain(tag);
    expect(parseInfotext(told.infotext)['Left out']).toBe(tag.slice(1, -1));
  });

  it('act by block, and by their first ranks', async () => {
    const [plain, whole, base] = [
      await draw('a fox'),
      await draw('a fox <lora:lora_kohya:1>'),
      await draw('a fox <lora:lora_kohya:1:0>'),
    ];
    expect((await draw('a fox <lora:lora_kohya:1:lbw=NONE>')).pixels).toEqual(plain.pixels);
    const one = `1${',0'.repeat(16)}`;
    expect((await draw(`a fox <lora:lora_kohya:1:lbw=${one}>`)).pixels).toEqual(base.pixels);
    expect((await draw('a fox <lora:lora_kohya:1:1:64>')).pixels).toEqual(whole.pixels);
    const first = await draw('a fox <lora:lora_kohya:1:dyn=1>');
    expect(first.warnings).toEqual([]);
    expect(new Set([plain, whole, first].map(({ pixels }) => pixels.join())).size).toBe(3);
  });

  it('for another family are left out with a word', async () => {
    const { warnings, infotext } = await draw('a fox <lora:sdxl_lora_kohya:1>');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^<lora:sdxl_lora_kohya:1> is left out: .*(another|not for this) model/);
    expect(infotext).not.toContain('<lora');
  });
});

describe('hypernetworks in prompts', () => {
  it('change the picture by their strength, which needs no new session, and are in the infotext', async () => {
    const plain = await draw('a fox');
    const whole = await draw('a fox <hypernet:gold-plain:1>');
    const half = await draw('a fox <hypernet:gold-plain:0.5>');
    const none = await draw('a fox <hypernet:gold-plain:0>');
    expect(new Set([plain, whole, half].map(({ pixels }) => pixels.join())).size).toBe(3);
    expect(none.pixels).toEqual(plain.pixels);
    expect([half.sessions, none.sessions]).toEqual([0, 0]);
    expect((await draw('a fox <hypernet:gold-plain>')).pixels).toEqual(whole.pixels);
    expect(whole.warnings).toEqual([]);
    expect(whole.infotext).toMatch(/^a fox <hypernet:gold-plain:1>\n/);
    expect(whole.infotext).toMatch(/Hypernet hashes: "gold-plain: [0-9a-f]{10}"/);
  });

  it('act one after the other, and beside LoRAs', async () => {
    const pictures = [
      await draw('a fox <hypernet:gold-plain:1>'),
      await draw('a fox <hypernet:gold-layernorm:1>'),
      await draw('a fox <hypernet:gold-plain:1> <hypernet:gold-layernorm:1>'),
      await draw('a fox <hypernet:gold-layernorm:1> <hypernet:gold-plain:1>'),
      await draw('a fox <hypernet:gold-plain:1> <lora:lora_kohya:1>'),
      await draw('a fox <lora:lora_kohya:1>'),
    ];
    expect(new Set(pictures.map(({ pixels }) => pixels.join())).size).toBe(6);
    expect(pictures.flatMap(({ warnings }) => warnings)).toEqual([]);
  });
});
