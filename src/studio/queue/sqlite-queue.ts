/**
 * The job queue in the studio's database. Every change is one transaction; events go out after it.
 *
 * Left out: several processes taking from one database (that is what another JobQueue implementation is for).
 */

import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import {
  endStates,
  type Job,
  type JobFilter,
  type JobListOptions,
  type JobOutcome,
  type JobPage,
  type JobQueue,
  type JobState,
  jobStates,
  type NewJob,
  type Place,
  type QueueEvents,
  type QueueState,
} from './job.ts';
import { type JobRow, toJob, whereJobs } from './job-row.ts';
import { readPause, writePause } from './pause.ts';

export interface SqliteQueueOptions {
  /** Times the studio may die under a job before it is given up; default 3. */
  readonly maxInterruptions?: number;
}

export class SqliteJobQueue implements JobQueue {
  readonly #db: Database;
  readonly #emit: Emit<QueueEvents>;
  readonly #maxInterruptions: number;
  readonly #ready = new Set<() => void>();

  constructor(db: Database, emit: Emit<QueueEvents>, options: SqliteQueueOptions = {}) {
    this.#db = db;
    this.#emit = emit;
    this.#maxInterruptions = options.maxInterruptions ?? 3;
  }

  /**
   * After a start: jobs that ran when the studio died wait again, or end if they had delivered everything, had been
   * cancelled, or were interrupted too often.
   * @param delivered pictures of a job that are in the gallery
   */
  recover(delivered: (id: string) => number): void {
    this.#db.transaction(() => {
      for (const row of this.#db.all<JobRow>("SELECT * FROM jobs WHERE state = 'running'")) {
        const count = delivered(row.id);
        const interruptions = row.interruptions + 1;
        this.#db.run('UPDATE jobs SET delivered = ?, interruptions = ? WHERE id = ?', [count, interruptions, row.id]);
        if (count >= row.total) this.#end(row.id, 'done');
        else if (row.cancel_requested) this.#end(row.id, 'cancelled');
        else if (interruptions >= this.#maxInterruptions) {
          const message = `Darkroom stopped ${interruptions} times while this job ran; it is not tried again by itself.`;
          this.#end(row.id, 'failed', { code: 'job.interrupted', message });
        } else this.#db.run("UPDATE jobs SET state = 'queued' WHERE id = ?", [row.id]);
      }
    });
  }

  async add(jobs: readonly NewJob[]): Promise<readonly Job[]> {
    const ids = this.#db.transaction(() => {
      let position = this.#edge('max') + 1;
      return jobs.map((job) => this.#insert(job, position++));
    });
    const added = ids.map((id) => this.#require(id));
    for (const job of added) this.#emit('job.added', job, { user: job.user });
    this.#announce();
    return added;
  }

  async get(id: string): Promise<Job | undefined> {
    const row = this.#row(id);
    return row && toJob(row);
  }

  async list(options: JobListOptions = {}): Promise<JobPage> {
    const limit = Math.max(1, Math.min(options.limit ?? 100, 1000));
    return options.order === 'next' ? this.#listNext(options, limit) : this.#listRecent(options, limit);
  }

  async state(): Promise<QueueState> {
    return this.#state();
  }

  async pause(reason?: string): Promise<void> {
    writePause(this.#db, { paused: true, ...(reason === undefined ? {} : { reason }) });
    this.#announceState();
  }

  async resume(): Promise<void> {
    writePause(this.#db, { paused: false });
    this.#announce();
  }

  async pauseJobs(filter: JobFilter & { readonly id?: string }): Promise<readonly Job[]> {
    return this.#switch(filter, 'queued', 'paused');
  }

  async resumeJobs(filter: JobFilter & { readonly id?: string }): Promise<readonly Job[]> {
    return this.#switch(filter, 'paused', 'queued');
  }

  async move(id: string, place: Place): Promise<Job> {
    this.#db.transaction(() => {
      this.#requireState(id, ['queued', 'paused'], 'moved');
      this.#db.run('UPDATE jobs SET position = ? WHERE id = ?', [this.#positionAt(id, place), id]);
    });
    return this.#changed(id);
  }

  async setPriority(id: string, priority: number): Promise<Job> {
    this.#requireState(id, ['queued', 'paused'], 'given a priority');
    this.#db.run('UPDATE jobs SET priority = ? WHERE id = ?', [priority, id]);
    return this.#changed(id);
  }

  async retry(id: string): Promise<Job> {
    this.#db.transaction(() => {
      this.#requireState(id, ['failed', 'cancelled'], 'retried');
      this.#db.run(
        `UPDATE jobs SET state = 'queued', position = ?, interruptions = 0, cancel_requested = 0, error_code = NULL,
         error_message = NULL, started_at = NULL, finished_at = NULL WHERE id = ?`,
        [this.#edge('max') + 1, id],
      );
    });
    const job = this.#changed(id);
    this.#announce();
    return job;
  }

  async cancel(id: string, hard = false): Promise<Job> {
    const job = this.#require(id);
    const level = hard ? 2 : 1;
    if (job.state === 'running')
      this.#db.run('UPDATE jobs SET cancel_requested = max(cancel_requested, ?) WHERE id = ?', [level, id]);
    else if (job.state === 'queued' || job.state === 'paused') this.#end(id, 'cancelled');
    else return job;
    return this.#changed(id);
  }

  async clear(filter: JobFilter = {}): Promise<readonly Job[]> {
    const states = (filter.states ?? endStates).filter((state) => (endStates as readonly JobState[]).includes(state));
    const { sql, params } = whereJobs({ ...filter, states });
    const removed = this.#db.transaction(() => {
      const rows = this.#db.all<JobRow>(`SELECT * FROM jobs WHERE ${sql}`, params);
      this.#db.run(`DELETE FROM jobs WHERE ${sql}`, params);
      return rows.map(toJob);
    });
    for (const job of removed) this.#emit('job.removed', { id: job.id }, { user: job.user });
    this.#announceState();
    return removed;
  }

  async take(): Promise<Job | undefined> {
    const id = this.#db.transaction(() => {
      if (readPause(this.#db).paused) return undefined;
      const next = this.#db.get<{ id: string; user: string }>(
        `SELECT jobs.id, jobs.user FROM jobs LEFT JOIN turns ON turns.user = jobs.user
         WHERE state = 'queued' AND priority = (SELECT max(priority) FROM jobs WHERE state = 'queued')
         ORDER BY coalesce(turn, 0), position, jobs.id LIMIT 1`,
      );
      if (!next) return undefined;
      this.#db.run(
        `INSERT INTO turns (user, turn) VALUES (?1, (SELECT coalesce(max(turn), 0) + 1 FROM turns))
         ON CONFLICT (user) DO UPDATE SET turn = excluded.turn`,
        [next.user],
      );
      this.#db.run("UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ? WHERE id = ?", [
        Date.now(),
        next.id,
      ]);
      return next.id;
    });
    return id === undefined ? undefined : this.#changed(id);
  }

  async delivered(id: string, count: number): Promise<void> {
    this.#db.run('UPDATE jobs SET delivered = ? WHERE id = ?', [count, id]);
    this.#changed(id);
  }

  async warn(id: string, message: string): Promise<void> {
    this.#db.run("UPDATE jobs SET warnings = json_insert(warnings, '$[#]', ?) WHERE id = ?", [message, id]);
    this.#changed(id);
  }

  async finish(id: string, outcome: JobOutcome): Promise<Job> {
    this.#db.transaction(() => {
      this.#requireState(id, ['running'], 'finished');
      if (outcome.state === 'requeue') this.#db.run("UPDATE jobs SET state = 'queued' WHERE id = ?", [id]);
      else this.#end(id, outcome.state, outcome.state === 'failed' ? outcome.error : undefined);
    });
    const job = this.#changed(id);
    this.#announce();
    return job;
  }

  /** Running jobs that are to stop, and whether in the middle of their step. */
  cancelling(): { readonly id: string; readonly hard: boolean }[] {
    return this.#db
      .all<{ id: string; level: number }>(
        "SELECT id, cancel_requested AS level FROM jobs WHERE state = 'running' AND cancel_requested > 0",
      )
      .map(({ id, level }) => ({ id, hard: level === 2 }));
  }

  /** Another process changed the jobs: tells those who wait for one. */
  changedOutside(): void {
    this.#announce();
  }

  onReady(listener: () => void): () => void {
    this.#ready.add(listener);
    return () => this.#ready.delete(listener);
  }

  #insert(job: NewJob, position: number): string {
    const id = job.id ?? newId();
    if (this.#row(id)) throw new UserError('job.duplicate', `There is a job ${id} already.`);
    this.#db.run(
      `INSERT INTO jobs (id, user, batch, label, state, priority, position, request, inputs, total, warnings,
         created_at)
       VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)`,
      [
        id,
        job.user,
        job.batch,
        job.label,
        job.priority ?? 0,
        position,
        JSON.stringify(job.request),
        JSON.stringify(job.inputs ?? {}),
        job.total,
        JSON.stringify(job.warnings ?? []),
        Date.now(),
      ],
    );
    return id;
  }

  #listRecent(options: JobListOptions, limit: number): JobPage {
    const { sql, params } = whereJobs(options);
    const rows = this.#db.all<JobRow>(
      `SELECT * FROM jobs WHERE ${sql} AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?`,
      [...params, options.cursor, options.cursor, limit + 1],
    );
    const jobs = rows.slice(0, limit).map(toJob);
    return rows.length > limit ? { jobs, cursor: jobs.at(-1)!.id } : { jobs };
  }

  /** In the order of taking: by priority, then one job of each user in turn. */
  #listNext(options: JobListOptions, limit: number): JobPage {
    const { sql, params } = whereJobs(options);
    const offset = Number(options.cursor ?? 0) || 0;
    const rows = this.#db.all<JobRow>(
      `SELECT * FROM (
         SELECT jobs.*, coalesce(turn, 0) AS turn,
           row_number() OVER (PARTITION BY priority, jobs.user ORDER BY position, jobs.id) AS round
         FROM jobs LEFT JOIN turns ON turns.user = jobs.user WHERE state IN ('queued', 'paused')
       ) WHERE ${sql} ORDER BY priority DESC, round, turn, position, id LIMIT ? OFFSET ?`,
      [...params, limit + 1, offset],
    );
    const jobs = rows.slice(0, limit).map(toJob);
    return rows.length > limit ? { jobs, cursor: String(offset + limit) } : { jobs };
  }

  #switch(filter: JobFilter & { readonly id?: string }, from: JobState, to: JobState): readonly Job[] {
    const { sql, params } = whereJobs(filter);
    const ids = this.#db.transaction(() => {
      const rows = this.#db.all<{ id: string }>(`SELECT id FROM jobs WHERE state = ? AND ${sql}`, [from, ...params]);
      this.#db.run(`UPDATE jobs SET state = ? WHERE state = ? AND ${sql}`, [to, from, ...params]);
      return rows.map((row) => row.id);
    });
    const jobs = ids.map((id) => this.#changed(id));
    this.#announce();
    return jobs;
  }

  #positionAt(id: string, place: Place): number {
    if (place === 'front') return this.#edge('min') - 1;
    if (place === 'back') return this.#edge('max') + 1;
    const before = 'before' in place;
    const neighbour = this.#require(before ? place.before : place.after).position;
    const beyond = this.#db.get<{ position: number | null }>(
      `SELECT ${before ? 'max' : 'min'}(position) AS position FROM jobs
       WHERE position ${before ? '<' : '>'} ? AND state IN ('queued', 'paused') AND id <> ?`,
      [neighbour, id],
    )!.position;
    if (beyond === null) return neighbour + (before ? -1 : 1);
    const middle = (neighbour + beyond) / 2;
    if (middle !== neighbour && middle !== beyond) return middle;
    this.#renumber();
    return this.#positionAt(id, place);
  }

  /** Whole numbers again, once halving has used up the digits between two neighbours. */
  #renumber(): void {
    this.#db.run(
      `UPDATE jobs SET position = ranked.place FROM
         (SELECT id, row_number() OVER (ORDER BY position, id) AS place FROM jobs) AS ranked
       WHERE ranked.id = jobs.id`,
    );
  }

  #edge(side: 'min' | 'max'): number {
    return this.#db.get<{ edge: number }>(`SELECT coalesce(${side}(position), 0) AS edge FROM jobs`)!.edge;
  }

  #end(id: string, state: 'done' | 'failed' | 'cancelled', error?: { code: string; message: string }): void {
    this.#db.run('UPDATE jobs SET state = ?, finished_at = ?, error_code = ?, error_message = ? WHERE id = ?', [
      state,
      Date.now(),
      error?.code,
      error?.message,
      id,
    ]);
  }

  #row(id: string): JobRow | undefined {
    return this.#db.get<JobRow>('SELECT * FROM jobs WHERE id = ?', [id]);
  }

  #require(id: string): Job {
    const row = this.#row(id);
    if (!row) throw new UserError('job.unknown', `There is no job ${id}.`);
    return toJob(row);
  }

  #requireState(id: string, states: readonly JobState[], verb: string): void {
    const job = this.#require(id);
    if (!states.includes(job.state)) {
      const wanted = states.join(' or ');
      throw new UserError('job.state', `Job ${id} is ${job.state}; only ${wanted} jobs can be ${verb}.`);
    }
  }

  #changed(id: string): Job {
    const job = this.#require(id);
    this.#emit('job.changed', job, { user: job.user });
    return job;
  }

  #state(): QueueState {
    const counts = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>;
    const rows = this.#db.all<{ state: JobState; n: number }>('SELECT state, count(*) AS n FROM jobs GROUP BY state');
    for (const { state, n } of rows) counts[state] = n;
    return { ...readPause(this.#db), counts };
  }

  #announceState(): void {
    this.#emit('queue', this.#state());
  }

  #announce(): void {
    this.#announceState();
    for (const listener of this.#ready) listener();
  }
}
