/**
 * What came with a request, read by reader processes: the bytes lie in a file for as long as that takes, and the
 * server neither decodes nor resizes. A few readers, so that a slow picture does not hold up the others.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import { diskError } from '../files/disk-error.ts';
import { newId } from '../store/id.ts';
import { ReaderHost } from './host.ts';
import type { TaskInput, TaskName, TaskResult } from './tasks.ts';

const readers = 2;

/** Tasks on one file. */
type FileTask = { [N in TaskName]: TaskInput<N> extends string ? N : never }[TaskName];

export class Uploads {
  readonly #folder: string;
  readonly #hosts = Array.from({ length: readers }, () => new ReaderHost());

  /** @param folder for files of the moment */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws UserError as the task does, `image.left-alone` for a picture that takes too long or too much */
  async read<N extends FileTask>(task: N, bytes: Uint8Array, signal?: AbortSignal): Promise<TaskResult<N>> {
    return await this.withFiles({ bytes }, async (files) => {
      return await this.run(task, files.bytes as TaskInput<N>, signal);
    });
  }

  /** Runs `work` while the bytes lie in files. */
  async withFiles<K extends string, T>(
    given: Readonly<Partial<Record<K, Uint8Array>>>,
    work: (files: Readonly<Partial<Record<K, string>>>) => Promise<T>,
  ): Promise<T> {
    const entries = Object.entries<Uint8Array | undefined>(given).flatMap(([name, bytes]) =>
      bytes ? [[name, bytes, join(this.#folder, `upload-${newId()}`)] as const] : [],
    );
    try {
      for (const [, bytes, file] of entries) await this.#write(file, bytes);
      return await work(
        Object.fromEntries(entries.map(([name, , file]) => [name, file])) as Partial<Record<K, string>>,
      );
    } finally {
      for (const [, , file] of entries) await rm(file, { force: true });
    }
  }

  async run<N extends TaskName>(task: N, input: TaskInput<N>, signal?: AbortSignal): Promise<TaskResult<N>> {
    const [host] = this.#hosts.toSorted((a, b) => a.waiting - b.waiting);
    try {
      return await host!.read(task, input, { name: 'The picture', signal });
    } catch (error) {
      if (!(error instanceof DarkroomError && error.code === 'reader.left-alone')) throw error;
      throw new UserError('image.left-alone', error.message, { cause: error });
    }
  }

  async #write(file: string, bytes: Uint8Array): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(file, bytes);
    } catch (error) {
      throw diskError(error, file);
    }
  }

  dispose(): void {
    for (const host of this.#hosts) host.dispose();
  }
}
