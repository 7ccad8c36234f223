import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readInfotext } from './read-infotext.ts';

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../test/fixtures/metadata/${name}`, import.meta.url));

describe('readInfotext of pictures that other programs made', () => {
  const lighthouse = 'Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96';
  it.each([
    ['novelai.png', 'Steps: 28, Sampler: Euler a, CFG scale: 11, Seed: 2711543120, Size: 64x96, Clip skip: 2'],
    ['comfyui.png', 'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 8, Seed: 845612345678901'],
    ['sdnext.png', 'Model hash: 99ad34b169, App: SD.Next'],
    ['itxt-compressed.png', `café, 灯台\nNegative prompt: flou\nSteps: 20, ${lighthouse}`],
    ['itxt-broken-then-good.png', `a lighthouse\nSteps: 20, ${lighthouse}`],
    ['text-in-utf8-as-latin1.png', `a lighthouse, 灯台\nNegative prompt: blurry\nSteps: 20, ${lighthouse}`],
    ['gif-comment.gif', `a lighthouse\nNegative prompt: blurry\nSteps: 20, ${lighthouse}`],
  ])('%s', async (name, text) => {
    expect(await readInfotext(fixture(name))).toContain(text);
  });
});
