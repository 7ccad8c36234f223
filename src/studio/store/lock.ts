/**
 * One Darkroom per folder. The lock is an exclusive SQLite transaction on a small file of its own, so the system lets
 * it go the moment its holder dies, whatever the death; who holds it is written beside it, for the message only.
 *
 * Left out: network file systems without POSIX locks.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { UserError } from '#core/errors';

export interface FolderLock {
  release(): void;
}

/** @throws UserError `folder.locked` naming the process that has it */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true });
  const holderFile = join(folder, '.darkroom-lock.json');
  const connection = new Libsql(join(folder, '.darkroom-lock'), { timeout: 0 });
  try {
    connection.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (cause) {
    connection.close();
    if (!isBusy(cause)) throw cause;
    throw new UserError(
      'folder.locked',
      `Another Darkroom works on ${folder}${describeHolder(holderFile)}; stop it, or use another folder.`,
      { cause },
    );
  }
  writeFileSync(holderFile, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
  return {
    release() {
      if (!connection.open) return;
      rmSync(holderFile, { force: true });
      connection.exec('ROLLBACK');
      connection.close();
    },
  };
}

function isBusy(cause: unknown): boolean {
  return String((cause as { code?: unknown }).code).startsWith('SQLITE_BUSY');
}

function describeHolder(file: string): string {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; since: string };
    return ` (process ${holder.pid}, since ${holder.since})`;
  } catch {
    return '';
  }
}
