/**
 * Brings a database file up to the newest schema, one transaction per version (`PRAGMA user_version` says which one a
 * file has). A file that is older gets a copy beside it first; a file from a newer Darkroom is refused untouched.
 */

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DarkroomError, InternalError } from '#core/errors';
import type { Database } from './database.ts';

export interface Migration {
  /** 1, 2, 3, … without gaps; never changed once released. */
  readonly version: number;
  readonly about: string;
  readonly sql: string;
}

export interface MigrateOptions {
  /** Where to copy the file before changing it: `<file>.v<version>.bak`. Left out: no copy. */
  readonly file?: string;
}

/** @throws DarkroomError `store.too-new` when the file was written by a later version */
export function migrate(db: Database, migrations: readonly Migration[], options: MigrateOptions = {}): void {
  migrations.forEach((m, i) => {
    if (m.version !== i + 1) throw new InternalError(`migration ${m.version} at place ${i + 1}`);
  });
  const from = schemaVersion(db);
  if (from > migrations.length) {
    throw new DarkroomError(
      'store.too-new',
      `The database has schema ${from}, this Darkroom knows up to ${migrations.length}; update Darkroom or use another data folder.`,
    );
  }
  if (from === migrations.length) return;
  if (from > 0 && options.file) backup(db, `${options.file}.v${from}.bak`);
  for (const migration of migrations.slice(from)) {
    db.transaction(() => {
      db.exec(migration.sql);
      db.exec(`PRAGMA user_version = ${migration.version}`);
    });
  }
}

export function schemaVersion(db: Database): number {
  return db.get<{ user_version: number }>('PRAGMA user_version')!.user_version;
}

/** Whole or not there: a kill leaves what is written aside, which the next try removes. */
function backup(db: Database, path: string): void {
  if (existsSync(path)) return;
  const aside = `${path}.part`;
  rmSync(aside, { force: true });
  db.exec(`VACUUM INTO '${aside.replaceAll("'", "''")}'`);
  const file = openSync(aside, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(aside, path);
}
