import { expect, it } from 'vitest';
import { z } from 'zod';
import { check, coerceFields } from './check.ts';

const schema = z.strictObject({ steps: z.int().optional(), tags: z.array(z.string()).optional() });

it('reads texts as what their fields take', () => {
  const texts = [
    ['steps', ['3', '4']],
    ['tags', ['a', 'b']],
  ] as const;
  expect(check(schema, coerceFields(schema, texts))).toEqual({ steps: 4, tags: ['a', 'b'] });
});

it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('takes the name %s as any other', (name) => {
  const fields = coerceFields(schema, [[name, ['{"steps":1}']]]);
  expect(Object.keys(fields)).toEqual([name]);
  expect(Object.getPrototypeOf(fields)).toBe(Object.prototype);
  expect(() => check(schema, fields)).toThrow(/nrecognized/);
});
