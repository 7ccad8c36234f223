/**
 * A table from a record's schema: columns, the way of a record into a row and back, insert, update, list, pages.
 *
 * A field `createdAt` is the column `created_at`. Texts, numbers and booleans (0 and 1) are kept as such, all else as
 * JSON; a field without a value is NULL and comes back absent.
 *
 * Left out: relations. What joins tables is written in SQL by those who need it and read with `decode`.
 */

import { z } from 'zod';
import { InternalError, UserError } from '#core/errors';
import { inTurns } from '../events/next-turn.ts';
import { weightOf } from '../events/weight.ts';
import type { Database, SqlRow, SqlValue } from './database.ts';
import type { KeptAnswers } from './kept-answers.ts';

export interface Condition {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** All of them are looked through in a millisecond or two. */
const fewRecords = 2000;

/** Of the records of a page, as `weightOf` has it; the last one comes on top. */
export const heaviestPage = 8 * 2 ** 20;

export const always: Condition = { sql: '1', params: [] };

export function allOf(conditions: readonly (Condition | undefined)[]): Condition {
  const given = conditions.filter((condition) => condition !== undefined);
  if (given.length === 0) return always;
  return { sql: given.map(({ sql }) => sql).join(' AND '), params: given.flatMap(({ params }) => params) };
}

/** Nothing where there is no value to compare with. */
export function equals(column: string, value: SqlValue): Condition | undefined {
  return value === undefined ? undefined : { sql: `"${column}" = ?`, params: [value] };
}

export function oneOf(column: string, values: readonly SqlValue[] | undefined): Condition | undefined {
  return values && { sql: `"${column}" IN (SELECT value FROM json_each(?))`, params: [JSON.stringify(values)] };
}

interface Column {
  readonly name: string;
  readonly kind: 'text' | 'integer' | 'real' | 'boolean' | 'json';
}

export interface Order<Field extends string> {
  /** The last one must tell any two records apart. */
  readonly by: readonly Field[];
  readonly direction: 'ASC' | 'DESC';
}

export interface PageQuery<Field extends string> {
  readonly where?: Condition;
  readonly order: Order<Field>;
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: string;
  /** Finding the records is work for another thread. */
  readonly mayTakeLong?: boolean;
}

export interface Page<T> {
  readonly records: T[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

export interface TableFacts<Field extends string> {
  /** Field that names a record; default `id`. */
  readonly key?: Field;
  /** Columns that are not called as their field is. */
  readonly columns?: { readonly [F in Field]?: string };
}

export class Table<S extends z.ZodObject> {
  readonly name: string;
  readonly #db: Database;
  readonly #key: string;
  readonly #columns: ReadonlyMap<string, Column>;

  constructor(db: Database, name: string, schema: S, facts: TableFacts<keyof S['shape'] & string> = {}) {
    this.#db = db;
    this.name = name;
    this.#columns = columnsOf(schema, facts.columns ?? {});
    this.#key = this.#column(facts.key ?? 'id').name;
  }

  insert(record: z.output<S>): void {
    const { names, params } = this.#encode(record);
    const marks = names.map(() => '?').join(', ');
    this.#db.run(`INSERT INTO ${this.name} (${names.map(quoted).join(', ')}) VALUES (${marks})`, params);
  }

  /** Inserts, or replaces all fields of the record that has the key. */
  put(record: z.output<S>): void {
    const { names, params } = this.#encode(record);
    const marks = names.map(() => '?').join(', ');
    const sets = names.map((name) => `${quoted(name)} = excluded.${quoted(name)}`).join(', ');
    this.#db.run(
      `INSERT INTO ${this.name} (${names.map(quoted).join(', ')}) VALUES (${marks})
       ON CONFLICT (${quoted(this.#key)}) DO UPDATE SET ${sets}`,
      params,
    );
  }

  /** Changes the fields given; one that is undefined is emptied. Returns whether there is such a record. */
  update(key: string, change: Partial<z.output<S>>): boolean {
    return this.updateAll(equals(this.#key, key)!, change) > 0;
  }

  updateAll(where: Condition, change: Partial<z.output<S>>): number {
    const names = Object.keys(change);
    if (names.length === 0) return 0;
    const columns = names.map((name) => this.#column(name));
    const sets = columns.map(({ name }) => `${quoted(name)} = ?`).join(', ');
    const params = names.map((name, i) => encodeValue(columns[i]!, (change as Record<string, unknown>)[name]));
    return this.#db.run(`UPDATE ${this.name} SET ${sets} WHERE ${where.sql}`, [...params, ...where.params]);
  }

  delete(where: Condition): number {
    return this.#db.run(`DELETE FROM ${this.name} WHERE ${where.sql}`, where.params);
  }

  get(key: string): z.output<S> | undefined {
    return this.first(equals(this.#key, key)!);
  }

  first(where: Condition): z.output<S> | undefined {
    return this.all(where, '1 LIMIT 1')[0];
  }

  /** @param order what follows ORDER BY */
  all(where: Condition = always, order = quoted(this.#key)): z.output<S>[] {
    const sql = `SELECT * FROM ${this.name} WHERE ${where.sql} ORDER BY ${order}`;
    return this.#db.all(sql, where.params).map((row) => this.decode(row));
  }

  /** Whether it holds, or has held, so many records that looking through them is work for another thread. */
  isLong(): boolean {
    return this.#db.get<{ n: number }>(`SELECT coalesce(max(rowid), 0) AS n FROM ${this.name}`)!.n > fewRecords;
  }

  count(where: Condition = always): number {
    return this.#db.get<{ n: number }>(`${this.#counting} ${where.sql}`, where.params)!.n;
  }

  async countIn(answers: KeptAnswers, where: Condition): Promise<number> {
    return (await answers.all<{ n: number }>(`${this.#counting} ${where.sql}`, where.params))[0]!.n;
  }

  get #counting(): string {
    return `SELECT count(*) AS n FROM ${this.name} WHERE`;
  }

  /** @throws UserError `page.cursor` */
  page({ where, order, limit, cursor }: PageQuery<keyof S['shape'] & string>): Page<z.output<S>> {
    const columns = order.by.map((field) => this.#column(field));
    const after = cursor === undefined ? undefined : afterCursor(columns, order.direction, cursor);
    const by = columns.map(({ name }) => `${quoted(name)} ${order.direction}`).join(', ');
    const records = this.all(allOf([where, after]), `${by} LIMIT ${limit + 1}`);
    if (records.length <= limit) return { records };
    const last = records[limit - 1] as Record<string, unknown>;
    const values = order.by.map((field) => last[field] ?? null);
    return { records: records.slice(0, limit), cursor: cursorOf(values) };
  }

  /**
   * The same of records that may be long: which they are is found first, then some are read in each turn of the event
   * loop (each may have some hundred kilobytes), and once those before weigh much the page ends, whatever its limit. What is removed meanwhile is left out.
   * @throws UserError `page.cursor`
   */
  async pageInTurns(query: PageQuery<keyof S['shape'] & string>): Promise<Page<z.output<S>>> {
    const { limit, order } = query;
    const columns = order.by.map((field) => this.#column(field).name);
    const rows = await this.#keys(query);
    const records: z.output<S>[] = [];
    let taken = 0;
    let weight = 0;
    for await (const row of inTurns(rows.slice(0, limit))) {
      if (weight > heaviestPage) break;
      taken++;
      const record = this.get(String(row[this.#key]));
      if (!record) continue;
      records.push(record);
      weight += weightOf(record);
    }
    if (rows.length === taken) return { records };
    return { records, cursor: cursorOf(columns.map((name) => rows[taken - 1]![name])) };
  }

  /** Keys and what they are ordered by, one more than asked for where there are more. */
  async #keys({ where, order, limit, cursor, mayTakeLong = false }: PageQuery<keyof S['shape'] & string>) {
    const columns = order.by.map((field) => this.#column(field));
    const after = cursor === undefined ? undefined : afterCursor(columns, order.direction, cursor);
    const { sql, params } = allOf([where, after]);
    const names = [...new Set([this.#key, ...columns.map(({ name }) => name)])].map(quoted).join(', ');
    const by = columns.map(({ name }) => `${quoted(name)} ${order.direction}`).join(', ');
    const whole = `SELECT ${names} FROM ${this.name} WHERE ${sql} ORDER BY ${by} LIMIT ${limit + 1}`;
    return mayTakeLong ? await this.#db.allElsewhere(whole, params) : this.#db.all(whole, params);
  }

  /** A row, of this table or of a query that has its columns, as a record; other columns are left out. */
  decode(row: SqlRow): z.output<S> {
    const record: Record<string, unknown> = {};
    for (const [field, column] of this.#columns) {
      const value = row[column.name];
      if (value !== null && value !== undefined) record[field] = decodeValue(column, value);
    }
    return record as z.output<S>;
  }

  #encode(record: z.output<S>): { names: string[]; params: SqlValue[] } {
    const columns = [...this.#columns];
    const values = record as Record<string, unknown>;
    return {
      names: columns.map(([, { name }]) => name),
      params: columns.map(([field, column]) => encodeValue(column, values[field])),
    };
  }

  #column(field: string): Column {
    const column = this.#columns.get(field);
    if (!column) throw new InternalError(`table ${this.name} has no field ${field}`);
    return column;
  }
}

function columnsOf(schema: z.ZodObject, renamed: Readonly<Record<string, string | undefined>>): Map<string, Column> {
  const { properties = {} } = z.toJSONSchema(schema, { unrepresentable: 'any' });
  return new Map(
    Object.entries(properties).map(([field, property]) => {
      const type = typeof property === 'object' ? String(property.type) : '';
      return [field, { name: renamed[field] ?? snakeCase(field), kind: kinds[type] ?? 'json' }];
    }),
  );
}

const kinds: Readonly<Record<string, Column['kind']>> = {
  string: 'text',
  integer: 'integer',
  number: 'real',
  boolean: 'boolean',
};

export function snakeCase(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const quoted = (name: string): string => `"${name}"`;

function encodeValue({ kind }: Column, value: unknown): SqlValue {
  if (value === undefined || value === null) return null;
  return kind === 'json' ? JSON.stringify(value) : (value as SqlValue);
}

function decodeValue({ kind }: Column, value: string | number): unknown {
  if (kind === 'json') return JSON.parse(String(value)) as unknown;
  return kind === 'boolean' ? value !== 0 : value;
}

function afterCursor(columns: readonly Column[], direction: 'ASC' | 'DESC', cursor: string): Condition {
  const params = cursorValues(cursor);
  if (params?.length !== columns.length) {
    throw new UserError('page.cursor', 'The cursor is not one that a page before has given; leave it out to begin.');
  }
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const marks = columns.map(() => '?').join(', ');
  return { sql: `(${names}) ${direction === 'ASC' ? '>' : '<'} (${marks})`, params };
}

function cursorOf(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

function cursorValues(cursor: string): SqlValue[] | undefined {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const plain = (value: unknown) => typeof value === 'string' || typeof value === 'number';
    return Array.isArray(values) && values.every(plain) ? values : undefined;
  } catch {
    return undefined;
  }
}
