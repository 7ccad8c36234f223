/** What a job is, and the interface of everything that can queue jobs. */

import type { GenerateRequest } from '#pipelines/request';

export const jobStates = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** States in which a job will not change by itself any more. */
export const endStates = ['done', 'failed', 'cancelled'] as const satisfies readonly JobState[];

/** A request as it is stored: seeds drawn, pictures kept as files (see `inputs`). */
export type StoredRequest = Omit<GenerateRequest, 'init' | 'mask'>;

export interface JobError {
  /** Stable name of the kind of error, e.g. `engine.crashed`, `disk-full`. */
  readonly code: string;
  readonly message: string;
}

export interface Job {
  readonly id: string;
  readonly user: string;
  /** Jobs submitted together share it. */
  readonly batch?: string;
  readonly label?: string;
  readonly state: JobState;
  /** Higher goes first. */
  readonly priority: number;
  /** Order among the jobs of one user and priority, lowest first. */
  readonly position: number;
  readonly request: StoredRequest;
  /** Picture inputs by role: files below the data folder. */
  readonly inputs: JobInputs;
  /** Pictures asked for. */
  readonly total: number;
  /** Pictures finished and in the gallery. */
  readonly delivered: number;
  /** Times it was started. */
  readonly attempts: number;
  /** Times the studio itself died while it ran. */
  readonly interruptions: number;
  /** Running, and asked to stop. */
  readonly cancelRequested: boolean;
  readonly warnings: readonly string[];
  readonly error?: JobError;
  /** Milliseconds since 1970, all three. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
}

export interface JobInputs {
  readonly init?: string;
  readonly mask?: string;
}

export interface NewJob {
  /** Chosen by the caller when files have been written under it already. */
  readonly id?: string;
  readonly user: string;
  readonly batch?: string;
  readonly label?: string;
  readonly priority?: number;
  readonly request: StoredRequest;
  readonly inputs?: JobInputs;
  readonly total: number;
  /** Known before it runs. */
  readonly warnings?: readonly string[];
}

export interface JobFilter {
  readonly user?: string;
  readonly states?: readonly JobState[];
  readonly batch?: string;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Give it as `cursor` for the next page; absent on the last. */
  readonly cursor?: string;
}

export interface JobListOptions extends JobFilter {
  /** `next`: in the order they will run (waiting jobs); `recent`: newest first. Default `recent`. */
  readonly order?: 'next' | 'recent';
  /** At most 1,000; default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}

/** Where a waiting job goes among its owner's jobs of the same priority. */
export type Place = 'front' | 'back' | { readonly before: string } | { readonly after: string };

export interface QueueState {
  readonly paused: boolean;
  /** Why, when the queue paused itself (a full disk). */
  readonly reason?: string;
  readonly counts: Readonly<Record<JobState, number>>;
}

export interface QueueEvents {
  'job.added': Job;
  'job.changed': Job;
  'job.removed': { readonly id: string };
  queue: QueueState;
}

/**
 * A durable queue of jobs. Asynchronous, so that it can live in another process or on another machine. What is
 * promised is on disk when the promise resolves.
 *
 * Fair share: among waiting jobs of the highest priority the user who was served longest ago is next.
 */
export interface JobQueue {
  /** All of them or none. @throws UserError `job.duplicate` */
  add(jobs: readonly NewJob[]): Promise<readonly Job[]>;
  get(id: string): Promise<Job | undefined>;
  list(options?: JobListOptions): Promise<JobPage>;
  state(): Promise<QueueState>;

  /** Nothing more is taken until `resume`; running jobs go on. */
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;

  /** Keeps waiting jobs from being taken, and lets them go again. Jobs in other states are left alone. */
  pauseJobs(filter: JobFilter & { readonly id?: string }): Promise<readonly Job[]>;
  resumeJobs(filter: JobFilter & { readonly id?: string }): Promise<readonly Job[]>;
  /** Waiting jobs only; @throws UserError `job.state` */
  move(id: string, place: Place): Promise<Job>;
  setPriority(id: string, priority: number): Promise<Job>;
  /** Failed and cancelled jobs wait again; pictures already delivered are not made twice. @throws UserError `job.state` */
  retry(id: string): Promise<Job>;
  /** Ends waiting jobs, and marks running ones (whoever runs them must stop). Ended jobs are returned as they are. */
  cancel(id: string): Promise<Job>;
  /** Forgets jobs in the given end states (default all three). Returns what was removed. */
  clear(filter?: JobFilter): Promise<readonly Job[]>;

  /** The next job, now `running`; undefined when none may run. */
  take(): Promise<Job | undefined>;
  /** One more picture is in the gallery. */
  delivered(id: string, count: number): Promise<void>;
  warn(id: string, message: string): Promise<void>;
  /** Ends a running job. `requeue` puts it back at the front of its user's line. */
  finish(id: string, outcome: JobOutcome): Promise<Job>;
  /** Calls `listener` when a job may be ready to take. */
  onReady(listener: () => void): () => void;
}

export type JobOutcome =
  | { readonly state: 'done' }
  | { readonly state: 'cancelled' }
  | { readonly state: 'failed'; readonly error: JobError }
  | { readonly state: 'requeue' };
