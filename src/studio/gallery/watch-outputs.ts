/** Notices pictures that others put below the outputs: commands, people, other programs. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TreeWatch } from '../files/tree-watch.ts';
import { dateFolder } from './picture-path.ts';

/** A file is written in many pieces; look when it has been quiet for a moment. */
const settleMs = 1000;

/** What begins with a dot is the studio's own. */
const isOwn = (path: string): boolean => path.startsWith('.');

export class OutputsWatch {
  readonly #outputs: string;
  readonly #onFiles: (paths: readonly string[]) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #changed = new Set<string>();
  #watch: TreeWatch | undefined;
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
      this.#watch = new TreeWatch(this.#outputs, {
        onChange: (path) => this.#noticed(path),
        onError: this.#onError,
        ignores: isOwn,
      });
    } catch (error) {
      // Where the system refuses, a rebuild finds them.
      this.#onError(error);
    }
    void this.#lookBack().catch(this.#onError);
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    clearTimeout(this.#settle);
  }

  #noticed(path: string | undefined): void {
    if (path === undefined || isOwn(path)) return;
    this.#changed.add(path);
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
