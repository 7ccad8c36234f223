/**
 * What came with a request, read by reader processes: the bytes lie in a file for as long as that takes, and the
 * server neither decodes nor resizes.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import { diskError } from '../files/disk-error.ts';
import { newId } from '../store/id.ts';
import { type Upload, UploadedFile } from './large-bodies.ts';
import { type Asker, ReaderPool } from './pool.ts';
import type { TaskInput, TaskName, TaskResult } from './tasks.ts';

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
  readonly #readers = new ReaderPool();

  /** @param folder for files of the moment */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws UserError as the task does, `image.left-alone` for a picture that takes too long or too much */
  async read<N extends FileTask>(task: N, upload: Upload, asker?: Asker): Promise<TaskResult<N>> {
    return await this.withFiles({ upload }, async (files) => {
      return await this.run(task, files.upload as TaskInput<N>, asker);
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
    asker?: Asker,
    what: keyof typeof names = 'image',
  ): Promise<TaskResult<N>> {
    try {
      return await this.#readers.read(task, input, asker, { name: names[what] });
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
    this.#readers.dispose();
  }
}
