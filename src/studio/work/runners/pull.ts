/** Fetches a model. What survives a stop or a kill are the files so far: they are gone on with by range. */

import type { Job } from '#api/records/job';
import type { PulledFile, PullResult } from '#api/records/pull';
import { diskError } from '../../files/disk-error.ts';
import { discard, type InstallParts, install } from '../../pull/install.ts';
import type { PullPlan } from '../../pull/plan.ts';
import type { Runner, WorkCall, WorkResult } from '../runner.ts';

export interface PullParts extends InstallParts {
  /** Called when a model has come. */
  readonly onInstalled: () => void;
}

/** Over so long the speed is measured. */
const measureMs = 250;

export class PullRunner implements Runner<'pull'> {
  readonly kind = 'pull';
  readonly #parts: PullParts;
  /** Of what is fetched now, so that a cancelled pull's parts in the hub's cache are found. */
  readonly #plans = new Map<string, PullPlan>();

  constructor(parts: PullParts) {
    this.#parts = parts;
  }

  begin() {
    return { phase: 'fetching' } as const;
  }

  async run(job: Job<'pull'>, call: WorkCall): Promise<WorkResult | undefined> {
    const meter = new Meter();
    let result: PullResult = { title: job.request.source, files: [] };
    const tell = () => call.progress(meter.look(result.files));
    try {
      const paths = await install(this.#parts, {
        id: job.id,
        request: job.request,
        signal: call.signal,
        onPlan: (plan) => {
          this.#plans.set(job.id, plan);
          result = { title: plan.title, files: plan.files.map(({ name, bytes }) => ({ name, done: 0, total: bytes })) };
          tell();
          return call.report({ label: plan.title, total: sum(result.files, 'total'), result });
        },
        onProgress: (index, done, total) => {
          result.files[index] = { name: result.files[index]!.name, done, total };
          tell();
        },
      });
      result = { ...result, files: result.files.map((file, i) => ({ ...file, path: paths[i] })) };
      await call.report({ delivered: sum(result.files, 'done'), total: sum(result.files, 'done'), result });
      this.#plans.delete(job.id);
      this.#parts.onInstalled();
      return { result: { ...result } };
    } catch (error) {
      // What it comes to is told as well as may be; why it ended matters more.
      if (result.files.length > 0) await call.report({ delivered: sum(result.files, 'done'), result }).catch(() => {});
      throw diskError(error, job.request.source);
    }
  }

  async discard(job: Job<'pull'>): Promise<void> {
    await discard(this.#parts, job.id, job.request, this.#plans.get(job.id));
    this.#plans.delete(job.id);
  }
}

/** 0 while one of them is not known. */
function sum(files: readonly PulledFile[], field: 'done' | 'total'): number {
  const values = files.map((file) => file[field] ?? Number.NaN);
  return values.reduce((all, value) => all + value, 0) || 0;
}

/** How fast bytes come: half old, half new, steady enough to read and quick enough to be true. */
class Meter {
  #bytes = 0;
  #at = performance.now();
  #speed: number | undefined;

  look(files: readonly PulledFile[]) {
    const [step, steps] = [sum(files, 'done'), sum(files, 'total')];
    const seconds = (performance.now() - this.#at) / 1000;
    if (seconds * 1000 >= measureMs) {
      const speed = Math.max(0, step - this.#bytes) / seconds;
      // At the first look is what an earlier try had brought.
      if (this.#bytes > 0) this.#speed = this.#speed === undefined ? speed : (this.#speed + speed) / 2;
      this.#bytes = step;
      this.#at += seconds * 1000;
    }
    const eta = this.#speed && steps > 0 ? (steps - step) / this.#speed : undefined;
    return { phase: 'fetching', step, steps, speed: this.#speed, eta, files: [...files] } as const;
  }
}
