/** Notices changes in the model folders: by the system's notices where it gives them, and by looking now and then. */

import { watch } from 'node:fs';
import { TreeWatch } from '../files/tree-watch.ts';
import { modelFoldersOf } from './layout.ts';

/** Files are copied in many writes; look when it has been quiet for a moment. */
const settleMs = 1000;
const lookAgainMs = 5 * 60_000;

export class FolderWatch {
  readonly #roots: readonly string[];
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, { close(): void }>();
  #settle: NodeJS.Timeout | undefined;
  #interval: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(roots: readonly string[], onChange: () => void) {
    this.#roots = roots;
    this.#onChange = onChange;
  }

  /** Watches the folders that are there; called again, those that have come since as well. */
  async follow(): Promise<void> {
    if (this.#closed) return;
    this.#interval ??= setInterval(this.#onChange, lookAgainMs).unref();
    for (const root of this.#roots) {
      for (const { path, isShallow } of await modelFoldersOf(root)) this.#watch(path, !isShallow);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#settle);
    clearInterval(this.#interval);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  /** Where the system refuses (too many folders, a network drive) looking now and then must do. */
  #watch(path: string, recursive: boolean): void {
    if (this.#closed || this.#watchers.has(path)) return;
    try {
      this.#watchers.set(path, recursive ? this.#tree(path) : this.#folder(path));
    } catch {
      return;
    }
  }

  #tree(path: string): TreeWatch {
    return new TreeWatch(path, { onChange: () => this.#noticed(), onError: () => this.#forget(path) });
  }

  #folder(path: string): { close(): void } {
    const watcher = watch(path, { persistent: false }, () => this.#noticed());
    return watcher.on('error', () => this.#forget(path));
  }

  #forget(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }

  #noticed(): void {
    clearTimeout(this.#settle);
    if (this.#closed) return;
    this.#settle = setTimeout(this.#onChange, settleMs);
    this.#settle.unref();
  }
}
