import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { partsOf, type WriteGolden } from '../../test/goldens/infotext-fields.ts';
import { type ParsedInfotext, parseInfotext, readPairs } from './infotext.ts';
import { pythonFloat, quoteValue, unquoteValue } from './infotext-values.ts';
import { isOlder } from './infotext-version.ts';
import { writeInfotext } from './infotext-writer.ts';

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/infotext.json', import.meta.url), 'utf8'),
) as {
  parse: { text: string; raw_pairs_in_last_line: [string, string][]; result: ParsedInfotext }[];
  write: WriteGolden[];
  quoting: { value: string; quoted: string; unquoted: string }[];
};

const titled = <T>(cases: readonly T[], title: (c: T) => string): [string, T][] =>
  cases.map((c) => [JSON.stringify(title(c)).slice(0, 90), c]);

describe('reading infotext', () => {
  it.each(titled(goldens.parse, (c) => c.text))('%s', (_, c) => {
    expect(readPairs(c.text.trim().split('\n').at(-1)!)).toEqual(c.raw_pairs_in_last_line);
    expect(parseInfotext(c.text)).toEqual(c.result);
  });

  it('keeps a key that is a property of every object', () => {
    const parsed = parseInfotext('Steps: 1, __proto__: x, constructor: y');
    expect(Object.entries(parsed)).toContainEqual(['__proto__', 'x']);
    expect(parsed.constructor).toBe('y');
  });

  it('drops the hires prompt that repeats the prompt, from versions that repeat it', () => {
    const read = (version: string): unknown =>
      parseInfotext(`a\nSteps: 1, Seed: 2, Hires prompt: a, Version: ${version}`)['Hires prompt'];
    expect(read('v1.10.1')).toBe('');
    expect(read('v1.8.0')).toBe('a');
  });

  it('takes a long prompt without commas in linear time', () => {
    const prompt = 'word '.repeat(60_000);
    expect(parseInfotext(prompt).Prompt).toBe(prompt.trim());
  });
});

describe('writing infotext', () => {
  it.each(titled(goldens.write, (c) => c.text))('%s', (_, c) => {
    const text = writeInfotext(partsOf(c));
    expect(text).toBe(c.text);
    expect(parseInfotext(text)).toEqual(c.reparsed);
  });

  it.each(
    goldens.write.flatMap(({ fields, float_text: floats }) =>
      Object.entries(floats).map(([path, text]) => {
        const source: Readonly<Record<string, unknown>> = path.startsWith('extra.') ? fields.extra : fields;
        return [text, source[path.replace(/^extra\./u, '')] as number] as const;
      }),
    ),
  )('prints the float %s', (text, value) => {
    expect(pythonFloat(value)).toBe(text);
  });

  it('takes the value of the image from a list, and none from one too short', () => {
    const entries = [
      ['Many', ['x', 'y']],
      ['One', ['z']],
      ['Seed', 1],
      ['Steps', 2],
    ] as const;
    expect(writeInfotext({ prompt: 'a', entries }, 1)).toBe('a\nSteps: 2, Seed: 1, Many: y');
  });
});

describe('values', () => {
  it.each(titled(goldens.quoting, (c) => c.value))('quotes %s', (_, c) => {
    expect(quoteValue(c.value)).toBe(c.quoted);
    expect(unquoteValue(c.quoted)).toBe(c.unquoted);
  });

  it.each([
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1e15, '1000000000000000.0'],
    [-0, '-0.0'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NaN, 'nan'],
  ])('prints %f as Python does', (value, text) => {
    expect(pythonFloat(value)).toBe(text);
  });
});

describe('versions', () => {
  const ascending = [
    '1.5.2',
    'v1.6.0-RC',
    '1.6.0',
    'v1.6.0-2-gabc',
    '1.7',
    'v1.7.0-225-gabc',
    '1.8.0.dev1',
    '1.8.0',
    '1.10.1',
  ];

  it.each(ascending.slice(1).map((version, i) => [ascending[i]!, version] as const))('%s is older than %s', (a, b) => {
    expect(isOlder(a, b)).toBe(true);
    expect(isOlder(b, a)).toBe(false);
  });

  it('compares nothing with what is no version', () => {
    expect(isOlder('f2.0.1-custom', '1.6.0')).toBe(false);
    expect(isOlder('', '1.6.0')).toBe(false);
  });
});
