import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Operation } from '#api/operation';
import { operations } from '#api/operations/index';
import { settingsSchema } from '#api/records/settings';
import { labRequests } from '#lab/experiments';
import { controlUnitSchema } from '#pipelines/control/unit';
import { settingRows } from '#pipelines/settings/index';
import type { WireImage, WireJob, WireLimits, WireModel, WireProgress } from '#server/native/wire';
import { methodForm } from '#training/settings/forms';
import { trainingNames } from '#training/settings/methods';
import { de } from '../words/de.ts';
import { en } from '../words/en.ts';
import { duration, fileSize, modelFacts, remaining, spokenProgress, stageLine } from '../words/figures.ts';
import { candidatesOf, completed, completions, missingNetworks, typedAt } from './completion.ts';
import { isChanged, recall, requestOf, restoreDraft, settingValue, withValue } from './draft.ts';
import {
  emptyDrawing,
  frameOf,
  isExtended,
  isMasked,
  paintLayer,
  type Stroke,
  type Surface,
  withMargin,
  withoutLayer,
  withStroke,
} from './drawing.ts';
import { fieldsOf, fitting, helpBeside } from './fields.ts';
import { changed, historyOf, redone, undone } from './history.ts';
import { addPicture, inOrder, picturesOf, putAnswer, putJob, putPicture, takePicture } from './lists.ts';
import { type Notice, putNotice } from './notices.ts';
import { readPreset } from './presets.ts';
import { shapesFor, snapSide } from './shapes.ts';
import { takeToken } from './token.ts';
import { fitted, pinched, zoomedAt } from './viewport.ts';
import { emphasised, unmatchedBracket } from './weights.ts';

const schema = {
  properties: {
    prompt: { type: 'string', default: '', label: 'Prompt', group: 'prompt', level: 'simple', control: 'prompt' },
    steps: { type: 'integer', minimum: 1, maximum: 1000, default: 20, usual: [1, 60], description: 'Sampling steps.' },
    cfgScale: { type: 'number', minimum: 0, maximum: 100, default: 7 },
    sampler: { type: 'string', default: 'Euler', choices: 'samplers', control: 'choice' },
    emphasis: { type: 'string', enum: ['Original', 'None'], default: 'Original' },
    tiling: { type: 'boolean', default: false },
    seed: { type: 'integer', minimum: -1, maximum: 1000, default: -1, control: 'seed' },
    width: { type: 'integer', minimum: 64, maximum: 512, control: 'size' },
    init: { type: 'string', control: 'image' },
    maskBlur: { type: 'number', minimum: 0, maximum: 64, default: 4, when: 'init' },
  },
};
const fields = fieldsOf(schema);
const field = (name: string) => fields.find((each) => each.name === name)!;

describe('fields from the server’s schema', () => {
  it('take label, bounds, help and control from their row', () => {
    expect(field('steps')).toMatchObject({ label: 'Steps', help: 'Sampling steps.', min: 1, usual: [1, 60], step: 1 });
    expect(field('prompt')).toMatchObject({ control: 'prompt', group: 'prompt', simple: true });
  });

  it('get a control that fits their type where the row names none', () => {
    const controls = Object.fromEntries(fields.map(({ name, control }) => [name, control]));
    expect(controls).toMatchObject({ steps: 'slider', cfgScale: 'slider', emphasis: 'choice', tiling: 'switch' });
    expect(field('cfgScale')).toMatchObject({ label: 'Cfg scale', usual: [0, 21] });
    expect(field('emphasis').choices).toEqual(['Original', 'None']);
  });

  it('show a setting that nobody wrote a control for', () => {
    const [shown] = fieldsOf({ properties: { brandNew: { type: 'number', minimum: 0, maximum: 2, default: 1 } } });
    expect(shown).toMatchObject({ name: 'brandNew', label: 'Brand new', control: 'slider', fallback: 1 });
  });

  it('are told in German where that is spoken, and by the server of what nobody has put into German', () => {
    const told = fieldsOf(schema, de.texts.settings);
    expect(told.find(({ name }) => name === 'seed')!.help).toBe('Erster Seed; -1 zieht einen.');
    const properties = { brandNew: { type: 'number', description: 'New.' } };
    expect(fieldsOf({ properties }, de.texts.settings)[0]!.help).toBe('New.');
    const known = [...settingRows.map(([name]) => name), ...Object.keys(settingsSchema.shape), 'init', 'mask'];
    expect(Object.keys(de.texts.settings).filter((name) => !known.includes(name))).toEqual([]);
  });

  it('are all told in German where they are a training’s, and those of tools and units are there', () => {
    const shown = (form: unknown) => fieldsOf(form, {}).filter(({ control }) => control !== 'none');
    const trained = trainingNames.flatMap((method) => shown(methodForm(method)).map(({ name }) => name));
    expect(Object.keys(de.texts.trainings).toSorted()).toEqual([...new Set(trained)].toSorted());
    for (const [tool, texts] of Object.entries(de.texts.tools)) {
      const { [tool]: asked } = { ...operations, ...labRequests } as Record<string, Operation | z.ZodType>;
      const form = asked instanceof z.ZodType ? asked : asked!.input;
      const names = shown(z.toJSONSchema(form, { io: 'input' })).map(({ name }) => name);
      expect(
        Object.keys(texts).filter((name) => !names.includes(name)),
        tool,
      ).toEqual([]);
    }
    const parts = shown(z.toJSONSchema(controlUnitSchema)).map(({ name }) => name);
    expect(Object.keys(de.texts.units).filter((name) => !parts.includes(name))).toEqual([]);
  });

  it('bring a number to the nearest that they take', () => {
    expect([0, 5000, 7.6, Number.NaN].map((value) => fitting(field('steps'), value))).toEqual([1, 1000, 8, 20]);
  });
});

describe('the draft', () => {
  it('leaves to the server what was left open, and what does not matter', () => {
    expect(requestOf({ prompt: 'a fox', maskBlur: 8 }, fields)).toEqual({ prompt: 'a fox' });
    expect(requestOf({ init: 'image:1', maskBlur: 8 }, fields)).toEqual({ init: 'image:1', maskBlur: 8 });
  });

  it('keeps of a stored one what still fits', () => {
    const saved = { prompt: 'owl', steps: 5000, cfgScale: 3, emphasis: 'gone', tiling: 'yes', unknown: 1 };
    expect(restoreDraft(saved, fields)).toEqual({ prompt: 'owl', cfgScale: 3 });
    for (const broken of [null, 'text', 7, [], { steps: 'many', prompt: 3 }]) {
      expect(restoreDraft(broken, fields)).toEqual({});
    }
  });

  it('recalls what a picture was asked for, without what was the default anyway', () => {
    expect(recall({ prompt: 'a', steps: 9, cfgScale: 7, seed: 5, id: 'x' }, fields)).toEqual({
      prompt: 'a',
      steps: 9,
      seed: 5,
    });
  });

  it('knows what was changed, and forgets what was set back', () => {
    const draft = withValue({}, 'steps', 9);
    expect([isChanged(draft, field('steps')), isChanged({ steps: 20 }, field('steps'))]).toEqual([true, false]);
    expect(settingValue(withValue(draft, 'steps', undefined), field('steps'))).toBe(20);
  });
});

describe('emphasis by keys', () => {
  it('weighs the selection in steps and takes its brackets off at 1', () => {
    const text = 'a red fox';
    const once = emphasised(text, 2, 5, 0.1);
    expect(once).toEqual({ text: 'a (red:1.1) fox', start: 2, end: 11 });
    const twice = emphasised(once.text, once.start, once.end, 0.1);
    expect(twice.text).toBe('a (red:1.2) fox');
    const back = [0, 0].reduce((now) => emphasised(now.text, now.start, now.end, -0.1), twice);
    expect(back.text).toBe(text);
  });

  it('writes compel’s weights where the prompt has them', () => {
    const key = (text: string, at: number, by: number) => emphasised(text, at, at, by, 'compel').text;
    expect(key('a red fox', 3, 0.1)).toBe('a (red)1.1 fox');
    expect(key('a (red)1.1 fox', 4, 0.1)).toBe('a (red)1.2 fox');
    expect(key('a (red)1.1 fox', 4, -0.1)).toBe('a red fox');
    expect(key('a (red)0.05 fox', 4, -0.1)).toBe('a (red)0 fox');
    const chosen = emphasised('a (red fox)1.5, tree', 2, 14, 0.1, 'compel');
    expect(chosen).toEqual({ text: 'a (red fox)1.6, tree', start: 2, end: 14 });
  });

  it('takes the word at the cursor, and leaves the space around a selection alone', () => {
    expect(emphasised('a fox, sitting', 3, 3, 0.1).text).toBe('a (fox:1.1), sitting');
    expect(emphasised('a fox ', 1, 6, 0.1).text).toBe('a (fox:1.1) ');
    expect(emphasised('', 0, 0, 0.1).text).toBe('');
  });

  it('finds a bracket without its partner', () => {
    expect([['(a:1.2) [b]'], ['(a'], ['a)'], ['a \\( b'], ['(a]']].map(([text]) => unmatchedBracket(text!))).toEqual([
      undefined,
      '(',
      ')',
      undefined,
      ']',
    ]);
  });
});

describe('shapes', () => {
  const limits = (length: number, gridMultiple: number): WireLimits => ({
    defaultSize: { width: length, height: length },
    sizeMultiple: 8,
    gridMultiple,
    maxClipSkip: 2,
    prediction: 'eps',
  });

  it.each([
    [512, 64],
    [256, 32],
    [128, 32],
    [64, 32],
  ])('have the area of %i x itself on a grid of %i, each once', (length, grid) => {
    const shapes = shapesFor(limits(length, grid), field('width'));
    expect(shapes[0]).toEqual({ key: 'square', width: length, height: length });
    expect(new Set(shapes.map(({ width, height }) => `${width}x${height}`)).size).toBe(shapes.length);
    for (const { width, height } of shapes) {
      expect([width % grid, height % grid]).toEqual([0, 0]);
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(64);
      expect(Math.max(width, height)).toBeLessThanOrEqual(512);
    }
  });

  it('move a side to what the model takes', () => {
    expect([101, 10, 9999].map((length) => snapSide(length, limits(512, 64), field('width')))).toEqual([104, 64, 512]);
  });
});

describe('lists under events', () => {
  const image = (id: string, more: Partial<WireImage> = {}) => ({ id, prompt: id, ...more }) as WireImage;
  const job = (id: string, state: WireJob['state'], more: Partial<WireJob> = {}) =>
    ({ id, state, priority: 0, position: 0, ...more }) as WireJob;
  const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id).join('');
  const pages = (...lists: string[]) => ({
    pages: lists.map((list) => ({ images: [...list].map((id) => image(id)), total: lists.join('').length })),
    pageParams: lists.map(() => ''),
  });

  it('order jobs as they will run, and let go of those that ended', () => {
    const jobs = [
      job('d', 'paused'),
      job('c', 'queued', { position: 2 }),
      job('b', 'queued', { position: 9, priority: 1 }),
      job('a', 'running'),
    ];
    expect(ids(inOrder(jobs))).toBe('abcd');
    expect(ids(putJob(jobs, job('a', 'done')))).toBe('bcd');
  });

  it('let no late answer undo what events said', () => {
    expect(putAnswer([job('a', 'running')], job('a', 'queued'))[0]!.state).toBe('running');
    expect(putAnswer([], job('b', 'queued'))).toHaveLength(1);
  });

  it('put a new picture in front once, change it in place, and take it out', () => {
    const added = addPicture(addPicture(pages('cb', 'a'), image('d')), image('d'));
    expect([ids(picturesOf(added)), added.pages[0]!.total]).toEqual(['dcba', 4]);
    expect(picturesOf(putPicture(added, image('a', { rating: 5 }), true)).at(-1)!.rating).toBe(5);
    expect(ids(picturesOf(putPicture(added, image('c'), false)))).toBe('dba');
    expect(takePicture(added, 'unknown')).toBe(added);
  });

  it('show a picture once that moved between two pages', () => {
    expect(ids(picturesOf(pages('cb', 'ba')))).toBe('cba');
  });
});

describe('words', () => {
  const progress = (more: Partial<WireProgress>) =>
    ({
      kind: 'picture',
      phase: 'sampling',
      fraction: 0,
      batch: 0,
      batches: 1,
      step: 0,
      steps: 20,
      preview: 0,
      ...more,
    }) as WireProgress;
  const running = { id: 'a', state: 'running' } as WireJob;

  it('say times and sizes', () => {
    expect([0.2, 59.5, 61, 3700].map(duration)).toEqual(['1 s', '1 min 0 s', '1 min 1 s', '1 h 1 min']);
    expect([1762, 57e6, 5.25e6, 2.13e9].map(fileSize)).toEqual(['2 kB', '57 MB', '5.3 MB', '2.1 GB']);
    const model = { parameters: 28.4e6, bytes: 57e6, embedded: true, family: 'sd1' } as WireModel;
    expect(modelFacts(model, en)).toBe('Comes with Darkroom · sd1 · 28 M parameters · 57 MB');
  });

  it('say what a job is at, decoding and loading in bytes too', () => {
    expect(stageLine(running, undefined, en)).toBe('Warming up the engine…');
    const loading = progress({ phase: 'loading', loading: { part: 'text_encoder', bytes: 1e9, totalBytes: 2e9 } });
    expect(stageLine(running, loading, en)).toBe('Loading text encoder… 1.0 GB / 2.0 GB');
    expect(stageLine(running, progress({ step: 3, batch: 1, batches: 2 }), en)).toBe('Picture 2 of 2 · Step 3 of 20');
    expect(stageLine(running, progress({ step: 20 }), en)).toBe('Developing the picture…');
    const bytes = { kind: 'pull', phase: 'fetching', step: 1e9, steps: 4e9 } as const;
    expect(stageLine(running, progress(bytes), en)).toBe('Downloading 1.0 GB / 4.0 GB');
    expect(stageLine({ ...running, cancelRequested: true }, progress({}), en)).toMatch('Stopping');
    expect(remaining(progress({ eta: 4.2 }), en)).toBe('about 5 s left');
    expect(spokenProgress(progress({ fraction: 0.39 }), en)).toBe('30 percent');
  });

  it('help by what the label does not say', () => {
    const help = (label: string, said: string) => helpBeside({ label, help: said });
    expect(help('Learning rate', 'Learning rate.')).toBe('');
    expect(help('Hires fix', 'Hires fix: draw small, enlarge.')).toBe('Draw small, enlarge.');
    expect(help('Steps', 'Sampling steps.')).toBe('Sampling steps.');
  });

  it('say the same error once', () => {
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
  ])('is taken out of %j', (hash, taken) => {
    expect(takeToken(hash)).toEqual(taken);
  });
});

describe('a drawing', () => {
  const stroke: Stroke = {
    layer: 'mask',
    shape: 'line',
    erases: false,
    size: 10,
    points: [{ x: 1, y: 2, pressure: 0.5 }],
  };
  const empty = emptyDrawing('image:1', 8, 8);
  const surface = () => {
    const calls: string[] = [];
    const note =
      (name: string) =>
      (...args: number[]) =>
        void calls.push(`${name} ${args.join(' ')}`);
    const target = {
      fillRect: note('fill'),
      fill: () => void calls.push(`area ${target.fillStyle}`),
      beginPath: () => {},
      moveTo: note('move'),
      lineTo: note('line'),
      stroke: () => void calls.push(`stroke ${target.lineWidth} ${target.globalCompositeOperation}`),
      lineWidth: 0,
      globalCompositeOperation: 'source-over',
      fillStyle: '',
    } as unknown as Surface & { fillStyle: string };
    return { calls, target };
  };

  it('masks by strokes, by inversion, by transparency and by margins; a sketch masks nothing', () => {
    const masked = [
      withStroke(empty, stroke),
      { ...empty, inverted: true },
      { ...empty, alpha: true },
      withMargin(empty, 'left', 8, 8, 64),
    ];
    expect(masked.map(isMasked)).toEqual([true, true, true, true]);
    expect(isMasked(withStroke(empty, { ...stroke, layer: 'sketch' }))).toBe(false);
    const both = withStroke(withStroke({ ...empty, inverted: true }, stroke), { ...stroke, layer: 'sketch' });
    expect(withoutLayer(both, 'mask')).toMatchObject({ inverted: false, strokes: [{ layer: 'sketch' }] });
  });

  it('extends in whole grid steps, as far as the largest side allows, and back', () => {
    const wide = withMargin(empty, 'right', 21, 8, 64);
    expect(frameOf(wide)).toEqual({ width: 32, height: 8 });
    expect(withMargin(wide, 'left', 1000, 8, 64).margins).toMatchObject({ left: 32, right: 24 });
    expect(isExtended(withMargin(wide, 'right', -5, 8, 64))).toBe(false);
  });

  it('paints strokes by their tool, thinner where a pen presses less, dots for taps', () => {
    const { calls, target } = surface();
    const line: Stroke = { ...stroke, erases: true, points: [stroke.points[0]!, { x: 5, y: 2, pressure: 0.25 }] };
    paintLayer(target, { ...empty, strokes: [stroke, line], inverted: true }, 'mask', '#fff');
    expect(calls).toEqual([
      'move 1 2',
      'line 1.01 2',
      'stroke 10 source-over',
      'move 1 2',
      'line 5 2',
      'stroke 5 destination-out',
      'fill 0 0 8 8',
    ]);
  });

  it('fills what a lasso encloses, and everything with its margins; each layer apart', () => {
    const { calls, target } = surface();
    const points = [0, 1, 2].map((n) => ({ x: n, y: n * n, pressure: 0.5 }));
    const area: Stroke = { ...stroke, layer: 'sketch', shape: 'area', colour: '#00f', points };
    const all: Stroke = { ...stroke, shape: 'all', points: [] };
    const drawing = withMargin({ ...empty, strokes: [area, all] }, 'top', 8, 8, 64);
    paintLayer(target, drawing, 'sketch', '#fff');
    expect(calls).toEqual(['move 0 0', 'line 1 1', 'line 2 4', 'area #00f']);
    calls.length = 0;
    paintLayer(target, drawing, 'mask', '#fff');
    expect(calls).toEqual(['fill 0 -8 8 16']);
  });
});

describe('undo', () => {
  it('goes back and forth; something new ends the way forth', () => {
    const three = changed(changed(historyOf(1), 2), 3);
    expect([undone(three).present, undone(undone(undone(three))).present]).toEqual([2, 1]);
    expect(redone(undone(three))).toEqual(three);
    expect(redone(changed(undone(three), 9)).present).toBe(9);
  });
});

describe('a window onto a picture', () => {
  it('shows all of it in the middle, and keeps the point under the pointer when it zooms', () => {
    const view = fitted({ width: 100, height: 50 }, { width: 240, height: 240 }, 20);
    expect(view).toEqual({ scale: 2, x: 20, y: 70 });
    const near = zoomedAt(view, 3, 50, 80);
    const inPicture = ({ scale, x, y }: typeof view) => [(50 - x) / scale, (80 - y) / scale];
    expect(inPicture(near)).toEqual(inPicture(view));
    expect(fitted({ width: 10, height: 10 }, { width: 20, height: 20 }, 0, { x: -4, y: 0 })).toMatchObject({ x: 8 });
  });

  it('follows two fingers', () => {
    const still = { scale: 1, x: 0, y: 0 };
    const apart = pinched(
      still,
      [
        { x: 0, y: 0 },
        { x: 10, y: 0 },
      ],
      [
        { x: 0, y: 0 },
        { x: 20, y: 0 },
      ],
    );
    expect(apart.scale).toBe(2);
    expect(
      pinched(
        still,
        [
          { x: 0, y: 0 },
          { x: 10, y: 0 },
        ],
        [
          { x: 5, y: 7 },
          { x: 15, y: 7 },
        ],
      ),
    ).toEqual({ scale: 1, x: 5, y: 7 });
  });
});

describe('completion of a prompt', () => {
  const model = (kind: string, name: string, more: object = {}) =>
    ({ id: name, kind, name, about: 'about', hasPreview: false, card: {}, ...more }) as unknown as WireModel;

  it('names networks that no file here is called by', () => {
    const models = [model('lora', 'styles/Woodcut v2'), model('checkpoint', 'tower')];
    const prompt = 'a <lora:woodcut:0.8> <lora:tower:1> <hypernet:gold> <lora:tower>';
    expect(missingNetworks(prompt, models)).toEqual(['tower', 'gold']);
  });

  const all = candidatesOf(
    [
      model('lora', 'styles/ink', { card: { triggerWords: ['inked lines'], preferredWeight: 0.7 } }),
      model('embedding', 'bad-hands'),
      model('checkpoint', 'ink-model'),
      model('lora', 'ink-broken', { problem: 'for another family' }),
    ],
    ['animals'],
  );
  const offered = (text: string) => {
    const typed = typedAt(text, text.length);
    return typed ? completions(typed, all).map((each) => each.text) : [];
  };

  it('offers networks, trigger words, embeddings and word lists by what was typed', () => {
    expect(offered('a fox, in')).toEqual(['<lora:ink:0.7>', 'inked lines']);
    expect(offered('a fox <lora:')).toEqual(['<lora:ink:0.7>']);
    expect(offered('a __')).toEqual(['__animals__']);
    expect(offered('(bad')).toEqual(['bad-hands']);
    expect(offered('a')).toEqual([]);
    expect(offered('')).toEqual([]);
  });

  it('puts what was chosen in the place of what was typed', () => {
    const text = 'a <lora:i> at night';
    const typed = typedAt(text, 9)!;
    expect(completed(text, typed, all[0]!)).toEqual({ text: 'a <lora:ink:0.7> at night', cursor: 16 });
  });
});

describe('presets', () => {
  it('reads those of Fooocus, naming what has no place here', () => {
    const preset = {
      default_prompt: 'a fox',
      default_sampler: 'dpmpp_2m_gpu',
      default_image_number: 2,
      default_refiner: 'None',
      default_aspect_ratio: '896*1152',
      default_styles: ['x'],
      default_overwrite_step: -1,
    };
    expect(readPreset(JSON.stringify(preset), new Map([['dpmpp_2m', 'DPM++ 2M']]))).toEqual({
      draft: { prompt: 'a fox', sampler: 'DPM++ 2M', width: 896, height: 1152, batchCount: 2 },
      leftOut: ['default_styles'],
    });
    expect(readPreset('{"steps":9}', new Map())).toEqual({ draft: { steps: 9 }, leftOut: [] });
    expect([readPreset('no json', new Map()), readPreset('[1]', new Map())]).toEqual([undefined, undefined]);
  });
});
