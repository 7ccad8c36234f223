/** How far running jobs are: in memory only, since it is worth nothing after a restart. */

import type { Emit } from '../events/bus.ts';

export interface JobProgress {
  readonly id: string;
  readonly user: string;
  /** `starting` until the engine says more. */
  readonly phase: 'starting' | 'loading' | 'sampling';
  /** 0 to 1 over all batches. */
  readonly fraction: number;
  readonly batch: number;
  readonly batches: number;
  readonly step: number;
  readonly steps: number;
  /** Seconds left, when the engine can tell. */
  readonly eta?: number;
  readonly loading?: { readonly part: string; readonly bytes?: number; readonly totalBytes?: number };
  /** Grows with every new preview; 0: none yet. */
  readonly preview: number;
}

export interface ProgressEvents {
  'job.progress': JobProgress;
  /** New previews can be fetched. */
  'job.preview': { readonly id: string; readonly batch: number; readonly preview: number };
}

/** At most this often per job, so that a fast model does not flood every client. */
const intervalMs = 100;

interface Live {
  progress: JobProgress;
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

  begin(job: { readonly id: string; readonly user: string }, batches: number, steps: number): void {
    const { id, user } = job;
    const progress = {
      id,
      user,
      phase: 'starting',
      fraction: 0,
      batch: 0,
      batches,
      step: 0,
      steps,
      preview: 0,
    } as const;
    this.#live.set(id, { progress, previews: [], emittedAt: 0 });
    this.#announce(id, true);
  }

  update(id: string, change: Partial<JobProgress>): void {
    const live = this.#live.get(id);
    if (!live) return;
    const { loading: _loading, eta: _eta, ...rest } = live.progress;
    const next = { ...rest, ...change };
    const fraction = Math.min(1, (next.batch + (next.steps === 0 ? 0 : next.step / next.steps)) / next.batches);
    live.progress = { ...next, fraction };
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
