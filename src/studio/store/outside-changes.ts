/**
 * Notices what other processes write: SQLite's `data_version` changes when another connection has committed
 * (sqlite.org/pragma.html#pragma_data_version).
 */

import type { Database } from './database.ts';

export interface OutsideWatch {
  /** Others have changed the database. */
  readonly onChange: () => void;
  /** Called at each look. */
  readonly onLook?: () => void;
}

/** @returns a function that ends it */
export function watchOutsideChanges(db: Database, { onChange, onLook }: OutsideWatch, everyMs = 500): () => void {
  let seen = dataVersion(db);
  const timer = setInterval(() => {
    onLook?.();
    const now = dataVersion(db) ?? seen;
    if (now === seen) return;
    seen = now;
    onChange();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Undefined while the database cannot be asked (busy, disk trouble); there will be a next time. */
export function dataVersion(db: Database): number | undefined {
  try {
    return db.get<{ data_version: number }>('PRAGMA data_version')?.data_version;
  } catch {
    return undefined;
  }
}

/** Another one after any change, by this connection or another; undefined while the database cannot be asked. */
export function changeMark(db: Database): string | undefined {
  const others = dataVersion(db);
  if (others === undefined) return undefined;
  return `${others} ${db.get<{ own: number }>('SELECT total_changes() AS own')!.own}`;
}
