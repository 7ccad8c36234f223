/**
 * The embedded database: SQLite through libsql, synchronous, behind the few calls that the studio uses.
 *
 * Journal in WAL mode with `synchronous = NORMAL`: a killed process loses nothing that was committed; a power cut may
 * lose the last commits but never corrupts (sqlite.org/wal.html). Pictures are files of their own and survive both.
 * libsql's binding aborts the process on a boolean parameter, so values are converted before they reach it.
 */

import Libsql from 'libsql';
import { DarkroomError } from '#core/errors';
import { DiskError } from '../files/disk-error.ts';
import { DatabaseThread } from './database-thread.ts';

export type SqlValue = string | number | boolean | null | undefined;
export type SqlParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
export type SqlRow = Record<string, string | number | null>;

export interface Database {
  /** Statements without parameters, for schema changes. */
  exec(sql: string): void;
  /** Rows changed. */
  run(sql: string, params?: SqlParams): number;
  get<T = SqlRow>(sql: string, params?: SqlParams): T | undefined;
  all<T = SqlRow>(sql: string, params?: SqlParams): T[];
  /** The same of what may take long: on another thread, once there may be one. */
  allElsewhere<T = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<T[]>;
  /** Runs `work` in one write transaction; a throw rolls it back. Nested calls join the outer one. */
  transaction<T>(work: () => T): T;
  /**
   * From now on long reading, and bringing what was written from SQLite's log into the file (a checkpoint: it copies
   * and syncs, and else whoever commits waits for it), have a thread of their own where they are needed.
   */
  useThread(): void;
  /** Ends that thread; before `close`. */
  endThread(): Promise<void>;
  close(): void;
}

/** Pages that the log may have before SQLite does it on the thread that commits: its own default, and 64 MiB. */
const checkpointPages = { alone: 1000, withThread: 16_384 } as const;
/** Between two checkpoints on the thread: bytes of values, or commits where few of them were told. */
const checkpointBytes = 2 ** 20;
const checkpointCommits = 64;

export interface OpenOptions {
  /** Milliseconds to wait for another process's write; default 5,000. */
  readonly busyTimeout?: number;
}

/**
 * Opens or creates a database file (`:memory:` for none).
 * @throws DarkroomError `store.*`: not-a-database, disk-full, read-only, busy, io
 */
export function openDatabase(path: string, options: OpenOptions = {}): Database {
  try {
    const connection = new Libsql(path, { timeout: options.busyTimeout ?? 5000 });
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
    return new SqliteDatabase(connection, path);
  } catch (error) {
    throw storeError(error, path);
  }
}

type Connection = InstanceType<typeof Libsql>;
type Statement = ReturnType<Connection['prepare']>;

class SqliteDatabase implements Database {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #statements = new Map<string, Statement>();
  #depth = 0;
  #mayUseThread = false;
  #thread: DatabaseThread | undefined;
  /** Since the last checkpoint was asked for. */
  #written = { bytes: 0, commits: 0 };

  constructor(connection: Connection, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  exec(sql: string): void {
    this.#guard(() => this.#connection.exec(sql));
  }

  run(sql: string, params: SqlParams = []): number {
    // Always inside a transaction, which is where a busy database is noticed: libsql leaves a prepared statement that
    // met one as it is, in progress, and then nothing can be committed any more.
    return this.transaction(() => {
      const values = bindable(params);
      for (const value of Object.values(values)) if (typeof value === 'string') this.#written.bytes += value.length;
      return this.#guard(() => this.#prepare(sql).run(values).changes);
    });
  }

  get<T>(sql: string, params: SqlParams = []): T | undefined {
    return this.all<T>(sql, params)[0];
  }

  all<T>(sql: string, params: SqlParams = []): T[] {
    return this.#guard(() => this.#prepare(sql).all(bindable(params)) as T[]);
  }

  async allElsewhere<T>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> {
    const thread = this.#openThread();
    if (!thread) return this.all(sql, params);
    try {
      return (await thread.all(sql, params.map(bindableValue))) as T[];
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.exec('BEGIN IMMEDIATE');
    this.#depth++;
    try {
      const result = work();
      this.exec('COMMIT');
      this.#committed();
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after a full disk or an I/O error.
      if (this.#connection.inTransaction) this.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }

  useThread(): void {
    this.#mayUseThread = this.#path !== ':memory:';
  }

  async endThread(): Promise<void> {
    this.#mayUseThread = false;
    await this.#thread?.close();
  }

  #openThread(): DatabaseThread | undefined {
    if (!this.#mayUseThread) return undefined;
    if (!this.#thread) {
      this.#thread = new DatabaseThread(this.#path);
      this.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages.withThread}`);
    }
    if (!this.#thread.isGone) return this.#thread;
    // As without one, for as long as this is open.
    this.#mayUseThread = false;
    this.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages.alone}`);
    return undefined;
  }

  #committed(): void {
    const { bytes, commits } = this.#written;
    this.#written = { bytes, commits: commits + 1 };
    if (bytes < checkpointBytes && commits < checkpointCommits) return;
    this.#written = { bytes: 0, commits: 0 };
    // What it cannot do now it does the next time; writing goes on meanwhile.
    this.#openThread()
      ?.all('PRAGMA wal_checkpoint(PASSIVE)', [])
      .catch(() => {});
  }

  close(): void {
    this.#statements.clear();
    if (this.#connection.open) this.#connection.close();
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

type Bindable = string | number | null;

function bindable(params: SqlParams): Bindable[] | Record<string, Bindable> {
  if (Array.isArray(params)) return params.map(bindableValue);
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, bindableValue(value)]));
}

function bindableValue(value: SqlValue): Bindable {
  if (value === undefined) return null;
  return typeof value === 'boolean' ? Number(value) : value;
}

const remedies: readonly (readonly [code: string, kind: string, sentence: string])[] = [
  ['SQLITE_FULL', 'disk-full', 'the disk is full; free some space and try again'],
  ['SQLITE_NOTADB', 'not-a-database', 'it is not a Darkroom database; move it away to start a new one'],
  ['SQLITE_CORRUPT', 'corrupt', 'it is damaged; move it away and run `darkroom library rebuild`'],
  ['SQLITE_READONLY', 'read-only', 'it cannot be written; check the permissions of the data folder'],
  ['SQLITE_BUSY', 'busy', 'another program is writing to it; try again, or end that program'],
  ['SQLITE_IOERR', 'io', 'the disk reports an error'],
  ['SQLITE_CANTOPEN', 'cannot-open', 'it cannot be opened; check that the data folder exists and can be written'],
];

function storeError(error: unknown, path: string): Error {
  const code = (error as { code?: unknown }).code;
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('Unable to open connection')) return storeError({ code: 'SQLITE_CANTOPEN' }, path);
  const remedy = remedies.find(([prefix]) => typeof code === 'string' && code.startsWith(prefix));
  if (!remedy) return error instanceof Error ? error : new DarkroomError('store.failed', message);
  return new DiskError(`store.${remedy[1]}`, `Database ${path}`, remedy[2], { cause: error });
}
