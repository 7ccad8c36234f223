/**
 * Notices what changes in a folder and in all folders below it.
 *
 * macOS and Windows do so by themselves. On Linux node imitates it with a watch for every file, and reads a folder anew
 * for every file that comes into it; here every folder has one watch, however many files it holds.
 */

import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import process from 'node:process';

export interface TreeWatchOptions {
  /** A path below the folder, forward slashes, where something came, changed or went; undefined where it is not told. */
  readonly onChange: (path: string | undefined) => void;
  /** Of the system: it refuses to watch (too many folders), or a folder went while it was looked at. */
  readonly onError: (error: unknown) => void;
  /** Folders that are not entered, by their path. Default none. */
  readonly ignores?: (path: string) => boolean;
}

const isNative = process.platform === 'darwin' || process.platform === 'win32';
/** Nobody keeps files deeper; whoever links folders in circles is not followed without end. */
const maxDepth = 12;

export class TreeWatch {
  readonly #root: string;
  readonly #options: TreeWatchOptions;
  /** By path below the root. */
  readonly #watchers = new Map<string, FSWatcher>();
  #closed = false;

  /** @throws what the system says where the folder itself cannot be watched */
  constructor(root: string, options: TreeWatchOptions) {
    this.#root = root;
    this.#options = options;
    this.#watch('', isNative);
    if (!isNative) this.#enterBelow('', false).catch(options.onError);
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string, recursive: boolean): void {
    const watcher = watch(join(this.#root, folder), { recursive, persistent: false }, (event, name) => {
      const path = name === null ? undefined : below(folder, name.split(sep).join('/'));
      this.#options.onChange(path);
      if (!recursive && event === 'rename' && path !== undefined) this.#look(path).catch(this.#options.onError);
    });
    watcher.on('error', (error) => {
      this.#forget(folder);
      this.#options.onError(error);
    });
    this.#watchers.set(folder, watcher);
  }

  /** Something has come or gone there. */
  async #look(path: string): Promise<void> {
    const there = await stat(join(this.#root, path)).catch(() => undefined);
    if (this.#closed) return;
    // One of that name that was watched has gone, even if another is there by now.
    if (!there || there.isDirectory()) this.#forget(path);
    if (there?.isDirectory()) await this.#enter(path, true);
  }

  /** @param isNew what lies in it already came with it, or before it was watched */
  async #enter(folder: string, isNew: boolean): Promise<void> {
    const { ignores, onError } = this.#options;
    if (this.#closed || this.#watchers.has(folder) || ignores?.(folder)) return;
    if (folder.split('/').length > maxDepth) return;
    try {
      this.#watch(folder, false);
    } catch (error) {
      // It may have gone since.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
      return;
    }
    await this.#enterBelow(folder, isNew);
  }

  async #enterBelow(folder: string, isNew: boolean): Promise<void> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (this.#closed) return;
      const path = below(folder, entry.name);
      if (isNew) this.#options.onChange(path);
      if (entry.isDirectory()) await this.#enter(path, isNew);
    }
  }

  #forget(folder: string): void {
    for (const [path, watcher] of [...this.#watchers]) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
  }
}

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
