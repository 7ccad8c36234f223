/** The interface of everything that can queue jobs. What a job is stands in `#api/records/job`. */

import type { InputRole, Job, JobError, JobRequests, QueueState } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import type { JobState } from '#api/records/job-state';

export type PictureJob = Job<'picture'>;

/** A request as it is stored: seeds drawn, pictures kept as files (see the job's `inputs`). */
export type StoredRequest = JobRequests['picture'];

export type NewJob = {
  [K in JobKind]: {
    /** Chosen by the caller when files have been written under it already. */
    readonly id?: string;
    readonly kind: K;
    readonly user: string;
    readonly batch?: string;
    readonly label?: string;
    readonly priority?: number;
    readonly request: JobRequests[K];
    readonly inputs?: readonly InputRole[];
    readonly total: number;
    /** Known before it runs. */
    readonly warnings?: readonly string[];
  };
}[JobKind];

export interface JobFilter<K extends JobKind = JobKind> {
  readonly id?: string;
  /** Default: all. */
  readonly kinds?: readonly K[];
  readonly user?: string;
  readonly states?: readonly JobState[];
  readonly batch?: string;
}

export interface JobPage<K extends JobKind = JobKind> {
  readonly jobs: readonly Job<K>[];
  /** Give it as `cursor` for the next page; absent on the last. */
  readonly cursor?: string;
}

export interface JobListOptions<K extends JobKind = JobKind> extends JobFilter<K> {
  /** `next`: in the order they will run (waiting jobs); `recent`: newest first. Default `recent`. */
  readonly order?: 'next' | 'recent';
  /** At most 1,000; default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}

/** Where a waiting job goes among its owner's jobs of the same priority. */
export type Place = 'front' | 'back' | { readonly before: string } | { readonly after: string };

/** What is left to do of a job that was forgotten. */
export type RemovedJob = Pick<Job, 'id' | 'kind' | 'user' | 'inputs'>;

export interface QueueEvents {
  'job.added': Job;
  'job.changed': Job;
  'job.removed': { readonly id: string; readonly kind: JobKind };
  queue: QueueState;
}

/** How a running job is to stop: to go on later, to end after its step, or in the middle of it. */
export const stops = ['pause', 'cancel', 'kill'] as const;
export type Stop = (typeof stops)[number];

export type JobOutcome =
  | { readonly state: 'done'; readonly result?: Job['result'] }
  | { readonly state: 'cancelled' }
  | { readonly state: 'failed'; readonly error: JobError }
  | { readonly state: 'paused' }
  /** Back to the front of its user's line. */
  | { readonly state: 'requeue' };

/** What is known of a running job while it runs. */
export interface JobReport {
  readonly total?: number;
  readonly delivered?: number;
  readonly label?: string;
  readonly result?: Job['result'];
}

/**
 * A durable queue of jobs. Asynchronous, so that it can live in another process or on another machine. What is
 * promised is on disk when the promise resolves.
 *
 * Fair share: among waiting jobs of a kind and of the highest priority the user who was served longest ago is next.
 */
export interface JobQueue {
  /** All of them or none. @throws UserError `job.duplicate` */
  add(jobs: readonly NewJob[]): Promise<readonly Job[]>;
  get(id: string): Promise<Job | undefined>;
  /** Of all jobs that a filter fits, oldest first. */
  ids(filter: JobFilter): Promise<readonly string[]>;
  /** A page is shorter than its limit where jobs are long. @throws UserError `page.cursor` */
  list<K extends JobKind>(options?: JobListOptions<K>): Promise<JobPage<K>>;
  state(): Promise<QueueState>;

  /** Nothing more is taken of the kinds that a pause holds until `resume`; running jobs go on. */
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;

  /** Keeps waiting jobs from being taken, and lets them go again. Jobs in other states are left alone. */
  pauseJobs(filter: JobFilter): Promise<readonly Job[]>;
  resumeJobs(filter: JobFilter): Promise<readonly Job[]>;
  /** Waiting jobs only; @throws UserError `job.state` */
  move(id: string, place: Place): Promise<Job>;
  setPriority(id: string, priority: number): Promise<Job>;
  /** Failed and cancelled jobs wait again; what was delivered is not made twice. @throws UserError `job.state` */
  retry(id: string): Promise<Job>;
  /** Ends waiting jobs, and marks running ones (whoever runs them must stop). Ended jobs are returned as they are. */
  cancel(id: string, hard?: boolean): Promise<Job>;
  /** Holds a waiting job, and marks a running one. @throws UserError `job.state` */
  hold(id: string): Promise<Job>;
  /** Forgets jobs in the given end states (default all three). Returns what was removed. */
  clear(filter?: JobFilter): Promise<readonly RemovedJob[]>;

  /** The next job of a kind, now `running`; undefined when none may run. */
  take<K extends JobKind>(kind: K): Promise<Job<K> | undefined>;
  report(id: string, report: JobReport): Promise<void>;
  warn(id: string, message: string): Promise<void>;
  /** Ends a running job, or lets it wait. */
  finish(id: string, outcome: JobOutcome): Promise<Job>;
  /** Calls `listener` when a job may be ready to take. */
  onReady(listener: () => void): () => void;
}
