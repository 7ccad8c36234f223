import { describe, expect, it } from 'vitest';
import { UserError } from '#core/errors';
import { expandWildcards, parseWordList } from './wildcards.ts';

const lists: Readonly<Record<string, readonly string[]>> = {
  colour: ['red', 'green', 'blue'],
  'hair/long_hair': ['braid'],
  mixed: ['a __colour__ cat', 'a {big|small} dog'],
  loop: ['again __loop__'],
  fork: ['__fork2__ __fork2__ __fork2__'],
  fork2: ['__fork3__ __fork3__ __fork3__'],
  fork3: [Array.from({ length: 2000 }, () => '__colour__').join('')],
  empty: [],
};

/** Expands with the numbers given, in order; asks for no more than those. */
function draw(template: string, ...numbers: number[]): string {
  const left = [...numbers];
  const text = expandWildcards(template, {
    list: (name) => (Object.hasOwn(lists, name) ? lists[name] : undefined),
    random: () => {
      expect(left).not.toHaveLength(0);
      return left.shift()!;
    },
  });
  expect(left).toEqual([]);
  return text;
}

describe('wildcards', () => {
  it('draws a line of a list', () => {
    expect(draw('a __colour__ cat', 0)).toBe('a red cat');
    expect(draw('a __colour__ cat', 0.5)).toBe('a green cat');
    expect(draw('a __colour__ cat', 0.999)).toBe('a blue cat');
    expect(draw('__hair/long_hair__', 0)).toBe('braid');
  });

  it('draws again for each place', () => {
    expect(draw('__colour__ and __colour__', 0, 0.9)).toBe('red and blue');
  });

  it('expands what a line holds', () => {
    expect(draw('__mixed__', 0, 0.9)).toBe('a blue cat');
    expect(draw('__mixed__', 0.9, 0.9)).toBe('a small dog');
  });

  it('leaves unknown and malformed names, and gives nothing for an empty list', () => {
    expect(draw('__unknown__ _colour_ __ __ __constructor__')).toBe('__unknown__ _colour_ __ __ __constructor__');
    expect(draw('a __empty__b')).toBe('a b');
  });

  it.each(['__loop__', '__fork__'])('stops at %s, which grows without end', (template) => {
    const source = { list: (name: string) => lists[name], random: () => 0 };
    expect(() => expandWildcards(template, source)).toThrow(UserError);
  });
});

describe('choices', () => {
  it('draws an option', () => {
    expect(draw('a {red|green|} cat', 0)).toBe('a red cat');
    expect(draw('a {red|green|} cat', 0.9)).toBe('a  cat');
  });

  it('draws inside the chosen option only', () => {
    expect(draw('{{a|b}|c}', 0.9)).toBe('c');
    expect(draw('{{a|b}|c}', 0, 0.9)).toBe('b');
    expect(draw('{__colour__|x}', 0, 0.9)).toBe('blue');
  });

  it('weights options', () => {
    expect(draw('{3::a|b}', 0.74)).toBe('a');
    expect(draw('{3::a|b}', 0.76)).toBe('b');
    expect(draw('{0::a|b}', 0)).toBe('b');
    expect(draw('{0::a|0::b}', 0.9)).toBe('b');
  });

  it('draws several without repeating one', () => {
    expect(draw('{2$$a|b|c}', 0, 0)).toBe('a, b');
    expect(draw('{2$$a|b|c}', 0.9, 0.9)).toBe('c, b');
    expect(draw('{1-3$$ and $$a|b|c}', 0.5, 0, 0)).toBe('a and b');
    expect(draw('{9$$a|b}', 0, 0)).toBe('a, b');
    expect(draw('{0$$a|b}')).toBe('');
  });

  it('keeps text that only looks like a choice', () => {
    expect(draw('{prompt}, a|b')).toBe('{prompt}, a|b');
    expect(draw('{a|b')).toBe('{a|b');
    expect(draw('a|b}')).toBe('a|b}');
    expect(draw('\\{a|b\\} [x|y]')).toBe('\\{a|b\\} [x|y]');
    expect(draw('[{a|b}:c:0.5]', 0)).toBe('[a:c:0.5]');
  });

  it('finds a choice inside braces that are text', () => {
    expect(draw('{x {a|b} y}', 0.9)).toBe('{x b y}');
  });

  it('looks at no more letters and options than are stated', () => {
    const limits = { expansions: 10, letters: 60 };
    const source = { list: () => ['a'.repeat(20)], random: () => 0 };
    expect(expandWildcards('__a__ __a__', source, limits)).toBe(`${'a'.repeat(20)} ${'a'.repeat(20)}`);
    const refused = (template: string) => () => expandWildcards(template, source, limits);
    expect(refused('__a__ __a__ __a__')).toThrow(/more than 60 characters/);
    expect(refused('{a|b}'.repeat(10))).not.toThrow();
    expect(refused('__e__'.repeat(11))).toThrow(UserError);
    const options = (count: number) => `{2$$${'a|'.repeat(count - 1)}a}`;
    expect(draw(options(1000), 0, 0)).toBe('a, a');
    expect(() => draw(options(1001))).toThrow(/1001 options; at most 1000/);
    expect(draw(`{${'a|'.repeat(20_000)}a}`, 0.5)).toBe('a');
  });

  it('takes many open braces in linear time', () => {
    expect(draw('{'.repeat(100_000))).toBe('{'.repeat(100_000));
    expect(draw('{|'.repeat(50_000))).toBe('{|'.repeat(50_000));
  });
});

describe('word lists', () => {
  it('leave out empty lines and comments', () => {
    expect(parseWordList('# colours\r\nred\r\n\r\n  dark green \n#blue\n')).toEqual(['red', 'dark green']);
  });
});
