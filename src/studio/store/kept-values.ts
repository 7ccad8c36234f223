/** Single values that outlast a start, by name, as JSON: settings, and what parts of the studio remember. */

import type { Database } from './database.ts';

/** Undefined where there is none. */
export function readValue(db: Database, name: string): unknown {
  const row = db.get<{ value: string }>('SELECT value FROM settings WHERE name = ?', [name]);
  return row ? (JSON.parse(row.value) as unknown) : undefined;
}

export function writeValue(db: Database, name: string, value: unknown): void {
  db.run('INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', [
    name,
    JSON.stringify(value),
  ]);
}
