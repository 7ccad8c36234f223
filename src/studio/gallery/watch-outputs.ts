/** Notices pictures that others put below the outputs: commands, people, other programs. */

import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { dateFolder } from './picture-path.ts';

/** A file is written in many pieces; look when it has been quiet for a moment. */
const settleMs = 1000;

export class OutputsWatch {
  readonly #outputs: string;
  readonly #onFiles: (paths: readonly string[]) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #changed = new Set<string>();
  #watcher: FSWatcher | undefined;
  #settle: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onFiles given paths below the outputs, forward slashes; not all of them are new, pictures, or there */
  constructor(
    outputs: string,
    onFiles: (paths: readonly string[]) => Promise<void>,
    onError: (error: unknown) => void,
  ) {
    this.#outputs = outputs;
    this.#onFiles = onFiles;
    // What is cut off by closing is looked at again at the next start.
    this.#onError = (error) => {
      if (!this.#closed) onError(error);
    };
  }

  /** Looks at what came while nobody watched, of today and the day before, and goes on watching. */
  start(): void {
    try {
      const options = { recursive: true, persistent: false } as const;
      this.#watcher = watch(this.#outputs, options, (_event, name) => this.#noticed(name));
      this.#watcher.on('error', this.#onError);
    } catch (error) {
      // Where the system refuses, a rebuild finds them.
      this.#onError(error);
    }
    void this.#lookBack().catch(this.#onError);
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    clearTimeout(this.#settle);
  }

  #noticed(name: string | null): void {
    // Those that begin with a dot are the studio's own.
    if (name === null || name.startsWith('.')) return;
    this.#changed.add(name.split(sep).join('/'));
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#tell(), settleMs);
    this.#settle.unref();
  }

  #tell(): void {
    const paths = [...this.#changed];
    this.#changed.clear();
    this.#onFiles(paths).catch(this.#onError);
  }

  async #lookBack(): Promise<void> {
    const now = Date.now();
    for (const day of [dateFolder(new Date(now - 86_400_000)), dateFolder(new Date(now))]) {
      const folder = join(this.#outputs, day);
      const names = await readdir(folder).catch(() => []);
      const there = names.length > 0 && (await stat(folder)).isDirectory();
      if (there) await this.#onFiles(names.map((name) => `${day}/${name}`));
    }
  }
}
