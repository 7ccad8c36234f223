/**
 * Trains in a process of its own. What survives a stop, a kill or a crash is the run's folder with its last saved state,
 * from which the next start goes on bit for bit.
 */

import type { Job } from '#api/records/job';
import { UserError } from '#core/errors';
import { fromWireError } from '../../engine-host/protocol.ts';
import type { TrainingPlan } from '../../training/plan.ts';
import { TrainerProcess } from '../../training/process/host.ts';
import type { FromTrainer } from '../../training/process/protocol.ts';
import type { TrainingRuns } from '../../training/runs.ts';
import { type Runner, Stopped, type WorkCall, type WorkResult } from '../runner.ts';

export interface TrainingParts {
  /** Absolute path of the module that a trainer's process runs. */
  readonly main: string;
  /** CPU threads of a training that does not say how many. */
  readonly threads?: number;
  readonly runs: TrainingRuns;
  readonly modelRoots: readonly string[];
}

/** When the studio closes, a step that takes longer is not waited for. */
const closeMs = 3000;

export class TrainingRunner implements Runner<'training'> {
  readonly kind = 'training';
  readonly #parts: TrainingParts;
  #trainer: TrainerProcess | undefined;
  #planner: TrainerProcess | undefined;

  constructor(parts: TrainingParts) {
    this.#parts = parts;
  }

  begin({ delivered, total }: Job<'training'>) {
    return { phase: 'training', step: delivered, steps: total } as const;
  }

  async run(job: Job<'training'>, call: WorkCall): Promise<WorkResult | undefined> {
    if (call.signal.aborted) return undefined;
    const { main, threads, runs, modelRoots } = this.#parts;
    const { backend: device, threads: own = threads } = job.request;
    const run = runs.folderOf(job.id);
    const trainer = new TrainerProcess(main, {
      config: { ...job.request, run },
      device: { device, threads: own },
      modelRoots,
    });
    this.#trainer = trainer;
    const unwatch = stopWith(trainer, call.signal);
    const teller = new Teller(job, call);
    try {
      for await (const message of trainer.messages()) {
        if (message.type === 'failed') throw fromWireError(message.error);
        if (message.type === 'end' && message.steps >= job.total)
          return { result: { run: runs.placeOf(job.id), ...teller.last } };
        await teller.tell(message);
      }
      return undefined;
    } finally {
      unwatch();
      this.#trainer = undefined;
    }
  }

  /**
   * What the training would take. Nothing waits for it but who asked; it has the machine beside whatever is at work.
   * @throws UserError `training.busy` while another one is found out; what the training would throw
   */
  async plan(request: Job<'training'>['request'], signal: AbortSignal): Promise<TrainingPlan> {
    const { main, threads, modelRoots } = this.#parts;
    const { backend: device, threads: own = threads } = request;
    if (this.#planner) throw new UserError('training.busy', 'Another training is being planned now; ask again soon.');
    const order = { config: { ...request, run: '.' }, device: { device, threads: own }, modelRoots, plan: true };
    const planner = new TrainerProcess(main, order);
    this.#planner = planner;
    const kill = (): void => planner.kill();
    signal.addEventListener('abort', kill, { once: true });
    try {
      for await (const message of planner.messages()) {
        if (message.type === 'failed') throw fromWireError(message.error);
        if (message.type === 'plan') return message.plan;
      }
      throw new UserError('training.plan', 'The planning was ended before it knew.');
    } finally {
      signal.removeEventListener('abort', kill);
      this.#planner = undefined;
    }
  }

  kill(): void {
    this.#trainer?.kill();
  }
}

/** The process stops as the job is to; the returned function ends that. */
export function stopWith(trainer: TrainerProcess, signal: AbortSignal): () => void {
  let force: NodeJS.Timeout | undefined;
  const stop = (): void => {
    trainer.stop();
    const closes = signal.reason instanceof Stopped && signal.reason.how === 'close';
    if (closes) force = setTimeout(() => trainer.kill(), closeMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  return () => {
    signal.removeEventListener('abort', stop);
    clearTimeout(force);
  };
}

/** Passes on what a trainer says. */
class Teller {
  readonly #job: Job<'training'>;
  readonly #call: WorkCall;
  #at = performance.now();
  #speed: number | undefined;
  /** Measured after the last step. */
  last: Readonly<Record<string, number>> = {};

  constructor(job: Job<'training'>, call: WorkCall) {
    this.#job = job;
    this.#call = call;
  }

  async tell(message: FromTrainer): Promise<void> {
    switch (message.type) {
      case 'step': {
        const { step, steps, metrics } = message.report;
        this.last = { ...this.last, ...metrics, step };
        if (metrics.heldOut !== undefined) break;
        const speed = this.#measure();
        this.#call.progress({ phase: 'training', step, steps, speed, eta: (steps - step) / speed });
        break;
      }
      case 'saved':
        // The last step counts when all that follows from it is written.
        await this.#call.report({ delivered: Math.min(message.step, this.#job.total - 1) });
        break;
      case 'sample':
        this.#call.preview(0, [message.jpeg]);
        break;
      case 'warning':
        await this.#call.warn(message.text);
        break;
      case 'part':
        // Of experiments.
        break;
      case 'plan':
      case 'end':
      case 'failed':
        // Acted on where the process is waited for.
        break;
    }
  }

  /** Steps a second, an average in which the last ones count most. */
  #measure(): number {
    const now = performance.now();
    const speed = 1000 / Math.max(now - this.#at, 0.001);
    this.#at = now;
    this.#speed = this.#speed === undefined ? speed : 0.8 * this.#speed + 0.2 * speed;
    return this.#speed;
  }
}
