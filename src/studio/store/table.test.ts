import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, openDatabase } from './database.ts';
import { allOf, equals, oneOf, Table } from './table.ts';

const schema = z.object({
  id: z.string(),
  index: z.int().optional(),
  cfgScale: z.number().optional(),
  isDone: z.boolean(),
  tags: z.array(z.string()),
  error: z.object({ code: z.string() }).optional(),
});

let db: Database;
let table: Table<typeof schema>;

beforeEach(() => {
  db = openDatabase(':memory:');
  db.exec(`CREATE TABLE things (id TEXT PRIMARY KEY, place INTEGER, cfg_scale REAL, is_done INTEGER NOT NULL,
    tags TEXT NOT NULL, error TEXT) STRICT`);
  table = new Table(db, 'things', schema, { columns: { index: 'place' } });
});

const thing = (id: string, index?: number) => ({ id, index, isDone: false, tags: [] as string[] });

it('gives back what was put in, absent fields absent', () => {
  const whole = { id: 'a', index: 0, cfgScale: 7.5, isDone: true, tags: ['x', 'y'], error: { code: 'e' } };
  table.insert(whole);
  table.insert(thing('b'));
  expect(table.get('a')).toStrictEqual(whole);
  expect(table.get('b')).toStrictEqual({ id: 'b', isDone: false, tags: [] });
  expect(table.get('c')).toBeUndefined();
  expect(db.get('SELECT * FROM things WHERE id = ?', ['a'])).toMatchObject({ place: 0, is_done: 1, tags: '["x","y"]' });
});

it('changes the fields given, and empties those given as undefined', () => {
  table.insert({ ...thing('a', 3), cfgScale: 1 });
  expect(table.update('a', { isDone: true, cfgScale: undefined })).toBe(true);
  expect(table.get('a')).toStrictEqual({ ...thing('a', 3), isDone: true });
  expect(table.update('b', { isDone: true })).toBe(false);
});

it('replaces a record of the same key', () => {
  table.insert({ ...thing('a', 3), cfgScale: 1 });
  table.put(thing('a', 4));
  expect(table.all()).toStrictEqual([thing('a', 4)]);
});

it('finds by several conditions, those without a value left out', () => {
  for (const [id, index] of Object.entries({ a: 1, b: 2, c: 1 })) table.insert(thing(id, index));
  const where = allOf([equals('place', 1), equals('id', undefined), oneOf('id', ['b', 'c'])]);
  expect(table.all(where).map(({ id }) => id)).toEqual(['c']);
  expect(table.count(oneOf('id', []))).toBe(0);
  expect(table.delete(where)).toBe(1);
  expect(table.count()).toBe(2);
});

it('pages without losing or repeating a record of equal values', () => {
  for (const id of ['a', 'b', 'c', 'd', 'e']) table.insert(thing(id, 1));
  const order = { by: ['index', 'id'], direction: 'DESC' } as const;
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = table.page({ order, limit: 2, cursor });
    seen.push(...page.records.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(seen).toEqual(['e', 'd', 'c', 'b', 'a']);
});

it.each(['1e30', '', 'WzFd', 'eyJhIjoxfQ', 'W251bGwsbnVsbF0', '~'])('refuses the cursor %s', (cursor) => {
  const order = { by: ['index', 'id'], direction: 'ASC' } as const;
  expect(() => table.page({ order, limit: 1, cursor })).toThrow(expect.objectContaining({ code: 'page.cursor' }));
});
