import { expect, it } from 'vitest';
import { z } from 'zod';
import { check } from '#api/check';
import { checkInTurns } from './check-in-turns.ts';

let checked = 0;
const item = z.strictObject({
  name: z.string().refine((name) => {
    checked++;
    return name !== 'wrong';
  }, 'that is wrong'),
  size: z.int().default(3),
});
const schema = z.strictObject({ items: z.array(item).min(1).max(1000), label: z.string().optional() });

it('checks the items of a long list in turns of the event loop, to the same end', async () => {
  const body = { items: Array.from({ length: 1000 }, (_, i) => ({ name: `item ${i}` })), label: 'a' };
  checked = 0;
  let most = 0;
  let before = 0;
  const tick = () => {
    most = Math.max(most, checked - before);
    before = checked;
    next = setImmediate(tick);
  };
  let next = setImmediate(tick);
  const result = await checkInTurns(schema, body, 'body');
  clearImmediate(next);
  expect(most).toBeLessThanOrEqual(25);
  expect(checked).toBe(1000);
  expect(result).toEqual(check(schema, body, 'body'));
});

const items = (count: number, last: object) => [...Array.from({ length: count - 1 }, () => ({ name: 'a' })), last];

it.each([
  ['an item that is wrong', { items: items(100, { name: 'wrong' }) }],
  ['an item of an unknown field', { items: items(100, { name: 'a', color: 1 }) }],
  ['an item that is none', { items: items(100, [] as object) }],
  ['too many items', { items: items(1001, { name: 'a' }) }],
  ['none', { items: [] }],
  ['no list', { items: 'a' }],
  ['an unknown field beside them', { items: items(100, { name: 'a' }), labels: [] }],
  ['nothing', null],
])('refuses %s in the same words', async (_, body) => {
  const said = () => check(schema, body, 'body');
  const words = (() => {
    try {
      return said() && '';
    } catch (error) {
      return (error as Error).message;
    }
  })();
  expect(words).not.toBe('');
  await expect(checkInTurns(schema, body, 'body')).rejects.toThrow(words);
});
