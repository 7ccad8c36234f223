/** The pictures a job starts from, as files in the data folder for as long as the job is known. */

import { access, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type InputRole, inputRoles } from '#api/records/job';
import { UserError } from '#core/errors';
import { isMissing } from '../files/disk-error.ts';
import { pathInside } from '../files/safe-path.ts';
import { keepWholeFile } from '../files/whole-file.ts';
import { LargeBodies, type Upload } from '../reader/large-bodies.ts';
import type { Asker } from '../reader/pool.ts';
import { Uploads } from '../reader/uploads.ts';
import type { InputRules } from './prepare-inputs.ts';

/** Files of pictures, by what they are for. */
export type InputPaths = Readonly<Partial<Record<InputRole, string>>>;

/** Pictures as they came, in any format that is read. */
export type InputUploads = Readonly<Partial<Record<InputRole, Upload>>>;

export class InputFiles {
  readonly #folder: string;
  /** Bytes of each job's pictures. */
  readonly #sizes = new Map<string, number>();
  readonly uploads: Uploads;
  /** Requests that bring much. */
  readonly bodies: LargeBodies;

  constructor(folder: string) {
    this.#folder = folder;
    this.uploads = new Uploads(join(folder, '.tmp'));
    this.bodies = new LargeBodies(join(folder, '.tmp'));
  }

  /** Checks, decodes and keeps pictures. @returns which there are. @throws UserError `image.*`; nothing is kept then */
  async write(job: string, given: InputUploads, rules: InputRules = {}, asker?: Asker): Promise<InputRole[]> {
    if (Object.values(given).every((bytes) => bytes === undefined)) return [];
    return await this.uploads.withFiles(given, async (from) => {
      const half = (role: InputRole) => join(this.#folder, '.tmp', `${job}-${role}.png`);
      try {
        const to = Object.fromEntries(inputRoles.map((role) => [role, half(role)]));
        const written = await this.uploads.run('inputs', { from, to, rules }, asker);
        for (const role of written) await keepWholeFile(half(role), this.#file(job, role));
        for (const role of written) await this.#count(`${job}-${role}.png`);
        return written;
      } catch (error) {
        for (const role of inputRoles) await rm(half(role), { force: true });
        await this.remove(job);
        throw error;
      }
    });
  }

  /** Where an engine finds them. @throws UserError `job.input-gone` */
  async paths(job: string, roles: readonly InputRole[]): Promise<InputPaths> {
    for (const role of roles) {
      await access(this.#file(job, role)).catch((error: unknown) => {
        throw gone(job, role, error);
      });
    }
    return Object.fromEntries(roles.map((role) => [role, this.#file(job, role)]));
  }

  /** @throws UserError `job.input-gone` */
  async bytes(job: string, role: InputRole): Promise<Uint8Array> {
    try {
      return await readFile(this.#file(job, role));
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw gone(job, role, error);
    }
  }

  /** Bytes of all pictures that these jobs start from. */
  sizeOf(jobs: readonly string[]): number {
    return jobs.reduce((sum, job) => sum + (this.#sizes.get(job) ?? 0), 0);
  }

  async remove(job: string): Promise<void> {
    this.#sizes.delete(job);
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
    for (const name of names) {
      if (isKnown(name.slice(0, 16))) await this.#count(name);
      else await rm(join(this.#folder, name), { force: true });
    }
  }

  async #count(name: string): Promise<void> {
    const job = name.slice(0, 16);
    const { size } = await stat(join(this.#folder, name));
    this.#sizes.set(job, (this.#sizes.get(job) ?? 0) + size);
  }

  #file(job: string, role: InputRole): string {
    return pathInside(this.#folder, `${job}-${role}.png`);
  }
}

function gone(job: string, role: InputRole, cause: unknown): UserError {
  return new UserError('job.input-gone', `The ${role} picture that job ${job} starts from is gone.`, { cause });
}
