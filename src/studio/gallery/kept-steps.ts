/**
 * Steps of jobs that were asked to keep them, one file a job. They are there to be looked at: only the latest jobs'
 * stay, and a job whose file is gone has none.
 */

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptStep } from '#api/records/steps';
import type { TraceEvent } from '#pipelines/trace';
import { isMissing } from '../files/disk-error.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { encodeImage } from '../images/codec.ts';

/** Some 100 MB at 512 pixels and 20 steps. */
const jobsKept = 100;
/** Of one job, in characters: its file is read whole by whoever shows it. */
const mostKept = 16 * 2 ** 20;

export class KeptSteps {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(job: string, steps: readonly KeptStep[]): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(steps));
    await writeWholeFile(this.#file(job), bytes, join(this.#folder, '.tmp'));
    await this.#forgetOld();
  }

  /** Undefined for a job that has none, or none any more. */
  async read(job: string): Promise<KeptStep[] | undefined> {
    try {
      return JSON.parse(await readFile(this.#file(job), 'utf8')) as KeptStep[];
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #file(job: string): string {
    return join(this.#folder, `${job}.json`);
  }

  async #forgetOld(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.json'));
    if (names.length <= jobsKept) return;
    const dated = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#folder, name))).mtimeMs })),
    );
    dated.sort((a, b) => b.at - a.at);
    for (const { name } of dated.slice(jobsKept)) await rm(join(this.#folder, name), { force: true });
  }
}

/** The steps of one picture as they are kept, as far as there is room. */
export class StepsToKeep {
  readonly #steps: KeptStep[] = [];
  readonly #most: number;
  #left: number;
  #leftOut = 0;

  /** @param most characters */
  constructor(most = mostKept) {
    this.#most = most;
    this.#left = most;
  }

  async add(event: TraceEvent): Promise<void> {
    const step = await keptStep(event);
    this.#left -= [step.noised, step.predicted, step.noise, step.latent].join('').length;
    if (this.#left >= 0) this.#steps.push(step);
    else this.#leftOut++;
  }

  /** What there is, which is forgotten here. */
  take(): KeptStep[] {
    return this.#steps.splice(0);
  }

  get count(): number {
    return this.#steps.length;
  }

  /** What is to be told; undefined where all are kept. */
  get warning(): string | undefined {
    if (this.#leftOut === 0) return undefined;
    return `${this.#leftOut} steps were not kept: the pictures of one job's steps may have ${this.#most} characters.`;
  }
}

/** A step as it is kept. */
export async function keptStep({ direction, step, sigma, timestep, ...pictures }: TraceEvent): Promise<KeptStep> {
  const { noised, predicted, noise, latent } = pictures;
  return {
    direction,
    step,
    sigma,
    timestep,
    snr: sigma > 0 ? 1 / (sigma * sigma) : undefined,
    noised: await addressed(noised),
    predicted: predicted && (await addressed(predicted)),
    noise: noise && (await addressed(noise)),
    latent: await addressed(latent),
  };
}

async function addressed(image: TraceEvent['noised']): Promise<string> {
  const bytes = await encodeImage(image, 'webp', undefined, { quality: 85 });
  return `data:image/webp;base64,${Buffer.from(bytes).toString('base64')}`;
}
