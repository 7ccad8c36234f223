/** How far running jobs are: in memory only, since it is worth nothing after a restart. */

import type { Job, JobProgress } from '#api/records/job';
import type { PulledFile } from '#api/records/pull';
import type { Emit } from '../events/bus.ts';

/** What changes; what was said of loading, speed and time left holds for its moment only. */
export type ProgressChange = Partial<Omit<JobProgress, 'id' | 'user' | 'kind' | 'fraction' | 'preview'>> & {
  /** Files of a download. */
  readonly files?: readonly PulledFile[];
};

export interface ProgressEvents {
  'job.progress': JobProgress;
  /** New previews can be fetched. */
  'job.preview': { readonly id: string; readonly batch: number; readonly preview: number };
}

/** At most this often per job, so that a fast model does not flood every client. */
const intervalMs = 100;

interface Live {
  progress: JobProgress;
  files: readonly PulledFile[];
  previews: readonly Uint8Array[];
  emittedAt: number;
}

export class ProgressBoard {
  readonly #live = new Map<string, Live>();
  readonly #emit: Emit<ProgressEvents>;

  constructor(emit: Emit<ProgressEvents>) {
    this.#emit = emit;
  }

  get(id: string): JobProgress | undefined {
    return this.#live.get(id)?.progress;
  }

  list(): JobProgress[] {
    return Array.from(this.#live.values(), (live) => live.progress);
  }

  /** JPEG previews of the batch at work, one per picture; empty when there are none. */
  previews(id: string): readonly Uint8Array[] {
    return this.#live.get(id)?.previews ?? [];
  }

  /** Files of a running download. */
  files(id: string): readonly PulledFile[] | undefined {
    return this.#live.get(id)?.files;
  }

  begin(job: Pick<Job, 'id' | 'user' | 'kind'>, start: ProgressChange = {}): void {
    const { id, user, kind } = job;
    const nothing = { phase: 'starting', fraction: 0, batch: 0, batches: 1, step: 0, steps: 0, preview: 0 } as const;
    const { files = [], ...rest } = start;
    this.#live.set(id, { progress: { id, user, kind, ...nothing, ...rest }, files, previews: [], emittedAt: 0 });
    this.#announce(id, true);
  }

  update(id: string, change: ProgressChange): void {
    const live = this.#live.get(id);
    if (!live) return;
    const { files = live.files, ...given } = change;
    const { loading: _loading, eta: _eta, speed: _speed, ...rest } = live.progress;
    const next = { ...rest, ...given };
    const fraction = Math.min(1, (next.batch + (next.steps === 0 ? 0 : next.step / next.steps)) / next.batches);
    live.progress = { ...next, fraction };
    live.files = files;
    this.#announce(id, next.step === next.steps);
  }

  preview(id: string, batch: number, previews: readonly Uint8Array[]): void {
    const live = this.#live.get(id);
    if (!live) return;
    live.previews = previews;
    live.progress = { ...live.progress, preview: live.progress.preview + 1 };
    const data = { id, batch, preview: live.progress.preview };
    this.#emit('job.preview', data, { user: live.progress.user, keep: false });
  }

  end(id: string): void {
    this.#live.delete(id);
  }

  #announce(id: string, force: boolean): void {
    const live = this.#live.get(id)!;
    const now = performance.now();
    if (!force && now - live.emittedAt < intervalMs) return;
    live.emittedAt = now;
    this.#emit('job.progress', live.progress, { user: live.progress.user, keep: false });
  }
}
