/**
 * Runs experiments of the lab in a trainer's process. What survives a stop, a kill or a crash is the run's folder, from
 * which the next start goes on.
 */

import type { Job } from '#api/records/job';
import { fromWireError } from '../../engine-host/protocol.ts';
import { TrainerProcess } from '../../training/process/host.ts';
import type { Runner, WorkCall, WorkResult } from '../runner.ts';
import { stopWith, type TrainingParts } from './training.ts';

export type LabParts = Pick<TrainingParts, 'main' | 'threads' | 'runs'>;

export class LabRunner implements Runner<'lab'> {
  readonly kind = 'lab';
  readonly #parts: LabParts;
  #trainer: TrainerProcess | undefined;

  constructor(parts: LabParts) {
    this.#parts = parts;
  }

  begin({ delivered, total }: Job<'lab'>) {
    return { phase: 'training', batch: delivered, batches: total } as const;
  }

  async run(job: Job<'lab'>, call: WorkCall): Promise<WorkResult | undefined> {
    if (call.signal.aborted) return undefined;
    const { main, threads: usual, runs } = this.#parts;
    const { threads = usual } = job.request;
    const folder = runs.folderOf(job.id);
    const trainer = new TrainerProcess(main, { lab: job.request, folder, device: { device: 'cpu', threads } });
    this.#trainer = trainer;
    const unwatch = stopWith(trainer, call.signal);
    let done = 0;
    try {
      for await (const message of trainer.messages()) {
        if (message.type === 'failed') throw fromWireError(message.error);
        if (message.type === 'end' && message.steps >= job.total) return { result: { run: runs.placeOf(job.id) } };
        if (message.type === 'warning') await call.warn(message.text);
        if (message.type === 'part') {
          done = message.done;
          // The last part counts when the report is written.
          await call.report({ delivered: Math.min(done, job.total - 1) });
        }
        if (message.type === 'step') {
          const { step, steps } = message.report;
          call.progress({ phase: 'training', step, steps, batch: Math.min(done, job.total - 1), batches: job.total });
        }
      }
      return undefined;
    } finally {
      unwatch();
      this.#trainer = undefined;
    }
  }

  kill(): void {
    this.#trainer?.kill();
  }
}
