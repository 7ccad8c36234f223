/** Answers to questions that take long, asked once after each change of a database however many ask. */

import { nextTurn } from '../events/next-turn.ts';
import type { Database, SqlRow, SqlValue } from './database.ts';
import { changeMark } from './outside-changes.ts';

/** Of different questions; then all are asked anew. */
const most = 200;

export class KeptAnswers {
  readonly #db: Database;
  #kept: { readonly at: string | undefined; readonly of: Map<string, Promise<SqlRow[]>> } = { at: '', of: new Map() };

  constructor(db: Database) {
    this.#db = db;
  }

  /** Rows, found on another thread once there may be one; to be read only. */
  async all<T = SqlRow>(sql: string, params: readonly SqlValue[] = []): Promise<readonly T[]> {
    const at = changeMark(this.#db);
    if (at === undefined || at !== this.#kept.at || this.#kept.of.size >= most) this.#kept = { at, of: new Map() };
    const { of } = this.#kept;
    const key = JSON.stringify([sql, params]);
    const rows = of.get(key) ?? this.#db.allElsewhere(sql, params);
    of.set(key, rows);
    try {
      const answer = (await rows) as T[];
      // All who wait for the same answer would go on in the same turn, each for some milliseconds.
      await nextTurn();
      return answer;
    } catch (error) {
      of.delete(key);
      throw error;
    }
  }
}
