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
import { type Upload, UploadedFile } from './large-bodies.ts';
import type { TaskInput, TaskName, TaskResult } from './tasks.ts';

const readers = 2;

/** What errors call it. */
const names = {
  image: 'The picture',
  prompt: 'The prompt',
  style: 'The style sheet',
  infotext: 'The infotext',
} as const;

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
  async read<N extends FileTask>(task: N, upload: Upload, signal?: AbortSignal): Promise<TaskResult<N>> {
    return await this.withFiles({ upload }, async (files) => {
      return await this.run(task, files.upload as TaskInput<N>, signal);
    });
  }

  /** Runs `work` while the uploads lie in files. */
  async withFiles<K extends string, T>(
    given: Readonly<Partial<Record<K, Upload>>>,
    work: (files: Readonly<Partial<Record<K, string>>>) => Promise<T>,
  ): Promise<T> {
    const files: Partial<Record<K, string>> = {};
    const written: string[] = [];
    try {
      for (const [name, upload] of Object.entries<Upload | undefined>(given)) {
        if (upload === undefined) continue;
        const file = upload instanceof UploadedFile ? upload.file : join(this.#folder, `upload-${newId()}`);
        files[name as K] = file;
        if (upload instanceof UploadedFile) continue;
        written.push(file);
        await this.#write(file, upload);
      }
      return await work(files);
    } finally {
      for (const file of written) await rm(file, { force: true });
    }
  }

  /** @param what came with the request @throws UserError as the task does, and one ending in `.left-alone` */
  async run<N extends TaskName>(
    task: N,
    input: TaskInput<N>,
    signal?: AbortSignal,
    what: keyof typeof names = 'image',
  ): Promise<TaskResult<N>> {
    const [host] = this.#hosts.toSorted((a, b) => a.waiting - b.waiting);
    try {
      return await host!.read(task, input, { name: names[what], signal });
    } catch (error) {
      if (!(error instanceof DarkroomError && error.code === 'reader.left-alone')) throw error;
      throw new UserError(`${what}.left-alone`, error.message, { cause: error });
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
