/**
 * A studio's folders for commands that work on them directly, beside a running server or without one. SQLite lets
 * several processes write; a server sees within a second that another one did. What must be alone takes the lock.
 */

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { UserError } from '#core/errors';
import type { Emit } from '#studio/events/bus';
import { modelRoots, ownModelFiles } from '#studio/library/roots';
import { type Database, openDatabase } from '#studio/store/database';
import { type Lock, lockFolder } from '#studio/store/lock';
import { migrate, schemaVersion } from '#studio/store/migrate';
import { migrations } from '#studio/store/migrations';
import { type FolderEvents, StudioFolder } from '#studio/studio-folder';

export interface FolderOptions {
  readonly outputs?: string;
  /** Default: `.darkroom` in the outputs. */
  readonly data?: string;
  readonly modelsDir?: readonly string[];
}

export interface StudioFolders {
  readonly dataDir: string;
  readonly outputsDir: string;
  readonly databaseFile: string;
}

export interface OpenFolderOptions {
  /** Makes the folder and its database where there is none; otherwise that is an error. */
  readonly create?: boolean;
  /** Keeps every other Darkroom off the folders meanwhile. */
  readonly alone?: boolean;
  /** In memory: nothing is read from the folder or left in it. */
  readonly passing?: boolean;
  /** Told what happens; nobody else in this process listens. */
  readonly emit?: Emit<FolderEvents>;
}

export function addFolderOptions(command: Command): Command {
  return command
    .option('--outputs <folder>', 'Where pictures are.', 'outputs')
    .option('--data <folder>', 'Where the queue, the index and settings are (default: .darkroom in the outputs).');
}

export function studioFolders({ outputs = 'outputs', data }: FolderOptions): StudioFolders {
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
  work: (studio: StudioFolder) => T | Promise<T>,
  { create = false, alone = false, passing = false, emit = () => {} }: OpenFolderOptions = {},
): Promise<T> {
  const folders = studioFolders(options);
  const { dataDir, outputsDir, databaseFile } = folders;
  if (!create && !passing && !existsSync(databaseFile)) throw noStudio(dataDir);
  if (!passing) mkdirSync(dataDir, { recursive: true });
  const locks: Lock[] = [];
  let db: Database | undefined;
  let studio: StudioFolder | undefined;
  try {
    if (alone) for (const folder of new Set([dataDir, outputsDir])) locks.push(lockFolder(folder));
    db = openDatabase(passing ? ':memory:' : databaseFile);
    if (passing) migrate(db, migrations);
    else update(db, databaseFile, dataDir, alone);
    studio = new StudioFolder(
      db,
      {
        dataDir,
        outputsDir,
        modelRoots: modelRoots(options.modelsDir),
        embeddedModels: ownModelFiles(),
      },
      emit,
    );
    return await work(studio);
  } finally {
    await studio?.close();
    db?.close();
    for (const lock of locks) lock.release();
  }
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
