import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isBreak, parseAttention } from './attention.ts';

interface AttentionGoldens {
  readonly attention: { readonly text: string; readonly result: [string, number][] }[];
  readonly attention_errors: { readonly text: string }[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/prompts.json', import.meta.url), 'utf8'),
) as AttentionGoldens;

describe('attention syntax', () => {
  it.each(goldens.attention.map((c) => [JSON.stringify(c.text).slice(0, 70), c] as const))('parses %s', (_, c) => {
    const segments = parseAttention(c.text);
    expect(segments.map(({ text }) => text)).toEqual(c.result.map(([text]) => text));
    segments.forEach(({ weight }, i) => {
      expect(Math.abs(weight - c.result[i]![1])).toBeLessThanOrEqual(1e-12);
    });
  });

  it.each(goldens.attention_errors.map(({ text }) => text))('takes %s, which the web UI refuses, as text', (text) => {
    expect(parseAttention(text)).toEqual([{ text: text.slice(1, -1), weight: 1.1 }]);
  });

  it('keeps words that only contain BREAK, in any script', () => {
    expect(parseAttention('猫BREAK犬 BREAKS')).toEqual([{ text: '猫BREAK犬 BREAKS', weight: 1 }]);
  });

  it('separates at a BREAK outside brackets only', () => {
    expect(parseAttention('a BREAK b').filter(isBreak)).toHaveLength(1);
    expect(parseAttention('(a BREAK b)').filter(isBreak)).toHaveLength(0);
  });

  it('takes long runs of spaces, digits and brackets in linear time', () => {
    expect(parseAttention(`a${' '.repeat(200_000)}b`)).toHaveLength(1);
    expect(parseAttention(`a:${'1'.repeat(200_000)}`)).toHaveLength(1);
    const brackets = parseAttention('('.repeat(200_000));
    expect(brackets).toEqual([{ text: '('.repeat(200_000 - 200), weight: expect.any(Number) }]);
  });

  it('weighs a segment by a bounded number of brackets, however many are open', () => {
    // A factor for each open bracket would be 10^10 multiplications.
    for (const nested of ['(a'.repeat(80_000), '[a'.repeat(80_000), '(a'.repeat(80_000) + ')'.repeat(80_000)]) {
      expect(parseAttention(nested).length).toBeLessThan(500);
    }
    expect(parseAttention(`${'('.repeat(100)}a${')'.repeat(100)}`)[0]!.weight).toBeCloseTo(1.1 ** 100, 6);
  });
});
