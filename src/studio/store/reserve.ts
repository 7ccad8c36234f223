/**
 * A little room on the disk kept for the day it is full: the database cannot even be opened for writing then, and so
 * nothing could be removed to make room. It is given up at the start that needs it, and taken again when there is room.
 */

import { randomFillSync } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** For SQLite's log and index, several times over. */
const reserveBytes = 4 * 2 ** 20;

const reserveFile = (dataDir: string): string => join(dataDir, '.reserve');

/** Where there is no room for it, there is none. */
export function keepReserve(dataDir: string): void {
  const file = reserveFile(dataDir);
  if (existsSync(file)) return;
  try {
    // Random, since file systems that compress would store zeros as nothing.
    writeFileSync(file, randomFillSync(new Uint8Array(reserveBytes)));
  } catch {
    rmSync(file, { force: true });
  }
}

/** @returns whether there was one */
export function spendReserve(dataDir: string): boolean {
  const file = reserveFile(dataDir);
  const isThere = existsSync(file);
  rmSync(file, { force: true });
  return isThere;
}
