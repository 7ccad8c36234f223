import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { check } from '#api/check';
import { deRefusals } from './de-refusals.ts';
import { told } from './told.ts';

/** What stands between the values, and each sentence by itself: the server puts some together. */
const piecesOf = (said: string): string[] => said.toLowerCase().split(/\{\w+\}|(?<=[.;:]) |\.$/);

/** Every text of the server's sources, with `{}` for each value. */
function textsOfSources(): string {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('web'),
  );
  const texts = files.flatMap((name) => {
    const source = readFileSync(join('src', name), 'utf8');
    const found = source.matchAll(/`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g);
    return [...found].map(([text]) => withoutValues(text.slice(1, -1)).toLowerCase());
  });
  return texts.join('\n');
}

/** `${…}`, also with braces inside, as `{}`. */
function withoutValues(text: string): string {
  return text.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '{}');
}

describe('sentences of the server in German', () => {
  it('are sentences that the server says', () => {
    const texts = textsOfSources();
    const said = Object.values(deRefusals).flatMap((rows) => Object.keys(rows));
    // What schemas say is zod's, and tested below.
    const own = said.filter((sentence) => !/^\{field\}: (Too|Invalid)/.test(sentence));
    expect(own.filter((sentence) => !piecesOf(sentence).every((piece) => texts.includes(piece)))).toEqual([]);
  });

  it('bring the values of the server back', () => {
    for (const rows of Object.values(deRefusals)) {
      for (const [said, own] of Object.entries(rows)) {
        const names = new Set([...said.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
        for (const [, name] of own.matchAll(/\{(\w+)\}/g)) expect(names, own).toContain(name);
      }
    }
    const message = 'The width must be a multiple of 8 for this model; got 130, try 128 or 136.';
    expect(told({ code: 'request.size', message }, deRefusals)).toBe(
      'Seiten müssen für dieses Modell Vielfache von 8 sein; verlangt sind 130. Möglich: 128 oder 136.',
    );
    expect(told({ code: 'request.size', message: 'Something new.' }, deRefusals)).toBe('Something new.');
    expect(told({ code: 'request.size', message })).toBe(message);
  });

  it('tell of fields what their schemas say', () => {
    const schema = z.object({ steps: z.int().min(1).max(150), kind: z.enum(['a', 'b']), name: z.string().min(1) });
    const saidOf = (value: object): string => {
      try {
        check(schema, value);
      } catch (error) {
        return told(error as Error & { code: string }, deRefusals);
      }
      return '';
    };
    const whole = { steps: 5, kind: 'a', name: 'x' };
    expect(saidOf({ ...whole, steps: 500 })).toBe('steps: zu groß; höchstens 150.');
    expect(saidOf({ ...whole, steps: 0 })).toBe('steps: zu klein; mindestens 1.');
    expect(saidOf({ ...whole, kind: 'c' })).toBe('kind: erwartet wird eines von "a"|"b".');
    expect(saidOf({ ...whole, name: '' })).toBe('name: zu kurz; mindestens 1.');
    expect(saidOf({ steps: 5, kind: 'a' })).toBe('name fehlt.');
  });
});
