/** The pictures a job starts from, as files in the data folder for as long as the job is known. */

import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type InputRole, inputRoles } from '#api/records/job';
import { UserError } from '#core/errors';
import type { GeneratePictures } from '#pipelines/request';
import { isMissing } from '../files/disk-error.ts';
import { pathInside } from '../files/safe-path.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { decodeImage, encodeImage } from '../images/codec.ts';

export class InputFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns which there are */
  async write(job: string, pictures: GeneratePictures): Promise<InputRole[]> {
    const written: InputRole[] = [];
    for (const role of inputRoles) {
      const image = pictures[role];
      if (!image) continue;
      await writeWholeFile(this.#file(job, role), await encodeImage(image, 'png'), join(this.#folder, '.tmp'));
      written.push(role);
    }
    return written;
  }

  /** @throws UserError `job.input-gone` */
  async read(job: string, roles: readonly InputRole[]): Promise<GeneratePictures> {
    const pictures: { -readonly [R in keyof GeneratePictures]: GeneratePictures[R] } = {};
    for (const role of roles) pictures[role] = (await decodeImage(await this.bytes(job, role))).image;
    return pictures;
  }

  /** @throws UserError `job.input-gone` */
  async bytes(job: string, role: InputRole): Promise<Uint8Array> {
    try {
      return await readFile(this.#file(job, role));
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new UserError('job.input-gone', `The ${role} picture that job ${job} starts from is gone.`, {
        cause: error,
      });
    }
  }

  async remove(job: string): Promise<void> {
    for (const role of inputRoles) await rm(this.#file(job, role), { force: true });
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

  #file(job: string, role: InputRole): string {
    return pathInside(this.#folder, `${job}-${role}.png`);
  }
}
