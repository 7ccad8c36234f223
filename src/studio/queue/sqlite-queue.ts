/**
 * The job queue in the studio's database. Every change is one transaction; events go out after it.
 *
 * Left out: several processes taking from one database (that is what another JobQueue implementation is for).
 */

import { z } from 'zod';
import { type Job, jobSchema, type QueueState } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import { endStates, type JobState, jobStates } from '#api/records/job-state';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import { inTurns, longTurn, nextTurn } from '../events/next-turn.ts';
import { weightOf } from '../events/weight.ts';
import type { Database } from '../store/database.ts';
import { followId, newId } from '../store/id.ts';
import { patiently } from '../store/patience.ts';
import { allOf, type Condition, equals, heaviestPage, oneOf, Table } from '../store/table.ts';
import { heldKinds, kindRules } from '../work/kinds.ts';
import {
  type JobFilter,
  type JobListOptions,
  type JobOutcome,
  type JobPage,
  type JobQueue,
  type JobReport,
  type NewJob,
  type Place,
  type QueueEvents,
  type RemovedJob,
  type Stop,
  stops,
} from './job.ts';
import { readPause, writePause } from './pause.ts';
import { unknownJob } from './unknown-job.ts';

/** How a running job was asked to stop is kept, so that a restart does not let it go on. */
const storedSchema = jobSchema.omit({ cancelRequested: true }).extend({ stop: z.enum(stops).optional() });
type StoredJob = z.output<typeof storedSchema>;

/** Of one job: each is told again with every change of it. */
const mostWarnings = 200;
const furtherWarnings = `Further warnings than these ${mostWarnings} were left out.`;

/** Written or removed at once: so many, and of this weight in all. */
const fewJobs = 25;
const lightJobs = 2 ** 18;

export class SqliteJobQueue implements JobQueue {
  readonly #db: Database;
  readonly #table: Table<typeof storedSchema>;
  /** Of this connection alone and gone with it: many jobs are put here in turns, and move over together. */
  readonly #staged: Table<typeof storedSchema>;
  readonly #emit: Emit<QueueEvents>;
  readonly #ready = new Set<() => void>();

  constructor(db: Database, emit: Emit<QueueEvents>) {
    this.#db = db;
    this.#table = new Table(db, 'jobs', storedSchema);
    db.exec('CREATE TEMP TABLE IF NOT EXISTS staged_jobs AS SELECT * FROM jobs WHERE 0');
    this.#staged = new Table(db, 'staged_jobs', storedSchema);
    this.#emit = emit;
    followId(db.get<{ id: string | null }>('SELECT max(id) AS id FROM jobs')?.id ?? '');
  }

  /**
   * After a start: jobs that ran when the studio died wait again, or end if they had delivered everything, had been
   * cancelled, or were interrupted too often.
   * @param delivered what of a job is there
   */
  recover(delivered: (job: Job) => number): void {
    this.#db.transaction(() => {
      for (const stored of this.#table.all(equals('state', 'running'))) {
        const count = delivered(toJob(stored));
        const interruptions = stored.interruptions + 1;
        this.#table.update(stored.id, { delivered: count, interruptions });
        if (stored.total > 0 && count >= stored.total) this.#end(stored.id, { state: 'done', result: stored.result });
        else if (stored.stop === 'pause') this.#table.update(stored.id, { state: 'paused', stop: undefined });
        else if (stored.stop) this.#end(stored.id, { state: 'cancelled' });
        else if (interruptions >= kindRules[stored.kind].maxInterruptions) {
          const message = `Darkroom stopped ${interruptions} times while this job ran; it is not tried again by itself.`;
          this.#end(stored.id, { state: 'failed', error: { code: 'job.interrupted', message } });
        } else this.#table.update(stored.id, { state: 'queued' });
      }
    });
  }

  async add(jobs: readonly NewJob[]): Promise<readonly Job[]> {
    const isLong = jobs.length > fewJobs || weightOf(jobs, lightJobs) > lightJobs;
    const ids = isLong ? await this.#addInTurns(jobs) : await this.#addAtOnce(jobs);
    await nextTurn();
    const added: Job[] = [];
    for await (const id of inTurns(ids)) {
      const job = this.#require(id);
      this.#emit('job.added', job, { user: job.user });
      added.push(job);
    }
    this.#announce();
    return added;
  }

  async #addAtOnce(jobs: readonly NewJob[]): Promise<string[]> {
    return await this.#write(() => {
      let position = this.#edge('max') + 1;
      return jobs.map((job) => this.#insert(job, position++));
    });
  }

  /** All of them or none, though others come in between: the last step is one statement. */
  async #addInTurns(jobs: readonly NewJob[]): Promise<string[]> {
    const ids: string[] = [];
    try {
      while (ids.length < jobs.length) {
        await this.#write(() => {
          const until = performance.now() + longTurn;
          const end = Math.min(jobs.length, ids.length + fewJobs);
          do ids.push(this.#insert(jobs[ids.length]!, ids.length, this.#staged));
          while (ids.length < end && performance.now() < until);
        });
        await nextTurn();
      }
      const { sql, params } = oneOf('id', ids)!;
      await this.#write(() => {
        this.#db.run(`UPDATE staged_jobs SET position = position + ? WHERE ${sql}`, [this.#edge('max') + 1, ...params]);
        this.#db.run(`INSERT INTO jobs SELECT * FROM staged_jobs WHERE ${sql}`, params);
      });
      return ids;
    } finally {
      await this.#write(() => this.#staged.delete(oneOf('id', ids)!));
    }
  }

  async get(id: string): Promise<Job | undefined> {
    const stored = this.#table.get(id);
    return stored && toJob(stored);
  }

  async list<K extends JobKind = JobKind>(options: JobListOptions<K> = {}): Promise<JobPage<K>> {
    const limit = Math.max(1, Math.min(options.limit ?? 100, 1000));
    const page = options.order === 'next' ? this.#listNext(options, limit) : this.#listRecent(options, limit);
    return (await page) as JobPage<K>;
  }

  async ids(filter: JobFilter): Promise<readonly string[]> {
    return await this.#ids(whereJobs(filter));
  }

  async #ids({ sql, params }: Condition): Promise<string[]> {
    const whole = `SELECT id FROM jobs WHERE ${sql} ORDER BY id`;
    const rows = await (this.#table.isLong() ? this.#db.allElsewhere(whole, params) : this.#db.all(whole, params));
    return rows.map(({ id }) => String(id));
  }

  async #listRecent(options: JobListOptions, limit: number): Promise<JobPage> {
    const order = { by: ['id'], direction: 'DESC' } as const;
    const where = whereJobs(options);
    const mayTakeLong = this.#table.isLong();
    const page = await this.#table.pageInTurns({ where, order, limit, cursor: options.cursor, mayTakeLong });
    return { jobs: page.records.map(toJob), cursor: page.cursor };
  }

  /** How many jobs wait or are held, of everybody or of one account. */
  waiting(user?: string): number {
    const { sql, params } = oneOf('kind', heldKinds)!;
    const own = user === undefined ? '' : ' AND user = ?';
    const row = this.#db.get<{ n: number }>(
      `SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'paused') AND ${sql}${own}`,
      [...params, ...(user === undefined ? [] : [user])],
    );
    return row!.n;
  }

  async state(): Promise<QueueState> {
    return this.#state();
  }

  async pause(reason?: string): Promise<void> {
    await this.#write(() => writePause(this.#db, { paused: true, reason }));
    this.#announceState();
  }

  async resume(): Promise<void> {
    await this.#write(() => writePause(this.#db, { paused: false }));
    this.#announce();
  }

  async pauseJobs(filter: JobFilter): Promise<readonly Job[]> {
    return await this.#switch(filter, 'queued', 'paused');
  }

  async resumeJobs(filter: JobFilter): Promise<readonly Job[]> {
    return await this.#switch(filter, 'paused', 'queued');
  }

  async move(id: string, place: Place): Promise<Job> {
    await this.#write(() => {
      this.#requireState(id, ['queued', 'paused'], 'moved');
      this.#table.update(id, { position: this.#positionAt(id, place) });
    });
    return this.#changed(id);
  }

  async setPriority(id: string, priority: number): Promise<Job> {
    await this.#write(() => {
      this.#requireState(id, ['queued', 'paused'], 'given a priority');
      this.#table.update(id, { priority });
    });
    return this.#changed(id);
  }

  async retry(id: string): Promise<Job> {
    await this.#write(() => {
      this.#requireState(id, ['failed', 'cancelled'], 'retried');
      const fresh = {
        interruptions: 0,
        stop: undefined,
        error: undefined,
        startedAt: undefined,
        finishedAt: undefined,
      };
      this.#table.update(id, { ...fresh, state: 'queued', position: this.#edge('max') + 1 });
    });
    const job = this.#changed(id);
    this.#announce();
    return job;
  }

  async cancel(id: string, hard = false): Promise<Job> {
    const isOpen = await this.#write(() => {
      const job = this.#require(id);
      if (job.state === 'running') {
        const already = this.#table.get(id)?.stop;
        this.#table.update(id, { stop: hard || already === 'kill' ? 'kill' : 'cancel' });
      } else if (job.state === 'queued' || job.state === 'paused') this.#end(id, { state: 'cancelled' });
      else return false;
      return true;
    });
    return isOpen ? this.#changed(id) : this.#require(id);
  }

  async hold(id: string): Promise<Job> {
    this.#requireState(id, ['queued', 'running'], 'paused');
    if (this.#require(id).state === 'queued') return (await this.pauseJobs({ id }))[0]!;
    await this.#write(() => {
      if (this.#table.get(id)?.stop === undefined) this.#table.update(id, { stop: 'pause' });
    });
    return this.#changed(id);
  }

  async clear(filter: JobFilter = {}): Promise<readonly RemovedJob[]> {
    const states = (filter.states ?? endStates).filter((state) => (endStates as readonly JobState[]).includes(state));
    const where = whereJobs({ ...filter, states });
    const ids = await this.#ids(where);
    const removed: RemovedJob[] = [];
    for (let taken = 0; taken < ids.length; ) {
      const gone = await this.#write(() => this.#removeSome(ids.slice(taken), where));
      for (const { job } of gone)
        if (job) this.#emit('job.removed', { id: job.id, kind: job.kind }, { user: job.user });
      removed.push(...gone.flatMap(({ job }) => job ?? []));
      taken += gone.length;
      await nextTurn();
    }
    this.#announceState();
    return removed;
  }

  /** As many of the first as are soon removed, those that are none any more among them. */
  #removeSome(ids: readonly string[], where: Condition): { readonly job: RemovedJob | undefined }[] {
    const until = performance.now() + longTurn;
    const gone: { readonly job: RemovedJob | undefined }[] = [];
    for (const id of ids.slice(0, fewJobs)) {
      const it = allOf([where, equals('id', id)]);
      // Not the whole of it, which may be long.
      const row = this.#db.get(`SELECT id, kind, user, inputs FROM jobs WHERE ${it.sql}`, it.params);
      this.#table.delete(it);
      gone.push({ job: row && this.#table.decode(row) });
      if (performance.now() > until) break;
    }
    return gone;
  }

  async take<K extends JobKind>(kind: K): Promise<Job<K> | undefined> {
    const id = await this.#write(() => {
      if (kindRules[kind].isHeld && readPause(this.#db).paused) return undefined;
      const next = this.#db.get<{ id: string; user: string }>(
        `SELECT jobs.id, jobs.user FROM jobs LEFT JOIN turns ON turns.user = jobs.user AND turns.kind = jobs.kind
         WHERE state = 'queued' AND jobs.kind = ?1
           AND priority = (SELECT max(priority) FROM jobs WHERE state = 'queued' AND kind = ?1)
         ORDER BY coalesce(turn, 0), position, jobs.id LIMIT 1`,
        [kind],
      );
      if (!next) return undefined;
      this.#db.run(
        `INSERT INTO turns (kind, user, turn) VALUES (?1, ?2, (SELECT coalesce(max(turn), 0) + 1 FROM turns))
         ON CONFLICT (kind, user) DO UPDATE SET turn = excluded.turn`,
        [kind, next.user],
      );
      this.#db.run('UPDATE jobs SET attempts = attempts + 1 WHERE id = ?', [next.id]);
      this.#table.update(next.id, { state: 'running', startedAt: Date.now() });
      return next.id;
    });
    return id === undefined ? undefined : (this.#changed(id) as Job<K>);
  }

  async report(id: string, report: JobReport): Promise<void> {
    await this.#write(() => this.#table.update(id, report));
    this.#changed(id);
  }

  async warn(id: string, message: string): Promise<void> {
    await this.#write(() => {
      const { warnings } = this.#require(id);
      if (warnings.length < mostWarnings) this.#table.update(id, { warnings: [...warnings, message] });
      else if (warnings.at(-1) !== furtherWarnings)
        this.#table.update(id, { warnings: [...warnings, furtherWarnings] });
    });
    this.#changed(id);
  }

  async finish(id: string, outcome: JobOutcome): Promise<Job> {
    await this.#write(() => {
      this.#requireState(id, ['running'], 'finished');
      if (outcome.state === 'requeue') this.#table.update(id, { state: 'queued' });
      else if (outcome.state === 'paused') this.#table.update(id, { state: 'paused', stop: undefined });
      else this.#end(id, outcome);
    });
    const job = this.#changed(id);
    if (job.state === 'done' && !kindRules[job.kind].isKept) await this.clear({ id });
    this.#announce();
    return job;
  }

  /** Running jobs that are to stop, and how. */
  stopping(): { readonly id: string; readonly stop: Stop }[] {
    const where = allOf([equals('state', 'running'), { sql: 'stop IS NOT NULL', params: [] }]);
    return this.#table.all(where).map(({ id, stop }) => ({ id, stop: stop! }));
  }

  /** Another process changed the jobs: tells those who wait for one. */
  changedOutside(): void {
    this.#announce();
  }

  onReady(listener: () => void): () => void {
    this.#ready.add(listener);
    return () => this.#ready.delete(listener);
  }

  #insert(job: NewJob, position: number, into = this.#table): string {
    const { id = newId(), priority = 0, inputs = [], warnings = [], ...given } = job;
    if (this.#table.get(id)) throw new UserError('job.duplicate', `There is a job ${id} already.`);
    const counts = { delivered: 0, attempts: 0, interruptions: 0 };
    into.insert({
      ...given,
      ...counts,
      id,
      priority,
      position,
      inputs: [...inputs],
      warnings: [...warnings],
      state: 'queued',
      createdAt: Date.now(),
    });
    return id;
  }

  /** One transaction, once no other process writes. */
  async #write<T>(work: () => T): Promise<T> {
    return await patiently(() => this.#db.transaction(work));
  }

  /** In the order of taking: by kind and priority, then one job of each user in turn. */
  async #listNext(options: JobListOptions, limit: number): Promise<JobPage> {
    const { sql, params } = whereJobs(options);
    const { cursor = '0' } = options;
    if (!/^\d{1,15}$/.test(cursor)) throw new UserError('page.cursor', 'The cursor is not one that a page has given.');
    const offset = Number(cursor);
    // Sorted without what is long of them.
    const ask = this.#table.isLong() ? 'allElsewhere' : 'all';
    const rows = await this.#db[ask]<{ id: string }>(
      `SELECT id FROM (
           SELECT jobs.id, jobs.kind, jobs.user, batch, state, priority, position, coalesce(turn, 0) AS turn,
             row_number() OVER (PARTITION BY priority, jobs.kind, jobs.user ORDER BY position, jobs.id) AS round
           FROM jobs LEFT JOIN turns ON turns.user = jobs.user AND turns.kind = jobs.kind
           WHERE state IN ('queued', 'paused')
         ) WHERE ${sql} ORDER BY priority DESC, round, turn, position, id LIMIT ? OFFSET ?`,
      [...params, limit + 1, offset],
    );
    const ids = rows.map(({ id }) => id);
    const jobs: Job[] = [];
    let taken = 0;
    let weight = 0;
    for await (const id of inTurns(ids.slice(0, limit))) {
      if (weight > heaviestPage) break;
      taken++;
      const stored = this.#table.get(id);
      // Removed meanwhile.
      if (!stored) continue;
      jobs.push(toJob(stored));
      weight += weightOf(stored);
    }
    return { jobs, cursor: ids.length > taken ? String(offset + taken) : undefined };
  }

  async #switch(filter: JobFilter, from: JobState, state: JobState): Promise<readonly Job[]> {
    const where = allOf([whereJobs(filter), equals('state', from)]);
    const ids = await this.#write(() => {
      const { sql, params } = where;
      const found = this.#db.all<{ id: string }>(`SELECT id FROM jobs WHERE ${sql} ORDER BY position, id`, params);
      this.#table.updateAll(where, { state });
      return found.map(({ id }) => id);
    });
    const jobs: Job[] = [];
    for await (const id of inTurns(ids)) if (this.#table.get(id)) jobs.push(this.#changed(id));
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

  #end(id: string, outcome: Extract<JobOutcome, { state: (typeof endStates)[number] }>): void {
    const { state } = outcome;
    const error = state === 'failed' ? outcome.error : undefined;
    this.#table.update(id, { state, error, stop: undefined, finishedAt: Date.now() });
    if (state === 'done' && outcome.result) this.#table.update(id, { result: outcome.result });
  }

  #require(id: string): Job {
    const stored = this.#table.get(id);
    if (!stored) throw unknownJob(id);
    return toJob(stored);
  }

  #requireState(id: string, states: readonly JobState[], verb: string): void {
    // Not the whole of it, which may be long.
    const job = this.#db.get<{ state: JobState }>('SELECT state FROM jobs WHERE id = ?', [id]);
    if (!job) throw unknownJob(id);
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
    const { sql, params } = oneOf('kind', heldKinds)!;
    const rows = this.#db.all<{ state: JobState; n: number }>(
      `SELECT state, count(*) AS n FROM jobs WHERE ${sql} GROUP BY state`,
      params,
    );
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

function whereJobs({ id, kinds, user, batch, states }: JobFilter): Condition {
  return allOf([
    equals('id', id),
    oneOf('kind', kinds),
    equals('user', user),
    equals('batch', batch),
    oneOf('state', states),
  ]);
}

function toJob({ stop, ...job }: StoredJob): Job {
  const cancelRequested = job.state === 'running' && (stop === 'cancel' || stop === 'kill');
  return { ...job, cancelRequested } as Job;
}
