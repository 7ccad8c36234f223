/**
 * Waiting for a database that another process is writing to, without holding up everything else: SQLite itself waits
 * on the thread that asks. A running studio therefore lets it give up at once, and tries again in turns of its own.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { DarkroomError } from '#core/errors';
import type { Database } from './database.ts';

/** Milliseconds that SQLite may wait on the studio's thread: commands beside it write for less than this. */
const onThreadMs = 5;
const betweenMs = 25;
/** Ten seconds or so. */
const mostTries = 400;

/** From now on no statement waits longer than a moment. */
export function waitElsewhere(db: Database): void {
  db.exec(`PRAGMA busy_timeout = ${onThreadMs}`);
}

/**
 * The result of `work`, which is one transaction or may be done twice: tried again for as long as the database is busy.
 * @throws DarkroomError `store.busy` when that takes too long
 */
export async function patiently<T>(work: () => T, tries = mostTries): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || left <= 1) throw error;
    }
    await delay(betweenMs);
  }
}

/** Resolves when the database may be written to. @throws DarkroomError `store.busy` */
export async function untilFree(db: Database): Promise<void> {
  await patiently(() => db.transaction(() => {}));
}

function isBusy(error: unknown): boolean {
  return error instanceof DarkroomError && error.code === 'store.busy';
}
