import { describe, expect, it } from 'vitest';
import type { WireControls, WireImage, WireJob, WireLimits, WireModel, WireProgress } from '#server/native/wire';
import { numberControl, sizePresets, sliderEnd, snapSide } from './controls.ts';
import { defaultDraft, draftFromImage, jobInput, randomSeed, restoreDraft } from './draft.ts';
import { addPage, failedJobs, neighbour, openJobs, putAnswer, putImage, putJob, takeImage } from './lists.ts';
import { type Notice, putNotice } from './notices.ts';
import { takeToken } from './token.ts';
import { megabytes, modelFacts, remaining, seconds, spokenProgress, stage } from './words.ts';

const controls: WireControls = {
  families: [],
  maxSide: 4096,
  samplers: [
    { name: 'Euler', aliases: [], scheduler: 'Uniform' },
    { name: 'Heun', aliases: [], scheduler: 'Karras' },
  ],
  schedulers: [
    { name: 'Automatic', aliases: [] },
    { name: 'Karras', aliases: [] },
  ],
  request: {
    properties: {
      sampler: { default: 'Euler' },
      scheduler: { default: 'Automatic' },
      steps: { minimum: 1, maximum: 50, default: 20, description: 'Sampling steps.' },
      cfgScale: { minimum: 0, maximum: 100, default: 7 },
      seed: { minimum: -1, maximum: 1000, default: -1 },
      width: { minimum: 64, maximum: 512 },
      height: { minimum: 64, maximum: 512 },
      batchCount: { minimum: 1, maximum: 10, default: 1 },
    },
  },
};
const side = numberControl(controls, 'width');
const limits = (length: number, gridMultiple: number): WireLimits => ({
  defaultSize: { width: length, height: length },
  sizeMultiple: 8,
  gridMultiple,
  maxClipSkip: 2,
  prediction: 'eps',
});
const image = (id: string, createdAt: number, more: Partial<WireImage> = {}) =>
  ({ id, createdAt, prompt: id, negativePrompt: '', width: 96, height: 64, ...more }) as WireImage;
const job = (id: string, state: WireJob['state'], more: Partial<WireJob> = {}) =>
  ({ id, state, priority: 0, position: 0, ...more }) as WireJob;
const progress = (more: Partial<WireProgress>) =>
  ({ phase: 'sampling', fraction: 0, batch: 0, batches: 1, step: 0, steps: 20, preview: 0, ...more }) as WireProgress;

describe('controls from the server', () => {
  it('takes bounds, default and help from the schema', () => {
    expect(numberControl(controls, 'steps')).toEqual({ min: 1, max: 50, fallback: 20, help: 'Sampling steps.' });
    expect(sliderEnd(numberControl(controls, 'steps'))).toBe(50);
    expect(sliderEnd(numberControl(controls, 'cfgScale'))).toBe(21);
  });

  it.each([
    [512, 64],
    [256, 32],
    [128, 32],
    [64, 32],
  ])('offers shapes of the area of %i x itself on a grid of %i, each once', (length, grid) => {
    const presets = sizePresets(limits(length, grid), side);
    expect(presets[0]).toEqual({ name: 'Square', width: length, height: length });
    expect(new Set(presets.map(({ width, height }) => `${width}x${height}`)).size).toBe(presets.length);
    for (const { width, height } of presets) {
      expect([width % grid, height % grid]).toEqual([0, 0]);
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(side.min);
      expect(Math.max(width, height)).toBeLessThanOrEqual(side.max);
    }
  });

  it('moves a side to what the model takes', () => {
    expect([101, 10, 9999].map((length) => snapSide(length, limits(512, 64), side))).toEqual([104, 64, 512]);
  });
});

describe('the draft', () => {
  it('leaves to the server what was left open', () => {
    const input = jobInput({ ...defaultDraft(controls), prompt: 'a fox' });
    expect(input).toMatchObject({ prompt: 'a fox', sampler: 'Euler', steps: 20, seed: randomSeed, batchCount: 1 });
    expect(Object.keys(input)).not.toEqual(expect.arrayContaining(['model']));
    expect(input.width ?? input.height ?? input.model).toBeUndefined();
  });

  it('keeps of a stored one what still fits', () => {
    const saved = {
      prompt: 'owl',
      sampler: 'Heun',
      scheduler: 'gone',
      steps: 5000,
      cfgScale: 3,
      model: 'gone',
      width: 96,
    };
    expect(restoreDraft(saved, controls, ['here'])).toEqual({
      ...defaultDraft(controls),
      prompt: 'owl',
      sampler: 'Heun',
      cfgScale: 3,
      width: 96,
    });
    for (const broken of [null, 'text', 7, [], { steps: 'many', prompt: 3 }]) {
      expect(restoreDraft(broken, controls, [])).toEqual(defaultDraft(controls));
    }
  });

  it('takes the settings of a picture, not names that are unknown here', () => {
    const made = image('a', 1, { sampler: 'Heun', scheduler: 'Gone', model: 'gone', steps: 9, cfgScale: 2, seed: 5 });
    expect(draftFromImage(made, { ...defaultDraft(controls), count: 3 }, controls, ['here'])).toEqual({
      prompt: 'a',
      negativePrompt: '',
      model: '',
      sampler: 'Heun',
      scheduler: 'Automatic',
      steps: 9,
      cfgScale: 2,
      seed: 5,
      width: 96,
      height: 64,
      count: 3,
    });
  });
});

describe('lists under events', () => {
  const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id).join('');

  it('orders jobs as they will run', () => {
    const jobs = [
      job('d', 'paused'),
      job('c', 'queued', { position: 2 }),
      job('b', 'queued', { position: 9, priority: 1 }),
      job('a', 'running'),
      job('x', 'done'),
      job('f', 'failed', { finishedAt: 1 }),
      job('g', 'failed', { finishedAt: 2 }),
    ];
    expect(ids(openJobs(jobs))).toBe('abcd');
    expect(ids(failedJobs(jobs))).toBe('gf');
  });

  it('lets no late answer undo what events said, but an event may', () => {
    for (const state of ['running', 'done'] as const) {
      expect(putAnswer([job('a', state)], job('a', 'queued'))[0]!.state).toBe(state);
      expect(putJob([job('a', state)], job('a', 'queued'))[0]!.state).toBe('queued');
    }
    expect(putAnswer([], job('b', 'queued'))).toHaveLength(1);
  });

  it('puts pictures in their place, once, and takes them out with the trash', () => {
    const start = { images: [image('c', 30), image('a', 10)], total: 2 };
    const added = putImage(putImage(start, image('b', 20)), image('b', 20));
    expect([ids(added.images), added.total]).toEqual(['cba', 3]);
    const trashed = putImage(added, image('c', 30, { trashedAt: 40 }));
    expect([ids(trashed.images), trashed.total]).toEqual(['ba', 2]);
    expect(ids(putImage(trashed, image('c', 30)).images)).toBe('cba');
    expect(takeImage(trashed, 'unknown')).toBe(trashed);
    const paged = { ...start, cursor: 'next' };
    expect(putImage(paged, image('0', 1))).toEqual({ ...paged, total: 3 });
    expect(ids(addPage(paged, { images: [image('a', 10), image('0', 1)], total: 3 }).images)).toBe('ca0');
    expect([neighbour(added.images, 'b', 1), neighbour(added.images, 'c', -1)]).toEqual(['a', undefined]);
  });
});

describe('words', () => {
  it('says times and sizes', () => {
    expect([0.2, 59.5, 61, 3700].map(seconds)).toEqual(['1 s', '1 min 0 s', '1 min 1 s', '1 h 1 min']);
    expect([57e6, 5.25e6, 2.13e9].map(megabytes)).toEqual(['57 MB', '5.3 MB', '2.1 GB']);
    const model = { parameters: 28.4e6, bytes: 57e6, embedded: true } as WireModel;
    expect(modelFacts(model)).toBe('Comes with Darkroom · 28 M parameters · 57 MB');
  });

  it('says what a job is at', () => {
    const running = job('a', 'running');
    expect(stage(running, undefined)).toBe('Warming up the engine…');
    expect(stage(running, progress({ phase: 'loading', loading: { part: 'text_encoder' } }))).toBe(
      'Loading the text encoder…',
    );
    expect(stage(running, progress({ step: 3, batch: 1, batches: 2 }))).toBe('Picture 2 of 2 · Step 3 of 20');
    expect(stage(job('a', 'running', { cancelRequested: true }), progress({}))).toMatch('Stopping');
    expect(remaining(progress({ eta: 4.2 }))).toBe('about 5 s left');
    expect(spokenProgress(progress({ fraction: 0.39 }))).toBe('30 percent');
  });

  it('says the same error once', () => {
    const error = (id: number, text: string): Notice => ({ id, kind: 'error', text });
    const list = [1, 2, 3].reduce((all, id) => putNotice(all, error(id, 'full')), [error(0, 'other')]);
    expect(list.map(({ id }) => id)).toEqual([0, 3]);
    expect([1, 2, 3, 4, 5, 6].reduce((all, id) => putNotice(all, error(id, `${id}`)), list)).toHaveLength(4);
  });
});

describe('token in the address', () => {
  it.each([
    ['#token=abc', { token: 'abc', rest: '' }],
    ['#a=1&token=x%2By&b', { token: 'x+y', rest: '#a=1&b' }],
    ['#token=', { rest: '' }],
    ['#token=%zz', { token: '%zz', rest: '' }],
    ['#pictures', { rest: '#pictures' }],
    ['', { rest: '' }],
  ])('takes it out of %j', (hash, taken) => {
    expect(takeToken(hash)).toEqual(taken);
  });
});
