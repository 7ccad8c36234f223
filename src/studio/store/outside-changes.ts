/**
 * Notices what other processes write: SQLite's `data_version` changes when another connection has committed
 * (sqlite.org/pragma.html#pragma_data_version).
 */

import type { Database } from './database.ts';

/** Calls `listener` after others have changed the database. @returns a function that ends it */
export function watchOutsideChanges(db: Database, listener: () => void, everyMs = 500): () => void {
  let seen = dataVersion(db);
  const timer = setInterval(() => {
    const now = dataVersion(db) ?? seen;
    if (now === seen) return;
    seen = now;
    listener();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Undefined while the database cannot be asked (busy, disk trouble); there will be a next time. */
function dataVersion(db: Database): number | undefined {
  try {
    return db.get<{ data_version: number }>('PRAGMA data_version')?.data_version;
  } catch {
    return undefined;
  }
}
