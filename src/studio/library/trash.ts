/**
 * The trash of the model folders: what is removed is moved to `.darkroom-trash` in its own root, from where it can be
 * brought back. Side files (cards, previews) stay where they are and are found again.
 *
 * The note is written before the model moves and taken away after it came back, so that a kill in between leaves a
 * note without a model, which is not listed, and never a model that nobody knows of.
 */

import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { type TrashedModel, trashedModelSchema } from '#api/records/model';
import { UserError } from '#core/errors';
import { diskError, isMissing } from '../files/disk-error.ts';
import { isBelow } from '../files/safe-path.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { idPattern, newId } from '../store/id.ts';
import type { Library } from './library.ts';

const folderName = '.darkroom-trash';
const noteName = 'removed.json';
const isId = new RegExp(`^${idPattern}$`);

const noteSchema = trashedModelSchema.omit({ id: true }).extend({ path: z.string().describe('Below its root.') });

interface Entry {
  readonly id: string;
  readonly note: z.output<typeof noteSchema>;
  /** Where it lies in the trash. */
  readonly folder: string;
  readonly payload: string;
  /** Where it lay. */
  readonly origin: string;
}

type Models = Pick<Library, 'get' | 'refresh' | 'roots'>;

export class ModelTrash {
  readonly #library: Models;

  constructor(library: Models) {
    this.#library = library;
  }

  /** @throws UserError `model.unknown`, `model.fixed` for those outside the model folders; DarkroomError `disk.*` */
  async remove(modelId: string): Promise<TrashedModel> {
    const { embedded, path, root, name, title, kind, bytes } = this.#library.get(modelId);
    if (embedded || !isBelow(root, path)) {
      const why = embedded ? 'comes with Darkroom' : 'does not lie in a model folder';
      throw new UserError('model.fixed', `The model ${name} ${why} and stays.`);
    }
    const id = newId();
    const folder = join(root, folderName, id);
    const note = { name, title, kind, bytes, removedAt: Date.now(), path: relative(root, path) };
    await writeWholeFile(join(folder, noteName), Buffer.from(JSON.stringify(note)), folder);
    try {
      await rename(path, payloadOf(folder, path));
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw diskError(error, path);
    }
    await this.#library.refresh();
    return shown({ id, note });
  }

  /** Newest first. */
  async list(): Promise<TrashedModel[]> {
    return (await this.#entries()).map(shown).sort((a, b) => b.removedAt - a.removedAt || (a.id < b.id ? 1 : -1));
  }

  /** @throws UserError `model.unknown`, `model.exists` when its place is taken; DarkroomError `disk.*` */
  async restore(id: string): Promise<TrashedModel> {
    const entry = await this.#entry(id);
    if (await exists(entry.origin)) {
      const { path } = entry.note;
      throw new UserError('model.exists', `Where ${path} lay is another file now; move that one away first.`);
    }
    try {
      await mkdir(dirname(entry.origin), { recursive: true });
      await rename(entry.payload, entry.origin);
    } catch (error) {
      throw diskError(error, entry.origin);
    }
    await rm(entry.folder, { recursive: true, force: true });
    await this.#library.refresh();
    return shown(entry);
  }

  /** For good. @throws UserError `model.unknown` */
  async purge(id: string): Promise<TrashedModel> {
    const entry = await this.#entry(id);
    await rm(entry.folder, { recursive: true, force: true });
    return shown(entry);
  }

  async #entry(id: string): Promise<Entry> {
    const found = (await this.#entries()).find((entry) => entry.id === id);
    if (found) return found;
    throw new UserError('model.unknown', `There is no model ${JSON.stringify(id.slice(0, 64))} in the trash.`);
  }

  async #entries(): Promise<Entry[]> {
    const found: Entry[] = [];
    for (const root of this.#library.roots) {
      const trash = join(root, folderName);
      for (const id of await namesIn(trash)) {
        const entry = isId.test(id) ? await readEntry(root, join(trash, id), id) : undefined;
        if (entry) found.push(entry);
      }
    }
    return found;
  }
}

/** Undefined where the note is missing or leads out of the root, or its model is not there. */
async function readEntry(root: string, folder: string, id: string): Promise<Entry | undefined> {
  try {
    const note = noteSchema.parse(JSON.parse(await readFile(join(folder, noteName), 'utf8')));
    const origin = resolve(root, note.path);
    const payload = payloadOf(folder, origin);
    if (!isBelow(root, origin) || !(await exists(payload))) return undefined;
    return { id, note, folder, payload, origin };
  } catch {
    return undefined;
  }
}

/** The prefix keeps a file from having the name of the note. */
const payloadOf = (folder: string, path: string): string => join(folder, `model-${basename(path)}`);

function shown({ id, note }: Pick<Entry, 'id' | 'note'>): TrashedModel {
  const { path: _path, ...rest } = note;
  return { id, ...rest };
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
