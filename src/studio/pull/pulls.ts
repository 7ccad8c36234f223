/** Downloads of models as their watchers see them: a view of the jobs that fetch. */

import type { Job } from '#api/records/job';
import { type Pull, type PullRequest, type PullResult, pullRequestSchema } from '#api/records/pull';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import { localUser } from '../gallery/picture-path.ts';
import type { JobQueue, QueueEvents } from '../queue/job.ts';
import type { ProgressBoard, ProgressEvents } from '../work/progress.ts';
import type { SourceHosts } from './source.ts';
import { parsePullSource } from './source.ts';

export interface PullEvents {
  'pull.changed': Pull;
  'pull.progress': Pull;
  'pull.removed': { readonly id: string };
}

/** What the studio does with any job. */
export interface JobControl {
  readonly queue: JobQueue;
  cancel(id: string): Promise<Job>;
  pause(id: string): Promise<Job>;
  clear(filter: { readonly id: string }): Promise<number>;
  /** The job once it does not run or wait any more. */
  settled(id: string): Promise<Job>;
}

export interface PullsOptions {
  readonly jobs: JobControl;
  readonly progress: ProgressBoard;
  readonly hosts: SourceHosts;
  readonly emit: Emit<PullEvents>;
}

type PullJob = Job<'pull'>;

export class Pulls {
  readonly #options: PullsOptions;

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /** @throws UserError `pull.source`, `pull.hash`, `pull.options` */
  async add(source: string, options: Omit<PullRequest, 'source'> = {}, user = localUser): Promise<Pull> {
    parsePullSource(source, this.#options.hosts);
    const request = pullRequestSchema.safeParse({ ...options, source: source.trim() });
    if (!request.success) {
      const issue = request.error.issues[0]!;
      const code = issue.path[0] === 'sha256' ? 'pull.hash' : 'pull.options';
      throw new UserError(code, `${issue.path.join('.')}: ${issue.message}.`);
    }
    const [job] = await this.#queue.add([{ kind: 'pull', user, request: request.data, total: 0 }]);
    return this.#pull(job as PullJob);
  }

  /** Newest first. */
  async list(): Promise<Pull[]> {
    const { jobs } = await this.#queue.list({ kinds: ['pull'], limit: 1000 });
    return jobs.map((job) => this.#pull(job));
  }

  /** @throws UserError `pull.unknown` */
  async get(id: string): Promise<Pull> {
    return this.#pull(await this.#job(id));
  }

  /** Stops fetching and keeps what is there. */
  async pause(id: string): Promise<Pull> {
    const { state } = await this.#job(id);
    if (state !== 'queued' && state !== 'running') return await this.get(id);
    await this.#options.jobs.pause(id);
    return this.#pull((await this.#options.jobs.settled(id)) as PullJob);
  }

  /** Goes on with a held, failed or cancelled pull. @throws UserError `pull.state` */
  async resume(id: string): Promise<Pull> {
    const { state } = await this.#job(id);
    if (state === 'paused') await this.#queue.resumeJobs({ id });
    else if (state === 'failed' || state === 'cancelled') await this.#queue.retry(id);
    else throw wrongState(id, state, 'resumed');
    return await this.get(id);
  }

  /** Stops fetching and removes what has been fetched. */
  async cancel(id: string): Promise<Pull> {
    await this.#job(id);
    await this.#options.jobs.cancel(id);
    return this.#pull((await this.#options.jobs.settled(id)) as PullJob);
  }

  /** Forgets an ended pull; the model stays. @throws UserError `pull.state` */
  async remove(id: string): Promise<void> {
    const { state } = await this.#job(id);
    if ((await this.#options.jobs.clear({ id })) === 0) throw wrongState(id, state, 'removed');
  }

  /** The pull once it has ended, one way or another (held counts). */
  async wait(id: string): Promise<Pull> {
    return this.#pull((await this.#options.jobs.settled((await this.#job(id)).id)) as PullJob);
  }

  /** Tells of a job's events what they mean for pulls. */
  follow<E extends keyof (QueueEvents & ProgressEvents)>(type: E, data: (QueueEvents & ProgressEvents)[E]): void {
    const { emit } = this.#options;
    const job = data as Partial<PullJob>;
    if ((type === 'job.added' || type === 'job.changed') && job.kind === 'pull') {
      emit('pull.changed', this.#pull(job as PullJob));
    } else if (type === 'job.removed' && job.kind === 'pull') emit('pull.removed', { id: job.id! });
    else if (type === 'job.progress' && (data as ProgressEvents['job.progress']).kind === 'pull') {
      void this.get(job.id!).then(
        (pull) => emit('pull.progress', pull, { keep: false }),
        () => {},
      );
    }
  }

  get #queue(): JobQueue {
    return this.#options.jobs.queue;
  }

  async #job(id: string): Promise<PullJob> {
    const job = await this.#queue.get(id);
    if (job?.kind !== 'pull') throw new UserError('pull.unknown', `There is no pull ${id}.`);
    return job;
  }

  #pull({ id, state, request, result, error, createdAt, finishedAt, total, delivered }: PullJob): Pull {
    const { source } = request;
    const { progress } = this.#options;
    const live = state === 'running' ? progress.get(id) : undefined;
    const { title = source, files = [] } = (result ?? {}) as Partial<PullResult>;
    return {
      id,
      source,
      title,
      state,
      files: (live && progress.files(id)) ?? files,
      done: live?.step ?? delivered,
      total: total > 0 ? total : undefined,
      speed: live?.speed,
      eta: live?.eta,
      error,
      createdAt,
      finishedAt,
    } as Pull;
  }
}

function wrongState(id: string, state: string, verb: string): UserError {
  return new UserError('pull.state', `Pull ${id} is ${state} and cannot be ${verb}.`);
}
