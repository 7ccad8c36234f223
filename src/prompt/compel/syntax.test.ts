import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '#core/errors';
import { parseCompel } from './syntax.ts';

interface Expected {
  readonly text: string;
  readonly parts: { weight: number; texts: { share: number; segments: [string, number][] }[] }[];
}

const { syntax } = JSON.parse(
  readFileSync(new URL('../../../test/goldens/data/reference/compel.json', import.meta.url), 'utf8'),
) as { syntax: Expected[] };

const plain = (text: string) =>
  parseCompel(text).parts.map(({ weight, texts }) => ({
    weight,
    texts: texts.map(({ share, segments }) => ({ share, segments: segments.map((s) => [s.text, s.weight]) })),
  }));

describe('compel’s syntax', () => {
  it.each(syntax.map(({ text, parts }) => [text, parts] as const))('reads %j as compel does', (text, parts) => {
    expect(plain(text)).toEqual(parts);
  });

  it.each([
    ['("a", "b").blend(1)', '1 weights for 2 prompts'],
    ['("a", "b").blend(1, -1)', 'add up to 0'],
    ['("a", "b").and(1, 1) and more', '"and more" follows'],
    ['("a", "b").blend(1, 1, softly)', 'not softly'],
  ])('refuses %s with a sentence', (text, sentence) => {
    expect(() => parseCompel(text)).toThrow(UserError);
    expect(() => parseCompel(text)).toThrow(sentence);
  });

  it('tells what it reads and does not do', () => {
    const notesOf = (text: string) => parseCompel(text).notes.join(' ');
    expect(notesOf('a cat.swap(dog) here')).toContain('.swap() has no effect');
    expect(notesOf('withLora(ink, 0.5) a cat')).toContain('write <lora:ink:0.5>');
    expect(notesOf('a (cat:1.2)')).toContain('write (words)1.2');
    expect(notesOf('a (cat')).toContain('"(cat" is read as words');
    expect(notesOf('a (red cat)1.2, \\(dog\\)')).toBe('');
  });

  it('takes long runs of brackets and quotes in time that grows with them', () => {
    for (const run of ['(', '( ', '(a ', '"', '" ', '(".swap(', 'a+', '\\"']) {
      expect(plain(run.repeat(4_000))).toHaveLength(1);
    }
  });
});
