/** The picture engine on tiny random models: events, seeds and batches, pictures and masks, every sampler. */

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { toF32 } from '#core/tensor';
import { samplers } from '#diffusion/samplers/index';
import { bytesSource } from '#formats/byte-source';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { writeSafetensors } from '#formats/safetensors-writer';
import { createPictureEngine } from '#pipelines/engine';
import {
  type GenerateEvent,
  type GenerateInput,
  generateSchema,
  keepPartial,
  type PictureEngine,
} from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';

type Of<T extends GenerateEvent['type']> = Extract<GenerateEvent, { type: T }>;

const fixture = (path: string): string => fileURLToPath(new URL(`../goldens/data/models/${path}`, import.meta.url));
const tiny = fixture('tiny-sd1');
const folder = mkdtempSync(join(tmpdir(), 'darkroom-engine-'));
/** A 9-channel model with the other parts of the 4-channel one. */
const inpainting = join(folder, 'inpainting');

let opened = 0;
const open = modelOpener([]);
let engine: PictureEngine;

beforeAll(() => {
  for (const part of ['text_encoder', 'vae']) cpSync(join(tiny, part), join(inpainting, part), { recursive: true });
  cpSync(join(fixture('tiny-inpaint'), 'unet'), join(inpainting, 'unet'), { recursive: true });
  engine = createPictureEngine({
    backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }),
    openModel: (request) => {
      opened++;
      return open(request);
    },
    drawSeed: () => 1234,
  });
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true });
});

interface Ask extends GenerateInput {
  readonly side?: number;
}

/** Sizes below what faces allow keep the tests quick. */
function requestOf({ side = 16, init, mask, ...fields }: Ask) {
  const request = generateSchema.parse({ model: tiny, steps: 3, seed: 5, ...fields });
  const size = (fields.width ?? fields.height ?? side === 0) ? {} : { width: side, height: side };
  return { ...size, ...request, ...(init && { init }), ...(mask && { mask }) };
}

async function eventsOf(ask: Ask, options: Parameters<PictureEngine['generate']>[1] = {}): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(requestOf(ask), options)) events.push(event);
  return events;
}

const only = <T extends GenerateEvent['type']>(events: readonly GenerateEvent[], type: T): Of<T>[] =>
  events.filter((event): event is Of<T> => event.type === type);

async function pictures(ask: Ask): Promise<Of<'image'>[]> {
  return only(await eventsOf(ask), 'image');
}

async function picture(ask: Ask): Promise<PixelImage> {
  return (await pictures(ask))[0]!.image;
}

async function drawn(ask: Ask): Promise<Of<'image'>> {
  return (await pictures(ask))[0]!;
}

function largestDifference(a: PixelImage, b: PixelImage): number {
  expect([a.width, a.height]).toEqual([b.width, b.height]);
  return Math.max(...a.data.map((v, i) => Math.abs(v - b.data[i]!)));
}

function checkered(side: number, channels: 1 | 3 = 3): PixelImage {
  const data = Uint8Array.from({ length: side * side * channels }, (_, i) => (i * 53) % 251);
  return { width: side, height: side, channels, data };
}

/** White on the left half. */
function leftMask(side: number): PixelImage {
  const data = Uint8Array.from({ length: side * side }, (_, i) => (i % side < side / 2 ? 255 : 0));
  return { width: side, height: side, channels: 1, data };
}

describe('events', () => {
  it('tells loading, steps with the time left, and the picture; loads once', async () => {
    const first = await eventsOf({ prompt: 'a fox' });
    expect(only(first, 'loading').map(({ part }) => part)).toEqual([
      'model',
      'text_encoder',
      'text_encoder',
      'unet',
      'unet',
      'vae.decoder',
      'vae.decoder',
    ]);
    const steps = only(first, 'step');
    expect(steps.map(({ step, steps: total, batch, batches }) => [step, total, batch, batches])).toEqual([
      [1, 3, 0, 1],
      [2, 3, 0, 1],
      [3, 3, 0, 1],
    ]);
    expect(steps.at(-1)!.eta).toBe(0);
    const [made] = only(first, 'image');
    expect(made).toMatchObject({ index: 0, seed: 5, model: { name: 'tiny-sd1', family: 'sd1' } });
    expect([made!.image.width, made!.image.height, made!.image.channels]).toEqual([16, 16, 3]);
    const before = opened;
    const second = await eventsOf({ prompt: 'a fox' });
    expect(only(second, 'loading')).toEqual([]);
    expect(opened).toBe(before);
    expect(only(second, 'image')[0]!.image.data).toEqual(made!.image.data);
  });

  it('opens a model anew when its file was replaced, and says so when it is gone', async () => {
    const file = join(folder, 'replaced.safetensors');
    const put = (from: string) => {
      cpSync(from, `${file}.new`);
      renameSync(`${file}.new`, file);
    };
    cpSync(join(tiny, 'tiny-sd1.yaml'), join(folder, 'replaced.yaml'));
    put(join(tiny, 'tiny-sd1.safetensors'));
    const pixels = async () => only(await eventsOf({ model: file }), 'image')[0]!.image.data;
    const first = await pixels();
    const before = opened;
    expect(await pixels()).toEqual(first);
    expect(opened).toBe(before);
    const bytes = readFileSync(file);
    // The last weights of the file, in their signs.
    for (let at = bytes.length - 40_001; at < bytes.length; at += 2) bytes[at] = bytes[at]! ^ 0x80;
    writeFileSync(`${file}.other`, bytes);
    put(`${file}.other`);
    expect(await pixels()).not.toEqual(first);
    expect(opened).toBe(before + 1);
    rmSync(file);
    await expect(pixels()).rejects.toMatchObject({ code: 'model.not-found' });
  });

  it('shows previews between steps', async () => {
    const events = await eventsOf({ batchSize: 2, steps: 5 }, { previewEvery: 2 });
    const previews = only(events, 'preview');
    expect(previews.length).toBe(2);
    for (const { images } of previews) expect(images.map(({ width }) => width)).toEqual([16, 16]);
  });

  it('shows how the first picture came about, and how it goes into noise, when asked to', async () => {
    const events = await eventsOf({ prompt: 'a fox', steps: 4, sampler: 'Euler', batchCount: 2, keepSteps: true });
    const [reverse, forward] = (['reverse', 'forward'] as const).map((way) =>
      only(events, 'trace').filter(({ direction }) => direction === way),
    );
    // Noise alone, then a step each; of the first batch only.
    expect(reverse!.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
    expect(reverse!.map(({ predicted }) => predicted !== undefined)).toEqual([false, true, true, true, true]);
    const levels = reverse!.map(({ sigma }) => sigma);
    expect(levels).toEqual(levels.toSorted((a, b) => b - a));
    expect(levels.at(-1)).toBe(0);
    // Without noise there is what is delivered, and the way back begins with it.
    const [delivered] = only(events, 'image');
    expect(forward!.map(({ sigma }) => sigma)).toEqual(levels.toReversed());
    expect(forward![0]!.noised).toEqual(reverse!.at(-1)!.noised);
    expect(largestDifference(reverse!.at(-1)!.noised, delivered!.image)).toBe(0);
    // The noise is there while there is any, and begins as all that there is; so does what the network is told of it.
    expect(reverse!.map(({ noise }) => noise !== undefined)).toEqual([true, true, true, true, false]);
    expect(largestDifference(reverse![0]!.noise!, reverse![0]!.latent)).toBeLessThanOrEqual(2);
    expect(forward!.slice(1).every(({ noise }) => largestDifference(noise!, reverse![0]!.noise!) <= 2)).toBe(true);
    const times = forward!.map(({ timestep }) => timestep);
    expect(times[0]).toBeUndefined();
    expect(times.slice(1)).toEqual(times.slice(1).toSorted((a, b) => a! - b!));
    // Four channels, two by two.
    expect(reverse![0]!.latent.width).toBe(reverse![0]!.latent.height);
  });

  it('shows how a picture of the user goes into noise', async () => {
    const init = checkered(64);
    const events = await eventsOf({ init, steps: 4, sampler: 'Euler', denoisingStrength: 0.75, keepSteps: true });
    const forward = only(events, 'trace').filter(({ direction }) => direction === 'forward');
    const unchanged = await eventsOf({ init, steps: 4, sampler: 'Euler', denoisingStrength: 0.01, keepSteps: true });
    const [first] = only(unchanged, 'trace').filter(({ direction }) => direction === 'forward');
    // Whatever was made of it, it is the picture itself that goes.
    expect(forward.length).toBeGreaterThan(3);
    expect(largestDifference(forward[0]!.noised, first!.noised)).toBe(0);
    expect(largestDifference(forward[0]!.noised, only(events, 'image')[0]!.image)).toBeGreaterThan(0);
  });

  it('skips no more of the text encoder than it has, and says so', async () => {
    const most = await drawn({ prompt: 'a fox', clipSkip: 3 });
    const events = await eventsOf({ prompt: 'a fox', clipSkip: 13 });
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      "Clip skip 13 is more than this model's text encoder has; 3 was taken.",
    ]);
    const [image] = only(events, 'image');
    expect(image!.image.data).toEqual(most.image.data);
    expect(image!.infotext).toBe(most.infotext);
  });

  it('yields what is half done when it is interrupted rather than cancelled', async () => {
    const cancel = new AbortController();
    const events: GenerateEvent[] = [];
    const asked = requestOf({ prompt: 'a fox', batchSize: 2, batchCount: 2, steps: 4 });
    for await (const event of engine.generate(asked, { signal: cancel.signal })) {
      events.push(event);
      if (event.type === 'step' && event.step === 2) cancel.abort(keepPartial);
    }
    expect(only(events, 'image').map(({ index }) => index)).toEqual([0, 1]);
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([expect.stringMatching(/^Interrupted/)]);
    const whole = await picture({ prompt: 'a fox', steps: 4 });
    expect(largestDifference(only(events, 'image')[0]!.image, whole)).toBeGreaterThan(0);
  });

  it('ends a batch that is skipped as far as it has come, in any pass, and goes on with the next one', async () => {
    const draw = async (skipAt: readonly [batch: number, step: number][], fields: Ask = {}) => {
      const events: GenerateEvent[] = [];
      let skips = 0;
      const takeSkip = () => skips > 0 && skips-- > 0;
      const asked = requestOf({ prompt: 'a fox', batchCount: 3, steps: 4, ...fields });
      for await (const event of engine.generate(asked, { takeSkip })) {
        events.push(event);
        const isHere = event.type === 'step' && skipAt.some(([b, s]) => b === event.batch && s === event.step);
        if (isHere) skips = 1;
      }
      return events;
    };
    const whole = only(await draw([]), 'image');
    const events = await draw([[1, 2]]);
    const images = only(events, 'image');
    expect(images.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    const differences = images.map(({ image }, i) => largestDifference(image, whole[i]!.image));
    expect([differences[0], differences[1]! > 0, differences[2]]).toEqual([0, true, 0]);
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      'Skipped: picture 2 is as far as it had come.',
    ]);
    expect(only(events, 'step').filter(({ batch }) => batch === 1).length).toBeLessThan(4);
    // In the first pass of two: it is not enlarged any more, and the next one is.
    const hires = only(await draw([[0, 1]], { hires: true, batchCount: 2 }), 'image');
    expect(hires.map(({ image }) => image.width)).toEqual([16, 32]);
  });

  it('stops after the step in which it is cancelled, and works again', async () => {
    const cancel = new AbortController();
    const events: GenerateEvent[] = [];
    for await (const event of engine.generate(requestOf({ steps: 20, batchCount: 3 }), { signal: cancel.signal })) {
      events.push(event);
      if (only(events, 'image').length === 1 && event.type === 'step' && event.step === 2) cancel.abort();
    }
    expect(only(events, 'image').length).toBe(1);
    expect(events.at(-1)).toMatchObject({ type: 'step', batch: 1, step: 2 });
    expect((await pictures({})).length).toBe(1);
  });

  it('refuses a second request at the same time', async () => {
    const running = engine.generate(requestOf({}));
    await running.next();
    await expect(engine.generate(requestOf({})).next()).rejects.toThrow('second request');
    await running.return(undefined);
    expect((await pictures({})).length).toBe(1);
  });

  it('finds unknown names before a model is opened', async () => {
    const before = opened;
    await expect(eventsOf({ sampler: 'Eulr', model: 'elsewhere' })).rejects.toThrow('Did you mean "Euler"');
    expect(opened).toBe(before);
  });

  it('says which size a model takes', async () => {
    await expect(eventsOf({ width: 64, height: 64, model: tiny, side: 15 })).resolves.toBeDefined();
    await expect(eventsOf({ side: 15 })).rejects.toThrow('The width must be a multiple of 2 for this model; got 15');
  });

  it('tells of brackets that are not closed and of a mask of another size, and goes on', async () => {
    const mask = checkered(24);
    const events = await eventsOf({ prompt: '((a fox', init: checkered(16), mask, inpaintArea: 'Whole picture' });
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      'The prompt opens 2 "(" and does not close; each acts to the end.',
      'The mask is 24 x 24, the picture 16 x 16; the mask was stretched over it.',
    ]);
    expect(only(events, 'image')).toHaveLength(1);
  });

  it('warns of adapters that it leaves out', async () => {
    const events = await eventsOf({ prompt: 'a fox <lora:style:0.8>' });
    expect(only(events, 'warning')[0]!.message).toContain('<lora:style:0.8> is left out');
    expect(only(events, 'image')[0]!.image.data).toEqual((await picture({ prompt: 'a fox ' })).data);
  });
});

describe('seeds', () => {
  it('gives each picture its own seed, whatever the batches', async () => {
    const together = await pictures({ batchSize: 3, sampler: 'Euler a' });
    const apart = await pictures({ batchCount: 3, sampler: 'Euler a' });
    expect(together.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    expect(apart.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    for (const [i, { image }] of together.entries()) expect(largestDifference(image, apart[i]!.image)).toBeLessThan(2);
    expect(largestDifference(together[0]!.image, together[1]!.image)).toBeGreaterThan(20);
  });

  it('draws a seed that was left open and says it', async () => {
    const [made] = await pictures({ seed: -1 });
    expect(made!.seed).toBe(1234);
    expect(made!.infotext).toContain('Seed: 1234');
  });

  it('varies by the variation seed', async () => {
    const varied = await pictures({ subseed: 9, subseedStrength: 0.4, batchSize: 2 });
    expect(varied.map(({ seed, subseed }) => [seed, subseed])).toEqual([
      [5, 9],
      [5, 10],
    ]);
    expect(varied[0]!.infotext).toContain('Variation seed: 9, Variation seed strength: 0.4');
    expect(largestDifference(varied[0]!.image, await picture({}))).toBeGreaterThan(5);
  });

  it('knows both noise streams', async () => {
    expect(largestDifference(await picture({ randomSource: 'gpu' }), await picture({}))).toBeGreaterThan(20);
  });
});

describe('prompts', () => {
  const plain = { prompt: 'a fox', negativePrompt: 'a tree' };

  it.each([
    ['emphasis', { prompt: 'a (fox:1.6)' }],
    ['clip skip', { clipSkip: 2 }],
    ['the negative prompt', { negativePrompt: 'snow' }],
    ['guidance', { cfgScale: 2 }],
    ['guidance left out early', { skipEarlyCond: 0.5 }],
    ['a second sub-prompt', { prompt: 'a fox AND a house :0.7' }],
    ['prompt editing', { prompt: '[a fox:a house:1]' }],
    ['joined edges', { tiling: true }],
    ['perturbed-attention guidance', { pagScale: 3 }],
    ['FreeU', { freeUB1: 1.4, freeUS2: 0.5 }],
    ['CFG rescale', { cfgRescale: 0.7 }],
    ['dynamic thresholding', { dynamicThreshold: 0.9, mimicScale: 3 }],
    ['fewer unconditional passes', { sMinUncond: 50, sMinUncondAll: true }],
    ['merged tokens', { tokenMerging: 0.5 }],
    ['merged tokens beside tiles, PAG and FreeU', { tokenMerging: 0.4, hyperTile: 16, pagScale: 2, freeUB1: 1.2 }],
    ['merged tokens with a step cache', { tokenMerging: 0.5, stepCache: 2 }],
    ['zero-terminal SNR', { noiseSchedule: 'Zero Terminal SNR' as const }],
  ])('is changed by %s', async (_, change) => {
    expect(largestDifference(await picture({ ...plain, ...change }), await picture(plain))).toBeGreaterThan(0);
  });

  it.each(['Euler', 'Heun'])('are edited one call later than their number says, with %s', async (sampler) => {
    const two = { sampler, steps: 2 };
    const first = await picture({ ...two, prompt: 'a fox' });
    const second = await picture({ ...two, prompt: 'a house' });
    expect((await picture({ ...two, prompt: '[a fox:a house:0.5]' })).data).toEqual(first.data);
    expect((await picture({ ...two, prompt: '[a fox:a house:0]' })).data).toEqual(second.data);
    if (sampler === 'Euler') expect((await picture({ ...two, prompt: '[a fox|a house]' })).data).toEqual(first.data);
  });

  it('reads prompts of several chunks beside a short one', async () => {
    const long = await picture({ ...plain, prompt: `${'a fox, '.repeat(60)}a house` });
    expect(largestDifference(long, await picture({ ...plain, prompt: 'a fox, '.repeat(60) }))).toBeGreaterThan(0);
  });

  it('are made of one length where asked to, the shorter filled with what an empty prompt says', async () => {
    const longer = { ...plain, prompt: 'a fox BREAK a house' };
    const padded = await picture({ ...longer, padPrompts: true });
    expect(padded.data).toEqual((await picture({ ...longer, negativePrompt: 'a tree BREAK BREAK' })).data);
    expect(largestDifference(padded, await picture(longer))).toBeGreaterThan(0);
    // The other way round, and while the prompt is edited.
    const shorter = { ...plain, negativePrompt: 'a tree BREAK snow' };
    expect((await picture({ ...shorter, padPrompts: true })).data).toEqual(
      (await picture({ ...shorter, prompt: 'a fox BREAK BREAK' })).data,
    );
    const edited = await picture({ ...plain, prompt: '[a fox BREAK a house:a fox:1]', padPrompts: true });
    expect(largestDifference(edited, await picture({ ...plain, padPrompts: true }))).toBeGreaterThan(0);
  });

  it('are made of one length in the old way where asked to: the negative one cut, or its last token repeated', async () => {
    const old = { ...plain, padPromptsV0: true };
    const longer = { ...old, negativePrompt: 'a tree BREAK snow' };
    expect((await picture(longer)).data).toEqual((await picture({ ...plain, negativePrompt: 'a tree' })).data);
    const shorter = { ...old, prompt: 'a fox BREAK a house' };
    const drawn = await picture(shorter);
    expect(largestDifference(drawn, await picture({ ...shorter, padPromptsV0: false }))).toBeGreaterThan(0);
    expect(
      largestDifference(drawn, await picture({ ...shorter, padPromptsV0: false, padPrompts: true })),
    ).toBeGreaterThan(0);
  });

  it('are edited by the old timelines where asked to', async () => {
    const edited = { ...plain, prompt: '[a fox:a house:1]', steps: 4 };
    // A number of 1 and more was a step then too; below it, also without a point, a part of the steps.
    expect((await picture({ ...edited, oldPromptEditing: true })).data).toEqual((await picture(edited)).data);
    const second = { hires: true, hiresScale: 1, hiresSteps: 2, steps: 2, prompt: '[a fox:a house:0.5]' };
    const now = await picture({ ...plain, ...second });
    expect(largestDifference(now, await picture({ ...plain, ...second, oldPromptEditing: true }))).toBeGreaterThan(0);
  });

  it('leaves comments out', async () => {
    expect((await picture({ ...plain, prompt: 'a fox# red' })).data).toEqual(
      (await picture({ ...plain, prompt: 'a fox\n' })).data,
    );
  });

  it('without guidance does not ask what the negative prompt says', async () => {
    const unguided = { ...plain, cfgScale: 1 };
    expect((await picture({ ...unguided, negativePrompt: 'snow' })).data).toEqual((await picture(unguided)).data);
  });

  it('composes two equal sub-prompts as one of double weight', async () => {
    const twice = await picture({ prompt: 'a fox AND a fox', cfgScale: 2 });
    expect(largestDifference(twice, await picture({ prompt: 'a fox', cfgScale: 4 }))).toBeLessThan(2);
  });
});

describe('regions', () => {
  const halves = { steps: 2, prompt: 'a fox AND a house', regions: '0-0.5:0-1; 0.5-1:0-1' };
  type Picture = Awaited<ReturnType<typeof picture>>;

  /** Mean difference of two pictures over their left or right half, of 255. */
  function difference(a: Picture, b: Picture, half: 'left' | 'right'): number {
    const { width, channels } = a;
    let sum = 0;
    for (const [at, value] of a.data.entries()) {
      const isLeft = Math.floor(at / channels) % width < width / 2;
      if (isLeft === (half === 'left')) sum += Math.abs(value - b.data[at]!);
    }
    return (2 * sum) / a.data.length;
  }

  it('let each part of a prompt act in its own', async () => {
    const both = await picture(halves);
    const fox = await picture({ ...halves, prompt: 'a fox', regions: '' });
    const house = await picture({ ...halves, prompt: 'a house', regions: '' });
    expect(difference(both, fox, 'left')).toBeLessThan(difference(both, house, 'left'));
    expect(difference(both, house, 'right')).toBeLessThan(difference(both, fox, 'right'));
  });

  it('of equal parts make the picture of one, by whatever share', async () => {
    const parts = { ...halves, prompt: 'a fox AND a fox :3', regions: 'all; 0.3-0.9:0.2-0.7' };
    const one = await picture({ ...halves, prompt: 'a fox', regions: '' });
    expect(largestDifference(await picture(parts), one)).toBeLessThan(2);
  });
});

describe('samplers', () => {
  it.each(samplers.map(({ name }) => name))('%s makes a picture', async (sampler) => {
    const events = await eventsOf({ sampler, steps: 4, batchSize: 2 });
    expect(only(events, 'image').length).toBe(2);
    expect(only(events, 'step').length).toBeGreaterThan(0);
    const { data } = only(events, 'image')[0]!.image;
    expect(Math.max(...data) - Math.min(...data)).toBeGreaterThan(10);
  });

  it('works with a single step', async () => {
    for (const sampler of ['DPM++ 2M', 'DDIM', 'Euler a', 'UniPC']) {
      expect((await pictures({ sampler, steps: 1 })).length).toBe(1);
    }
  });
});

describe('picture to picture', () => {
  const init = checkered(16);

  it('returns the picture itself at strength 0', async () => {
    expect((await picture({ init, denoisingStrength: 0 })).data).toEqual(init.data);
  });

  it.each([0.05, 0.2, 0.75, 1])(
    'at strength %d takes as many steps as the web UI, or exactly those asked for',
    async (denoisingStrength) => {
      const events = await eventsOf({ init, denoisingStrength, steps: 10, sampler: 'Euler' });
      expect(only(events, 'step').length).toBe(Math.trunc(Math.min(denoisingStrength, 0.999) * 10) + 1);
      const exact = await eventsOf({ init, denoisingStrength, steps: 4, sampler: 'Euler', exactSteps: true });
      expect(only(exact, 'step').length).toBe(4);
      expect(largestDifference(only(events, 'image')[0]!.image, init)).toBeGreaterThan(0);
    },
  );

  it('takes the shape of the picture where no size is given', async () => {
    const wide: PixelImage = { width: 24, height: 12, channels: 3, data: new Uint8Array(24 * 12 * 3) };
    const { width, height } = await picture({ init: wide, side: 0 });
    expect([width, height]).toEqual([24, 12]);
  });

  it('adds more noise than the sampler expects, where asked', async () => {
    const plain = await picture({ init, denoisingStrength: 0.5 });
    const [noisier] = await pictures({ init, denoisingStrength: 0.5, extraNoise: 0.5 });
    expect(largestDifference(noisier!.image, plain)).toBeGreaterThan(0);
    expect(noisier!.infotext).toContain('Extra noise: 0.5');
  });

  it('writes the strength into the infotext', async () => {
    const [made] = await pictures({ init, denoisingStrength: 0.6 });
    expect(made!.infotext).toContain('Denoising strength: 0.6');
  });
});

describe('InstructPix2Pix', () => {
  const editing = join(folder, 'editing');
  /** The 4-channel network, whose first layer reads four more. */
  beforeAll(async () => {
    for (const part of ['text_encoder', 'vae']) cpSync(join(tiny, part), join(editing, part), { recursive: true });
    cpSync(join(tiny, 'unet'), join(editing, 'unet'), { recursive: true });
    const config = join(editing, 'unet', 'config.json');
    const fields = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
    writeFileSync(config, JSON.stringify({ ...fields, in_channels: 8 }));
    const file = join(editing, 'unet', 'diffusion_pytorch_model.safetensors');
    const source = bytesSource(file, readFileSync(file));
    const { tensors } = await readSafetensorsHeader(source);
    const widened = [];
    for (const [name, entry] of tensors) {
      const data = toF32(await readFileTensor(source, entry));
      const [out = 1] = entry.shape;
      const first = name === 'conv_in.weight';
      const size = data.length / out;
      const whole = new Float32Array(first ? 2 * data.length : data.length);
      for (let row = 0; row < out; row++) {
        whole.set(data.subarray(row * size, (row + 1) * size), row * size * (first ? 2 : 1));
        if (first)
          whole.set(
            data.subarray(row * size, (row + 1) * size).map((v) => v / 5),
            (2 * row + 1) * size,
          );
      }
      const shape = first ? [out, 8, ...entry.shape.slice(2)] : entry.shape;
      widened.push({ name, dtype: 'F32' as const, shape, data: new Uint8Array(whole.buffer) });
    }
    writeFileSync(file, Buffer.concat(writeSafetensors(widened)));
  });

  const init: PixelImage = {
    width: 16,
    height: 16,
    channels: 3,
    data: Uint8Array.from({ length: 768 }, (_, i) => i % 251),
  };

  it('follows words and picture by a scale each, told in the infotext', async () => {
    const ask: Ask = { model: editing, prompt: 'make it rain', init, denoisingStrength: 1 };
    const usual = await drawn(ask);
    const close = await drawn({ ...ask, imageCfgScale: 3 });
    const alone = await drawn({ ...ask, imageCfgScale: 1 });
    expect(usual.infotext).toContain('Image CFG scale: 1.5');
    expect(close.infotext).toContain('Image CFG scale: 3');
    expect(new Set([usual, close, alone].map(({ image }) => image.data.join())).size).toBe(3);
  });

  it('draws from words alone without a picture, and says where the scale has no effect', async () => {
    const events = await eventsOf({ model: editing, prompt: 'a fox' });
    expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
    expect((await drawn({ model: editing, prompt: 'a fox' })).infotext).not.toContain('Image CFG');
    const told = await eventsOf({ prompt: 'a fox', init, imageCfgScale: 2 });
    expect(told).toContainEqual({
      type: 'warning',
      message: 'Image CFG scale (imageCfgScale) has no effect: the model is no InstructPix2Pix.',
    });
  });
});

describe('guidance', () => {
  it('runs the deep part of the network every other step, and attends within tiles', async () => {
    const ask: Ask = { prompt: 'a fox', steps: 5, side: 32, sampler: 'Euler' };
    const plain = await drawn(ask);
    const cached = await drawn({ ...ask, stepCache: 2 });
    const tiles = await drawn({ ...ask, hyperTile: 4 });
    const wide = await drawn({ ...ask, hyperTile: 64 });
    expect(cached.infotext).toContain('DeepCache interval: 2');
    expect(tiles.infotext).toMatch(/Hypertile U-Net: True, Hypertile U-Net tile size: 4/);
    expect(wide.image).toEqual(plain.image);
    expect(new Set([plain, cached, tiles].map(({ image }) => image.data.join())).size).toBe(3);
    // One step: nothing is used twice.
    expect((await drawn({ ...ask, steps: 1, stepCache: 3 })).image).toEqual((await drawn({ ...ask, steps: 1 })).image);
  });

  it('leads away from what is blurred where the network looks, and ends early where asked', async () => {
    const ask: Ask = { prompt: 'a fox', steps: 4 };
    const plain = await drawn(ask);
    const away = await drawn({ ...ask, sagScale: 0.75 });
    const ended = await drawn({ ...ask, guidanceEnd: 0.5 });
    expect(away.infotext).toContain('SAG scale: 0.75');
    expect(ended.infotext).toContain('CFG end: 0.5');
    expect(new Set([plain, away, ended].map(({ image }) => image.data.join())).size).toBe(3);
  });
});

describe('inpainting', () => {
  const init = checkered(32);
  const mask = leftMask(32);
  const ask = { init, mask, side: 32, maskBlur: 0, denoisingStrength: 0.9, steps: 4 };
  const column = (i: number): number => Math.floor(i / 3) % 32;

  /** Largest change of a byte left and right of the middle. */
  function changes({ data }: PixelImage): { painted: number; kept: number } {
    const difference = data.map((v, i) => Math.abs(v - init.data[i]!));
    return {
      painted: Math.max(...difference.filter((_, i) => column(i) < 16)),
      kept: Math.max(...difference.filter((_, i) => column(i) >= 16)),
    };
  }

  it.each(['Euler', 'Euler a', 'DPM++ 2M', 'DPM++ SDE', 'DDIM', 'UniPC', 'LCM', 'Restart'])(
    'keeps what is not masked, with %s',
    async (sampler) => {
      const { painted, kept } = changes(await picture({ ...ask, sampler }));
      expect(kept).toBe(0);
      expect(painted).toBeGreaterThan(20);
    },
  );

  it('starts from each masked content', async () => {
    const made = new Map<string, string>();
    for (const maskedContent of ['original', 'noise', 'fill', 'nothing'] as const) {
      const [{ image, infotext }] = (await pictures({ ...ask, maskedContent })) as [Of<'image'>];
      expect(changes(image).kept).toBe(0);
      made.set(image.data.join(), infotext);
    }
    expect(made.size).toBe(4);
    expect([...made.values()][1]).toContain('Masked content: latent noise, Mask blur: 0');
  });

  it('repaints the other side when inverted', async () => {
    const { painted, kept } = changes(await picture({ ...ask, maskInvert: true }));
    expect(painted).toBe(0);
    expect(kept).toBeGreaterThan(20);
  });

  it('paints the masked area alone at the size asked for, in a picture that keeps its own', async () => {
    const large = checkered(48);
    const spot: PixelImage = { ...leftMask(48), data: new Uint8Array(48 * 48) };
    for (let y = 20; y < 28; y++) spot.data.fill(255, y * 48 + 4, y * 48 + 12);
    const asked = { ...ask, init: large, mask: spot, inpaintArea: 'Only masked', inpaintPadding: 4 } as const;
    const [{ image, infotext }] = (await pictures(asked)) as [Of<'image'>];
    expect([image.width, image.height]).toEqual([48, 48]);
    const changed = Array.from(image.data, (v, i) => Math.abs(v - large.data[i]!));
    const isMasked = (i: number) => spot.data[Math.floor(i / 3)] === 255;
    expect(Math.max(...changed.filter((_, i) => !isMasked(i)))).toBe(0);
    expect(Math.max(...changed.filter((_, i) => isMasked(i)))).toBeGreaterThan(20);
    expect(infotext).toContain('Inpaint area: Only masked, Masked area padding: 4, Mask blur: 0');
    expect(infotext).toContain('Size: 32x32');
  });

  it('changes nothing where nothing is masked', async () => {
    const black: PixelImage = { ...mask, data: new Uint8Array(32 * 32) };
    expect(changes(await picture({ ...ask, mask: black }))).toEqual({ painted: 0, kept: 0 });
    const told = (fields: object) =>
      eventsOf({ ...ask, ...fields }).then((events) =>
        events.flatMap((e) => (e.type === 'warning' ? [e.message] : [])),
      );
    expect(await told({ mask: black })).toEqual(['The mask masks nothing; the picture stays as it was.']);
    expect(await told({ mask: black, inpaintArea: 'Only masked' })).toEqual([
      'The mask masks nothing; the whole picture was drawn anew.',
    ]);
  });

  it('mixes along a blurred edge', async () => {
    const { data } = await picture({ ...ask, maskBlur: 2 });
    const far = init.data.filter((_, i) => column(i) > 24);
    expect(data.filter((_, i) => column(i) > 24)).toEqual(far);
  });

  it('needs a picture', async () => {
    await expect(eventsOf({ mask })).rejects.toThrow('A mask needs a picture');
  });

  it('leaves the picture as the model made it where the original is not to be laid over', async () => {
    const plain = changes(await picture({ ...ask, overlayOriginal: false }));
    expect(plain.kept).toBeGreaterThan(0);
    const area = { ...ask, inpaintArea: 'Only masked', inpaintPadding: 0, width: 64, height: 64 } as const;
    const [whole, alone] = [await picture(area), await picture({ ...area, overlayOriginal: false })];
    expect([alone.width, alone.height]).toEqual([64, 64]);
    expect(alone.data).not.toEqual(whole.data);
  });

  it('works on a network that takes the mask, also from words alone', async () => {
    expect((await pictures({ model: inpainting })).length).toBe(1);
    const { painted, kept } = changes(await picture({ ...ask, model: inpainting, sampler: 'DDIM' }));
    expect(kept).toBe(0);
    expect(painted).toBeGreaterThan(20);
  });

  it('shows such a network what is masked in part, where asked', async () => {
    const drawn = async (fields: object) => {
      const events = await eventsOf({ ...ask, ...fields });
      const { image, infotext } = events.find((event) => event.type === 'image') as Of<'image'>;
      return {
        data: [...image.data],
        infotext,
        warnings: events.flatMap((e) => (e.type === 'warning' ? [e.message] : [])),
      };
    };
    const hidden = await drawn({ model: inpainting });
    const half = await drawn({ model: inpainting, conditionalMaskWeight: 0.5 });
    const shown = await drawn({ model: inpainting, conditionalMaskWeight: 0 });
    expect(new Set([hidden, half, shown].map(({ data }) => data.join())).size).toBe(3);
    expect(hidden.infotext).not.toContain('Conditional mask weight');
    expect(half.infotext).toContain('Conditional mask weight: 0.5');
    expect((await drawn({ conditionalMaskWeight: 0.5 })).warnings).toEqual([
      'Conditional mask weight (conditionalMaskWeight) has no effect: the model is not made for inpainting.',
    ]);
  });
});
