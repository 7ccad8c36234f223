import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { entryAt, schedulePrompt } from './schedule.ts';

interface ScheduleGolden {
  readonly text: string;
  readonly steps: number;
  readonly hires_steps: number | null;
  readonly use_old_scheduling: boolean;
  readonly result: [number, string][];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/prompts.json', import.meta.url), 'utf8'),
) as { scheduling: ScheduleGolden[]; scheduling_hires: ScheduleGolden[] };

const entries = (text: string, steps: number): [number, string][] =>
  schedulePrompt(text, { steps }).map((entry) => [entry.until, entry.text]);

describe.each(['scheduling', 'scheduling_hires'] as const)('goldens: %s', (section) => {
  it.each(
    goldens[section].map(
      (c) => [JSON.stringify(c.text), c.steps, c.hires_steps, c.use_old_scheduling ? 'old' : 'new', c] as const,
    ),
  )('%s, %i steps, hires %s, %s rule', (_text, _steps, _hires, _rule, c) => {
    const schedule = schedulePrompt(c.text, {
      steps: c.steps,
      hiresSteps: c.hires_steps ?? undefined,
      oldScheduling: c.use_old_scheduling,
    });
    expect(schedule.map(({ until, text }) => [until, text])).toEqual(c.result);
  });
});

describe('text with more than one reading, as upstream resolves it', () => {
  it.each(['[a:2][[', '[a:2]]]', '[a:2]:[', '[[a:2]]]', '([a:2]):', '[a:2]()::'])('%s is text', (text) => {
    expect(entries(text, 4)).toEqual([[4, text]]);
  });

  it.each([
    ['[a:2]]', ']', 'a]'],
    ['[a:2]][[', '][[', 'a][['],
    ['([a:2])::', '()::', '(a)::'],
    ['[a:2]:[z]', ':[z]', 'a:[z]'],
    ['[a:2]()()', '()()', 'a()()'],
  ])('%s is edited', (text, first, second) => {
    expect(entries(text, 4)).toEqual([
      [2, first],
      [4, second],
    ]);
  });

  it('keeps an alternation whatever follows it', () => {
    expect(entries('[a|b]::', 2)).toEqual([
      [1, 'a::'],
      [2, 'b::'],
    ]);
  });

  it.each(['a|b [c:d:1]', '(a|b) [c:d:1]', '[c:d:1] \\', '[a|b:c]'])('%s has no reading and stays as it is', (text) => {
    expect(entries(text, 4)).toEqual([[4, text]]);
  });
});

describe('robustness', () => {
  it('takes deep nesting and long runs of brackets', () => {
    const depth = 20_000;
    expect(entries(`${'['.repeat(depth)}a${':1]'.repeat(depth)}`, 2)).toEqual([
      [1, ''],
      [2, 'a'],
    ]);
    expect(entries('['.repeat(depth), 2)).toEqual([[2, '['.repeat(depth)]]);
    expect(entries('()'.repeat(depth), 2)).toEqual([[2, '()'.repeat(depth)]]);
    expect(entries(`${'('.repeat(depth)}${')'.repeat(depth)}:`, 2)).toHaveLength(1);
  });

  it('caps numbers beyond every range', () => {
    expect(entries('[a:b:1e999]', 4)).toEqual([[4, 'a']]);
    expect(entries('[a:b:-1e999]', 4)).toEqual([[4, 'b']]);
  });
});

describe('entryAt', () => {
  const seen = (prompt: string, steps: number, calls: number) => {
    const schedule = schedulePrompt(prompt, { steps });
    return Array.from({ length: calls }, (_, call) => entryAt(schedule, call).text).join('');
  };

  it.each([
    ['[a:b:2]', 4, 'aaab'],
    ['[a:b:1]', 2, 'aa'],
    ['[a:b:0.5]', 4, 'aaab'],
    ['[a:b:0]', 2, 'bb'],
    ['[a|b]', 4, 'aaba'],
    ['[a|b|c]', 6, 'aabcab'],
    ['a', 3, 'aaa'],
  ])('%s over %i steps is seen as %s', (prompt, steps, texts) => {
    expect(seen(prompt, steps, texts.length)).toBe(texts);
  });

  it('begins again beyond the last step', () => {
    expect(seen('[a:b:1]', 3, 6)).toBe('aabbaa');
  });

  it('refuses a schedule without texts', () => {
    expect(() => entryAt([], 0)).toThrow('no text');
  });
});
