/** The pictures a job starts from, as files in the data folder for as long as the job is known. */

import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#core/errors';
import type { GeneratePictures } from '#pipelines/request';
import { isMissing } from '../files/disk-error.ts';
import { pathInside } from '../files/safe-path.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { decodeImage, encodeImage } from '../images/codec.ts';
import type { JobInputs } from '../queue/job.ts';

const pictureRoles = ['init', 'mask'] as const satisfies readonly (keyof GeneratePictures)[];

export class InputFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(job: string, pictures: GeneratePictures): Promise<JobInputs> {
    const files: { init?: string; mask?: string } = {};
    for (const role of pictureRoles) {
      const image = pictures[role];
      if (!image) continue;
      const name = `${job}-${role}.png`;
      await writeWholeFile(join(this.#folder, name), await encodeImage(image, 'png'), join(this.#folder, '.tmp'));
      files[role] = name;
    }
    return files;
  }

  /** @throws UserError `job.input-gone` */
  async read(inputs: JobInputs): Promise<GeneratePictures> {
    const pictures: { -readonly [R in keyof GeneratePictures]: GeneratePictures[R] } = {};
    for (const role of pictureRoles) {
      const name = inputs[role];
      if (name !== undefined) pictures[role] = (await decodeImage(await this.file(name))).image;
    }
    return pictures;
  }

  /** Bytes of one input. */
  async file(name: string): Promise<Uint8Array> {
    try {
      return await readFile(pathInside(this.#folder, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new UserError('job.input-gone', `The picture ${name} that the job starts from is gone.`, { cause: error });
    }
  }

  async remove(inputs: JobInputs): Promise<void> {
    for (const name of Object.values(inputs)) await rm(pathInside(this.#folder, name), { force: true });
  }

  /** Start-up: removes files of jobs that are not known, and half-written ones. */
  async sweep(isKnown: (job: string) => boolean): Promise<void> {
    await rm(join(this.#folder, '.tmp'), { recursive: true, force: true });
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    for (const name of names) if (!isKnown(name.slice(0, 16))) await rm(join(this.#folder, name), { force: true });
  }
}
