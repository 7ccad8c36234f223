/** Forms of series as cells: axes of a plot, parts of a matrix, lines, loops. */

import { describe, expect, it } from 'vitest';
import { parseInfotext } from '#prompt/infotext';
import { generateSchema } from '../request.ts';
import { axes, findAxis } from './axes.ts';
import { expandSeries } from './forms.ts';
import { gridText } from './grid-text.ts';
import { cellRequest, changesBetween, placesOf } from './series.ts';
import { listedValues, numbersOf } from './values.ts';

const context = { drawSeed: () => 77, hasInit: true };
const request = (fields: object = {}) => generateSchema.parse({ prompt: 'a fox, in snow', seed: 5, ...fields });
const expand = (name: string, settings: object, fields: object = {}) =>
  expandSeries(name, settings as Record<string, unknown>, request(fields), context);
const changes = (made: ReturnType<typeof expand>) => made.cells.map((cell) => cell.changes);

describe('values', () => {
  it('are separated as in CSV', () => {
    expect(listedValues('a, "b, c" ,d')).toEqual(['a', 'b, c', 'd']);
    expect(listedValues('say "hi",x')).toEqual(['say "hi"', 'x']);
    expect(listedValues('"a ""b""",')).toEqual(['a "b"', '']);
    expect(listedValues(' ')).toEqual([]);
    expect(() => listedValues('"a')).toThrow('does not end');
  });

  it('are ranges where they are numbers', () => {
    expect(numbersOf(['1-5'], true)).toEqual([1, 2, 3, 4, 5]);
    expect(numbersOf(['1-10 (+3)', '20'], true)).toEqual([1, 4, 7, 10, 20]);
    expect(numbersOf(['10-5 (-3)'], true)).toEqual([10, 7]);
    expect(numbersOf(['0-1 [3]'], false)).toEqual([0, 0.5, 1]);
    expect(numbersOf(['0.5-0.7 (+0.1)'], false)).toEqual([0.5, 0.6, 0.7]);
    expect(numbersOf(['-1'], true)).toEqual([-1]);
    expect(() => numbersOf(['ten'], true)).toThrow('no number and no range');
    expect(() => numbersOf(['1-9 (-1)'], true)).toThrow('at least one value');
  });
});

describe('a plot', () => {
  it('has an axis for every setting with a value, under all of its names', () => {
    for (const name of ['steps', 'Steps', 'cfg_scale', 'CFG scale', 'sampler', 'Sampler', 'clip-skip', 'strength'])
      expect(findAxis(name).name).toBeTruthy();
    expect(findAxis('Prompt S/R').name).toBe('promptReplace');
    expect(axes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['hiresUpscaler', 'sigmaMax', 'vae', 'styles']),
    );
    expect(() => findAxis('flavour')).toThrow('There is no axis "flavour"');
  });

  it('crosses its axes, X fastest, and labels them', () => {
    const made = expand('plot', { xAxis: 'steps', xValues: '10,20', yAxis: 'promptReplace', yValues: 'snow,sand' });
    expect(changes(made)).toEqual([
      { steps: 10 },
      {},
      { steps: 10, prompt: 'a fox, in sand' },
      { prompt: 'a fox, in sand' },
    ]);
    expect(made.grid).toMatchObject({ columns: ['Steps: 10', 'Steps: 20'], rows: ['snow', 'sand'], pages: [''] });
    expect(placesOf(made.base, made)).toEqual({ first: [0, 1, 2, 3], pictures: 4, total: 5 });
    expect(cellRequest(made.base, made.cells[2]!)).toMatchObject({ steps: 10, seed: 5, prompt: 'a fox, in sand' });
  });

  it('draws what is dear to change last, and counts seeds where it is told to', () => {
    const dear = expand('plot', { xAxis: 'model', xValues: 'a,b', yAxis: 'seed', yValues: '1-2' });
    expect(dear.order).toEqual([0, 2, 1, 3]);
    const varied = expand('plot', {
      xAxis: 'steps',
      xValues: '1,2',
      yAxis: 'cfgScale',
      yValues: '1,2',
      varySeeds: ['X', 'Y'],
    });
    expect(varied.cells.map((cell) => (cellRequest(varied.base, cell) as { seed: number }).seed)).toEqual([5, 6, 7, 8]);
    const drawn = expand('plot', { xAxis: 'seed', xValues: '-1, 3' }, { seed: -1 });
    expect([drawn.base.seed, changes(drawn)]).toEqual([77, [{}, { seed: 3 }]]);
    expect(expand('plot', { keepRandom: true }, { seed: -1 }).base.seed).toBe(-1);
  });

  it('tells its axes in the text of its grid as A1111 does', () => {
    const { told } = expand('plot', { xAxis: 'sampler', xValues: 'Euler, "DPM++ 2M"', yAxis: 'seed', yValues: '-1' });
    const text = gridText('a fox\nSteps: 20, Sampler: Euler, Seed: 5', { told });
    expect(parseInfotext(text)).toMatchObject({
      Script: 'X/Y/Z plot',
      'X Type': 'Sampler',
      'X Values': 'Euler, "DPM++ 2M"',
      'Fixed Y Values': '77',
    });
  });

  it('orders parts of the prompt, and takes sizes and switches', () => {
    const faces = expand('plot', { xAxis: 'Face restore', xValues: 'none, gfpgan, true' });
    expect(changes(faces)).toEqual([{}, { restoreFaces: true, faceRestorer: 'gfpgan' }, { restoreFaces: true }]);
    const made = expand('plot', { xAxis: 'promptOrder', xValues: 'fox,snow' });
    expect(made.cells.map((cell) => cellRequest(made.base, cell).prompt)).toEqual(['a fox, in snow', 'a snow, in fox']);
    expect(changes(expand('plot', { xAxis: 'size', xValues: '64x128' }))).toEqual([{ width: 64, height: 128 }]);
    expect(changes(expand('plot', { xAxis: 'tiling', xValues: 'True' }))).toEqual([{ tiling: true }]);
  });

  it.each([
    [{ xAxis: 'steps' }, 'has no values'],
    [{ xAxis: 'steps', xValues: '0' }, 'steps: '],
    [{ xAxis: 'steps', xValues: '1-60', yAxis: 'cfgScale', yValues: '1-60' }, 'at most 2000 pictures'],
    [{ xAxis: 'promptReplace', xValues: 'dog,cat' }, '"dog" is not in the prompt'],
    [{ xAxis: 'size', xValues: 'large' }, 'values like 512x768'],
    [{ margin: -1 }, 'margin'],
  ])('refuses %j', (settings, words) => {
    expect(() => expand('plot', settings)).toThrow(words);
  });
});

describe('other forms', () => {
  it('combine the parts of a prompt, half of them across', () => {
    const made = expand('matrix', {}, { prompt: 'a fox|in snow|at night|, drawn' });
    expect(made.cells).toHaveLength(8);
    expect(made.cells[0]!.changes.prompt).toBe('a fox');
    expect(made.cells[5]!.changes.prompt).toBe('a fox, in snow, drawn');
    expect(made.grid).toMatchObject({
      columns: ['–', 'in snow', 'at night', 'in snow, at night'],
      rows: ['–', 'drawn'],
    });
    expect(() => expand('matrix', {})).toThrow('needs 1 to 8 parts');
  });

  it('read lines with prompts and with settings', () => {
    const lines = `a dog\n\n--prompt "a cat" --steps 7 --cfg_scale 3.5 --sampler_name "euler a"\n--negative_prompt bad hands --seed 9`;
    const made = expand('prompts', { lines, iterateSeed: true }, { prompt: '', batchCount: 2 });
    expect(changes(made)).toEqual([
      { seed: 5, prompt: 'a dog' },
      { seed: 7, prompt: 'a cat', steps: 7, cfgScale: 3.5, sampler: 'euler a' },
      { seed: 9, negativePrompt: 'bad hands' },
    ]);
    expect(changes(expand('prompts', { lines: 'x', position: 'end' }))[0]).toEqual({ prompt: 'a fox, in snow x' });
    for (const [bad, words] of [
      ['--flavour 3', 'Line 1: there is no setting --flavour'],
      ['a\n--steps', 'Line 2: --steps has no value'],
      ['--steps ten', 'Line 1: --steps: '],
      ['--prompt "a', 'does not end'],
      [' \n', 'no line with a prompt'],
    ] as const)
      expect(() => expand('prompts', { lines: bad })).toThrow(words);
  });

  it('draw over what was drawn, with a strength that goes from one to another', () => {
    const made = expand('loopback', { loops: 3, finalStrength: 0.2 }, { denoisingStrength: 0.6, batchCount: 2 });
    const strengths = made.cells.map(({ changes: own }) => Number(own.denoisingStrength).toFixed(2));
    expect(strengths).toEqual(['0.60', '0.40', '0.20', '0.60', '0.40', '0.20']);
    expect(made.cells.map(({ follows }) => follows)).toEqual([false, true, true, false, true, true]);
    expect(() => expandSeries('loopback', {}, request(), { ...context, hasInit: false })).toThrow('needs a picture');
  });

  it('are kept as what differs from their base', () => {
    const base = request();
    expect(changesBetween(base, { ...base, steps: 9, styles: ['x'] })).toEqual({ steps: 9, styles: ['x'] });
  });
});
