/**
 * What only one process may do at a time: work on a folder, fetch a file. A lock is an exclusive SQLite transaction on
 * a small file of its own, so the system lets it go the moment its holder dies, whatever the death; who holds it is
 * written beside it, for the message only. The file stays: taking it away would let two others have it.
 *
 * Left out: network file systems without POSIX locks.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Libsql from 'libsql';
import { DarkroomError, UserError } from '#core/errors';
import { patiently } from './patience.ts';

export interface Lock {
  release(): void;
}

/** One Darkroom per folder. @throws UserError `folder.locked` naming the process that has it */
export function lockFolder(folder: string): Lock {
  return take(join(folder, '.darkroom-lock'), (holder) => {
    const message = `Another Darkroom works on ${folder}${holder}; stop it, or use another folder.`;
    return new UserError('folder.locked', message);
  });
}

/** @param path of the lock, not of the file. @throws UserError `pull.locked` */
export function lockFile(path: string): Lock {
  return take(
    path,
    (holder) => new UserError('pull.locked', `Another process${holder} is fetching the same file (${path}).`),
  );
}

/**
 * The result of `work`, which nobody else does under this lock meanwhile, in this process or another; waits for its turn.
 * @throws DarkroomError `store.busy` when that takes too long
 */
export async function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
  const busy = (holder: string) =>
    new DarkroomError('store.busy', `Another process${holder} is changing the same file (${path}); try again.`);
  const lock = await patiently(() => take(path, busy));
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function take(path: string, refusal: (holder: string) => DarkroomError): Lock {
  mkdirSync(dirname(path), { recursive: true });
  const holderFile = `${path}.json`;
  const connection = new Libsql(path, { timeout: 0 });
  try {
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    connection.close();
    throw isBusy(cause) ? refusal(describeHolder(holderFile)) : cause;
  }
  try {
    writeFileSync(holderFile, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
  } catch {
    // A full disk keeps nobody from starting, which may be what makes room.
  }
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
