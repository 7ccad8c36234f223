/**
 * The line of pulls: what is being fetched, waits, is held or has ended; kept in the database, so that a restart goes
 * on where it was.
 */

import { DarkroomError, UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import { diskError } from '../files/disk-error.ts';
import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import { discard, type InstallParts, install } from './install.ts';
import type { PullPlan } from './plan.ts';
import type { Pull, PullEvents, PulledFile, PullOptions, PullState } from './pull.ts';
import { parsePullSource } from './source.ts';

export interface PullsOptions extends InstallParts {
  readonly db: Database;
  readonly emit: Emit<PullEvents>;
  /** Called when a model has come. */
  readonly onInstalled: () => void;
  /** Pulls at the same time; default 2. */
  readonly concurrency?: number;
}

interface PullRow {
  id: string;
  source: string;
  title: string | null;
  state: PullState;
  options: string;
  files: string;
  error_code: string | null;
  error_message: string | null;
  created_at: number;
  finished_at: number | null;
}

interface Running {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  files: PulledFile[];
  plan?: PullPlan;
  /** Bytes and time at the last look, for the speed. */
  mark: { readonly bytes: number; readonly at: number };
  speed: number;
  emittedAt: number;
}

/** Why a running pull was stopped. */
class Stopped extends DarkroomError {
  readonly state: 'paused' | 'cancelled' | 'queued';

  constructor(state: Stopped['state']) {
    super('pull.stopped', `The pull was ${state}.`);
    this.state = state;
  }
}

export class Pulls {
  readonly #options: PullsOptions;
  readonly #db: Database;
  readonly #running = new Map<string, Running>();
  #closed = false;

  constructor(options: PullsOptions) {
    this.#options = options;
    this.#db = options.db;
  }

  /** Goes on with what a restart interrupted. */
  start(): void {
    this.#db.run("UPDATE pulls SET state = 'queued' WHERE state = 'running'");
    this.#next();
  }

  /** @throws UserError `pull.source` */
  add(source: string, options: PullOptions = {}): Pull {
    parsePullSource(source, this.#options.services.hosts);
    if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(options.sha256)) {
      throw new UserError('pull.hash', 'A sha256 has 64 hexadecimal digits.');
    }
    const id = newId();
    this.#db.run("INSERT INTO pulls (id, source, state, options, created_at) VALUES (?, ?, 'queued', ?, ?)", [
      id,
      source.trim(),
      JSON.stringify(options),
      Date.now(),
    ]);
    const pull = this.#changed(id);
    this.#next();
    return pull;
  }

  /** Newest first. */
  list(): Pull[] {
    return this.#db.all<PullRow>('SELECT * FROM pulls ORDER BY id DESC').map((row) => this.#pull(row));
  }

  /** @throws UserError `pull.unknown` */
  get(id: string): Pull {
    return this.#pull(this.#row(id));
  }

  /** Stops fetching and keeps what is there. */
  async pause(id: string): Promise<Pull> {
    return await this.#stop(id, 'paused', ['queued']);
  }

  /** Goes on with a held, failed or cancelled pull. */
  resume(id: string): Pull {
    const { state } = this.#row(id);
    if (!['paused', 'failed', 'cancelled'].includes(state)) throw wrongState(id, state, 'resumed');
    this.#db.run(
      "UPDATE pulls SET state = 'queued', error_code = NULL, error_message = NULL, finished_at = NULL WHERE id = ?",
      [id],
    );
    const pull = this.#changed(id);
    this.#next();
    return pull;
  }

  /** Stops fetching and removes what has been fetched. */
  async cancel(id: string): Promise<Pull> {
    const plan = this.#running.get(id)?.plan;
    const pull = await this.#stop(id, 'cancelled', ['queued', 'paused', 'failed']);
    if (pull.state === 'cancelled') await discard(this.#options, id, pull.options, plan);
    return pull;
  }

  /** Forgets an ended pull; the model stays. @throws UserError `pull.state` */
  remove(id: string): void {
    const { state } = this.#row(id);
    if (!['done', 'failed', 'cancelled'].includes(state)) throw wrongState(id, state, 'removed');
    this.#db.run('DELETE FROM pulls WHERE id = ?', [id]);
    this.#options.emit('pull.removed', { id });
  }

  /** The pull once it has ended, one way or another (held counts). */
  async wait(id: string): Promise<Pull> {
    await this.#running.get(id)?.ended;
    while (this.get(id).state === 'queued' && !this.#closed) {
      await Promise.race([...this.#running.values()].map((running) => running.ended));
    }
    await this.#running.get(id)?.ended;
    return this.get(id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const running of this.#running.values()) running.abort.abort(new Stopped('queued'));
    await Promise.all([...this.#running.values()].map((running) => running.ended));
  }

  #next(): void {
    const free = (this.#options.concurrency ?? 2) - this.#running.size;
    if (free <= 0 || this.#closed) return;
    const rows = this.#db.all<PullRow>("SELECT * FROM pulls WHERE state = 'queued' ORDER BY id LIMIT ?", [free]);
    for (const row of rows) if (!this.#running.has(row.id)) this.#begin(row);
  }

  #begin(row: PullRow): void {
    const abort = new AbortController();
    let resolveEnded!: () => void;
    const running: Running = {
      abort,
      ended: new Promise((resolve) => {
        resolveEnded = resolve;
      }),
      files: JSON.parse(row.files) as PulledFile[],
      mark: { bytes: 0, at: performance.now() },
      speed: 0,
      emittedAt: 0,
    };
    this.#running.set(row.id, running);
    this.#db.run("UPDATE pulls SET state = 'running' WHERE id = ?", [row.id]);
    this.#changed(row.id);
    void this.#run(row, running).finally(() => {
      this.#running.delete(row.id);
      resolveEnded();
      if (this.#closed) return;
      this.#changed(row.id);
      this.#next();
    });
  }

  async #run(row: PullRow, running: Running): Promise<void> {
    const { id, source } = row;
    try {
      const paths = await install(this.#options, {
        id,
        source,
        options: JSON.parse(row.options) as PullOptions,
        signal: running.abort.signal,
        onPlan: (plan) => this.#planned(id, running, plan),
        onProgress: (file, done, total) => this.#progressed(id, running, file, done, total),
      });
      running.files = running.files.map((file, i) => ({
        ...file,
        ...(paths[i] === undefined ? {} : { path: paths[i] }),
      }));
      this.#settle(id, running, 'done');
      this.#options.onInstalled();
    } catch (error) {
      // Whatever the stop made fail: a question to a hub ends with an error of its own.
      const reason: unknown = running.abort.signal.reason;
      const stopped = reason instanceof Stopped ? reason.state : undefined;
      if (stopped) this.#settle(id, running, stopped);
      else this.#settle(id, running, 'failed', diskError(error, source));
    }
  }

  #planned(id: string, running: Running, plan: PullPlan): void {
    running.plan = plan;
    this.#db.run('UPDATE pulls SET title = ? WHERE id = ?', [plan.title, id]);
    running.files = plan.files.map(({ name, bytes }) => ({
      name,
      done: 0,
      ...(bytes === undefined ? {} : { total: bytes }),
    }));
    this.#changed(id);
  }

  #progressed(id: string, running: Running, index: number, done: number, total: number | undefined): void {
    const { name } = running.files[index]!;
    running.files[index] = { name, done, ...(total === undefined ? {} : { total }) };
    const now = performance.now();
    if (now - running.emittedAt < 250) return;
    const bytes = running.files.reduce((sum, file) => sum + file.done, 0);
    const seconds = (now - running.mark.at) / 1000;
    const speed = seconds > 0 ? Math.max(0, bytes - running.mark.bytes) / seconds : 0;
    // Half old, half new: steady enough to read, quick enough to be true.
    running.speed = running.emittedAt === 0 ? 0 : running.speed === 0 ? speed : (running.speed + speed) / 2;
    running.mark = { bytes, at: now };
    running.emittedAt = now;
    this.#options.emit('pull.progress', this.get(id), { keep: false });
  }

  #settle(id: string, running: Running, state: PullState, error?: unknown): void {
    const ended = state === 'done' || state === 'failed' || state === 'cancelled';
    const code = error instanceof DarkroomError ? error.code : error === undefined ? undefined : 'internal';
    const message = error instanceof Error ? error.message : error === undefined ? undefined : String(error);
    this.#db.run(
      'UPDATE pulls SET state = ?, files = ?, error_code = ?, error_message = ?, finished_at = ? WHERE id = ?',
      [state, JSON.stringify(running.files), code, message, ended ? Date.now() : undefined, id],
    );
  }

  async #stop(id: string, state: 'paused' | 'cancelled', fromWaiting: readonly PullState[]): Promise<Pull> {
    const running = this.#running.get(id);
    if (running) {
      running.abort.abort(new Stopped(state));
      await running.ended;
      return this.get(id);
    }
    const row = this.#row(id);
    if (!fromWaiting.includes(row.state)) return this.#pull(row);
    this.#db.run('UPDATE pulls SET state = ? WHERE id = ?', [state, id]);
    return this.#changed(id);
  }

  #row(id: string): PullRow {
    const row = this.#db.get<PullRow>('SELECT * FROM pulls WHERE id = ?', [id]);
    if (!row) throw new UserError('pull.unknown', `There is no pull ${id}.`);
    return row;
  }

  #changed(id: string): Pull {
    const pull = this.get(id);
    this.#options.emit('pull.changed', pull);
    return pull;
  }

  #pull(row: PullRow): Pull {
    const running = this.#running.get(row.id);
    const files = running?.files ?? (JSON.parse(row.files) as PulledFile[]);
    const done = files.reduce((sum, file) => sum + file.done, 0);
    const known = files.length > 0 && files.every((file) => file.total !== undefined);
    const total = known ? files.reduce((sum, file) => sum + file.total!, 0) : undefined;
    const speed = running && running.speed > 0 ? running.speed : undefined;
    return {
      id: row.id,
      source: row.source,
      title: row.title ?? row.source,
      state: row.state,
      options: JSON.parse(row.options) as PullOptions,
      files,
      done,
      ...(total === undefined ? {} : { total }),
      ...(speed === undefined ? {} : { speed }),
      ...(speed === undefined || total === undefined ? {} : { eta: (total - done) / speed }),
      ...(row.error_code === null ? {} : { error: { code: row.error_code, message: row.error_message ?? '' } }),
      createdAt: row.created_at,
      ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    };
  }
}

function wrongState(id: string, state: PullState, verb: string): UserError {
  return new UserError('pull.state', `Pull ${id} is ${state} and cannot be ${verb}.`);
}
