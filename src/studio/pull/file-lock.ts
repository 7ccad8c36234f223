/**
 * A lock beside a file: made by linking it into place, which only one can. A lock whose process is gone is taken over; it says
 * the machine and when its process started, since process ids come round again.
 */

import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { UserError } from '#core/errors';
import { isMissing } from '../files/disk-error.ts';
import { newId } from '../store/id.ts';
import { processStart } from './process-start.ts';

export interface FileLock {
  release(): Promise<void>;
}

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** When that process started, in the system's own units; empty where the system does not say. */
  readonly started: string;
}

/** @throws UserError `pull.locked` */
export async function lockFile(path: string): Promise<FileLock> {
  const me: Holder = { host: hostname(), pid: process.pid, started: await processStart(process.pid) };
  for (let tries = 0; tries < 3; tries++) {
    if (await create(path, me)) return { release: () => rm(path, { force: true }) };
    const holder = await readHolder(path);
    if (holder && (await isAlive(holder))) {
      throw new UserError(
        'pull.locked',
        `Process ${holder.pid} on ${holder.host} is fetching the same file (${path}).`,
      );
    }
    await takeAway(path, holder);
  }
  throw new UserError('pull.locked', `Others keep fetching the same file (${path}).`);
}

/** By a link to a finished file, so that nobody ever sees a lock without its holder. */
async function create(path: string, holder: Holder): Promise<boolean> {
  const own = `${path}.${newId()}`;
  await writeFile(own, JSON.stringify(holder), { flag: 'wx' });
  try {
    await link(own, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without links: the moment between creating and writing has to be lived with.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    return await createAlone(path, holder);
  } finally {
    await rm(own, { force: true });
  }
}

async function createAlone(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Renames first, so that of several who found it stale only one removes it; a fresh one is put back. */
async function takeAway(path: string, stale: Holder | undefined): Promise<void> {
  const aside = `${path}.${newId()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const taken = await readHolder(aside);
  if (JSON.stringify(taken) === JSON.stringify(stale)) await rm(aside, { force: true });
  else await rename(aside, path);
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  // Another machine's processes cannot be seen from here.
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await processStart(holder.pid)) === holder.started;
}
