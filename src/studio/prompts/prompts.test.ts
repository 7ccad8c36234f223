import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DrawOrder, drawPrompts } from './draw.ts';
import { measuredPrompt } from './measure.ts';
import { preparePrompts } from './prepare.ts';
import { PromptFiles, readStyleSheet, type SheetOrder } from './prompt-files.ts';
import { parseStyles, writeStyles } from './style-sheet.ts';

let root: string;
let files: PromptFiles;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-prompts-'));
  files = new PromptFiles({ own: join(root, 'data'), modelRoots: [join(root, 'webui', 'models')] });
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

const ask = (prompt: string, more: object = {}) => ({ prompt, negativePrompt: '', styles: [], seed: 5, ...more });

describe('styles.csv', () => {
  it('reads quotes, line breaks, notes, byte order marks, and the older name of the prompt', () => {
    const text = '\ufeffname,text,negative_prompt\r\n# note,,\r\nfilm,"{prompt}, ""35mm"",\nfilm",blur\nplain,oil\n\n';
    expect(parseStyles(text)).toEqual([
      { name: 'film', prompt: '{prompt}, "35mm",\nfilm', negativePrompt: 'blur' },
      { name: 'plain', prompt: 'oil', negativePrompt: '' },
    ]);
    expect(parseStyles('')).toEqual([]);
    expect(parseStyles('name,prompt\n"never ends, a')).toEqual([
      { name: 'never ends, a', prompt: '', negativePrompt: '' },
    ]);
  });

  it('comes back as it was written', () => {
    const styles = [
      { name: 'a, b', prompt: 'x\n"y"', negativePrompt: '' },
      { name: 'c', prompt: '{prompt}', negativePrompt: ',' },
    ];
    expect(parseStyles(writeStyles(styles))).toEqual(styles);
  });

  it('of the data folder go before those of a web UI beside the models, and only they are written', async () => {
    write('webui/styles.csv', 'name,prompt,negative_prompt\nfilm,theirs,\noil,oil paint,photo\n');
    await files.saveStyle({ name: ' film ', prompt: 'ours', negativePrompt: '' });
    await files.saveStyle({ name: 'film', prompt: 'ours again', negativePrompt: '' });
    expect(await files.styles()).toEqual([
      { name: 'film', prompt: 'ours again', negativePrompt: '' },
      { name: 'oil', prompt: 'oil paint', negativePrompt: 'photo' },
    ]);
    expect(readFileSync(join(root, 'webui/styles.csv'), 'utf8')).toContain('theirs');
    await files.removeStyle('film');
    expect((await files.styles())[0]).toMatchObject({ prompt: 'theirs' });
    await expect(files.removeStyle('oil')).rejects.toMatchObject({ code: 'style.unknown' });
    await expect(files.saveStyle({ name: '#x', prompt: '', negativePrompt: '' })).rejects.toMatchObject({
      code: 'style.invalid',
    });
  });

  it('are all kept when several are saved at once, also by another process', async () => {
    const command = new PromptFiles({ own: join(root, 'data'), modelRoots: [] });
    const names = Array.from({ length: 8 }, (_, i) => `style ${i}`);
    const save = async (name: string, i: number) =>
      await (i % 2 === 0 ? files : command).saveStyle({ name, prompt: name, negativePrompt: '' });
    await Promise.all(names.map(save));
    await Promise.all([files.removeStyle('style 0'), command.importStyles('name,prompt\nother,a\n')]);
    const kept = parseStyles(readFileSync(join(root, 'data/styles.csv'), 'utf8')).map(({ name }) => name);
    expect(kept.sort()).toEqual(['other', ...names.slice(1)]);
  });

  it('are read elsewhere where the sheet is long, and again only when it has changed', async () => {
    const asked: SheetOrder[] = [];
    const own = new PromptFiles({ own: join(root, 'data'), modelRoots: [] }, async (order) => {
      asked.push(order);
      return await readStyleSheet(order);
    });
    write('data/styles.csv', `name,prompt\nfilm,"${'a'.repeat(70_000)}"\n`);
    expect(await own.styles()).toHaveLength(1);
    expect(await own.styles()).toHaveLength(1);
    expect(asked).toEqual([{ file: join(root, 'data/styles.csv') }]);
    await own.importStyles(`name,prompt\nlong,"${'b'.repeat(70_000)}"\n`);
    expect((await own.styles()).map(({ name }) => name)).toEqual(['film', 'long']);
    expect(asked).toHaveLength(3);
  });

  it('of a sheet that is too large are told, and the sheet is left as it is', async () => {
    write('data/styles.csv', 'name,prompt\n'.padEnd(4 * 2 ** 20 + 1, 'a'));
    write('webui/styles.csv', `name,prompt\n${Array.from({ length: 10_001 }, (_, i) => `s${i},a\n`).join('')}`);
    const { warnings } = await preparePrompts(ask('a fox', { styles: ['film'] }), files);
    expect(warnings).toEqual([
      'There is no style film; it was left out.',
      expect.stringMatching(/data.styles\.csv: A style sheet may have 4194304 bytes, this one has 4194305\.$/),
      expect.stringMatching(/webui.styles\.csv: The sheet holds more than 10000 styles/),
    ]);
    await expect(files.saveStyle({ name: 'film', prompt: '', negativePrompt: '' })).rejects.toMatchObject({
      code: 'style.sheet-too-large',
    });
    expect(readFileSync(join(root, 'data/styles.csv'))).toHaveLength(4 * 2 ** 20 + 1);
  });

  it('are applied in order; those that are not there are told', async () => {
    write('data/styles.csv', 'name,prompt,negative_prompt\nfilm,"{prompt}, film",blur\noil,oil,\n');
    const { request, warnings } = await preparePrompts(
      ask('a fox', { styles: ['film', 'None', 'gone', 'oil'] }),
      files,
    );
    expect(request).toMatchObject({ prompt: 'a fox, film, oil', negativePrompt: 'blur', styles: [] });
    expect(warnings).toEqual(['There is no style gone; it was left out.']);
  });
});

describe('wildcards', () => {
  it('are drawn from the data folder and from extensions of a web UI, the same for the same seed', async () => {
    write('data/wildcards/colour.txt', 'red\n# note\nblue\n');
    write('webui/extensions/sd-dynamic-prompts/wildcards/animal/small.txt', 'fox\n');
    const draw = async (seed: number) =>
      (await preparePrompts(ask('a __colour__ __animal/small__ in {snow|rain}', { seed }), files)).request.prompt;
    const drawn = await Promise.all(Array.from({ length: 20 }, (_, seed) => draw(seed)));
    expect(new Set(drawn)).toEqual(
      new Set(['a red fox in snow', 'a red fox in rain', 'a blue fox in snow', 'a blue fox in rain']),
    );
    expect(await draw(3)).toBe(drawn[3]);
    expect([...(await files.wordLists()).keys()].sort()).toEqual(['animal/small', 'colour', 'small']);
  });

  it('that are not there stay as they are, and are told', async () => {
    const { request, warnings } = await preparePrompts(ask('a __gone__ fox'), files);
    expect(request.prompt).toBe('a __gone__ fox');
    expect(warnings).toEqual(['There is no word list gone; __gone__ was left as it is.']);
  });

  it('that are not there are told once, and no more than some', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `__w${i}__ __w${i}__`).join(' ');
    const { warnings } = await preparePrompts(ask(names), files);
    expect(warnings).toHaveLength(21);
    expect(warnings.at(-1)).toBe('Nor are there 10 others that the prompts name.');
  });

  it('that are long work are drawn elsewhere, the same', async () => {
    write('data/wildcards/long.txt', 'fox\n'.repeat(50_000));
    write('data/wildcards/short.txt', 'red\nblue\n');
    const asked: DrawOrder[] = [];
    const elsewhere = async (order: DrawOrder) => {
      asked.push(order);
      return await drawPrompts(order);
    };
    const draw = async (prompt: string) => (await preparePrompts(ask(prompt), files, elsewhere)).request.prompt;
    expect(await draw('__short__')).toBe((await preparePrompts(ask('__short__'), files)).request.prompt);
    expect(asked).toEqual([]);
    expect(await draw('a __long__')).toBe('a fox');
    expect(await draw(`__short__ ${'{a|b}'.repeat(7000)}`)).toMatch(/^(red|blue) [ab]{7000}$/);
    expect(asked).toHaveLength(2);
  });

  it('and styles that make a prompt too long are refused', async () => {
    write('data/wildcards/line.txt', 'a'.repeat(60_000));
    await expect(preparePrompts(ask('__line__ __line__'), files)).rejects.toMatchObject({ code: 'prompt.too-long' });
    write(
      'data/styles.csv',
      `name,prompt\n${Array.from({ length: 40 }, (_, i) => `s${i},{prompt} {prompt}`).join('\n')}`,
    );
    const styles = Array.from({ length: 40 }, (_, i) => `s${i}`);
    await expect(preparePrompts(ask('fox', { styles }), files)).rejects.toMatchObject({ code: 'prompt.too-long' });
  });

  it('leave a plain prompt alone, and braces without a choice', async () => {
    expect((await preparePrompts(ask('a {fox} __'), files)).request.prompt).toBe('a {fox} __');
  });
});

describe('the length of a prompt', () => {
  const words = (count: number) => Array.from({ length: count }, () => 'fox').join(' ');

  it('is counted in chunks of 75, without networks and comments', () => {
    expect(measuredPrompt('')).toEqual({ tokens: 0, room: 75, chunks: [0], unknown: [] });
    expect(measuredPrompt('a (red:1.2) fox <lora:style:0.5>')).toMatchObject({ tokens: 3, room: 75, chunks: [3] });
    expect(measuredPrompt(words(80))).toMatchObject({ tokens: 80, room: 150, chunks: [75, 5] });
    expect(measuredPrompt('a red dragon <lora:style:0.5>', ['a', 'red']).unknown).toEqual(['dragon']);
    expect(measuredPrompt('fox BREAK owl')).toMatchObject({ tokens: 76, room: 150, chunks: [1, 1] });
  });

  it('is that of its longest part, of those that change and those that are joined by AND', () => {
    expect(measuredPrompt(`[fox:${words(9)}:0.5]`).tokens).toBe(9);
    expect(measuredPrompt(`fox AND ${words(4)}`).tokens).toBe(4);
  });
});

describe('a sheet that is brought', () => {
  it('adds its styles and replaces those of their names, or is refused when it holds none', async () => {
    mkdirSync(join(root, 'data'));
    await files.saveStyle({ name: 'film', prompt: 'old', negativePrompt: '' });
    await files.saveStyle({ name: 'mine', prompt: 'kept', negativePrompt: '' });
    await files.importStyles('name,prompt,negative_prompt\nfilm,new,blur\noil,{prompt} in oil,');
    expect((await files.styles()).map(({ name, prompt }) => [name, prompt])).toEqual([
      ['mine', 'kept'],
      ['film', 'new'],
      ['oil', '{prompt} in oil'],
    ]);
    await expect(files.importStyles('hello')).rejects.toMatchObject({ code: 'style.invalid' });
  });
});
