/**
 * A studio's folders for commands that work on them directly, beside a running server or without one. SQLite lets
 * several processes write; a server sees within a second that another one did. What must be alone takes the lock.
 */

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { UserError } from '#core/errors';
import { Boards } from '#studio/gallery/boards';
import { Gallery } from '#studio/gallery/gallery';
import { SqliteJobQueue } from '#studio/queue/sqlite-queue';
import { type Database, openDatabase } from '#studio/store/database';
import { type FolderLock, lockFolder } from '#studio/store/lock';
import { migrate, schemaVersion } from '#studio/store/migrate';
import { migrations } from '#studio/store/migrations';
import { Users } from '#studio/users/users';

export interface FolderOptions {
  readonly outputs: string;
  /** Default: `.darkroom` in the outputs. */
  readonly data?: string;
}

export interface StudioFolders {
  readonly dataDir: string;
  readonly outputsDir: string;
  readonly databaseFile: string;
}

export interface OpenStudioFolder extends StudioFolders {
  readonly db: Database;
  readonly queue: SqliteJobQueue;
  readonly gallery: Gallery;
  readonly boards: Boards;
  readonly users: Users;
}

export interface OpenFolderOptions {
  /** Makes the folder and its database where there is none; otherwise that is an error. */
  readonly create?: boolean;
  /** Keeps every other Darkroom off the folders meanwhile. */
  readonly alone?: boolean;
}

export function addFolderOptions(command: Command): Command {
  return command
    .option('--outputs <folder>', 'Where pictures are.', 'outputs')
    .option('--data <folder>', 'Where the queue, the index and settings are (default: .darkroom in the outputs).');
}

export function studioFolders({ outputs, data }: FolderOptions): StudioFolders {
  const outputsDir = path.resolve(outputs);
  const dataDir = data === undefined ? path.join(outputsDir, '.darkroom') : path.resolve(data);
  return { dataDir, outputsDir, databaseFile: path.join(dataDir, 'studio.db') };
}

/**
 * Opens the folders, hands them to `work`, and closes them again.
 * @throws UserError `studio.none` where there is no studio, `folder.locked`; DarkroomError `store.*`
 */
export async function withStudioFolder<T>(
  options: FolderOptions,
  work: (folder: OpenStudioFolder) => T | Promise<T>,
  { create = false, alone = false }: OpenFolderOptions = {},
): Promise<T> {
  const folders = studioFolders(options);
  const { dataDir, outputsDir, databaseFile } = folders;
  if (!create && !existsSync(databaseFile)) throw noStudio(dataDir);
  mkdirSync(dataDir, { recursive: true });
  const locks: FolderLock[] = [];
  let db: Database | undefined;
  try {
    if (alone) for (const folder of new Set([dataDir, outputsDir])) locks.push(lockFolder(folder));
    db = openDatabase(databaseFile);
    update(db, databaseFile, dataDir, alone);
    return await work({ ...folders, db, ...partsOf(db, folders) });
  } finally {
    db?.close();
    for (const lock of locks) lock.release();
  }
}

function partsOf(db: Database, { dataDir, outputsDir }: StudioFolders) {
  // Nobody in this process listens.
  const emit = (): void => {};
  return {
    queue: new SqliteJobQueue(db, emit),
    gallery: new Gallery({ db, emit, outputs: outputsDir, thumbnails: path.join(dataDir, 'thumbnails') }),
    boards: new Boards(db, emit),
    users: new Users(db),
  };
}

/** A database of another version is changed only while nobody else has it. */
function update(db: Database, file: string, dataDir: string, alone: boolean): void {
  if (schemaVersion(db) === migrations.length) return;
  const lock = alone ? undefined : lockFolder(dataDir);
  try {
    migrate(db, migrations, { file });
  } finally {
    lock?.release();
  }
}

function noStudio(dataDir: string): UserError {
  return new UserError(
    'studio.none',
    `There is no studio in ${dataDir}: darkroom serve makes one there, --data names another.`,
  );
}
