/**
 * A second connection to a database, on a thread of its own: for statements that may take long and change no records,
 * so that they do not hold the event loop. SQLite lets one connection write while others read (sqlite.org/wal.html).
 */

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { inNextTurn } from '../events/next-turn.ts';
import type { SqlRow } from './database.ts';

export type PlainValue = string | number | null;

/** Plain JavaScript, since a thread would first have to load what turns TypeScript into it. */
const script = `
  const { parentPort, workerData: { file, library } } = require('node:worker_threads');
  const Libsql = require(library);
  const connection = new Libsql(file, { timeout: 5000 });
  connection.exec('PRAGMA query_only = ON');
  parentPort.on('message', ({ id, sql, params }) => {
    if (sql === undefined) {
      connection.close();
      return parentPort.close();
    }
    try {
      parentPort.postMessage({ id, rows: connection.prepare(sql).all(params) });
    } catch ({ message, code }) {
      parentPort.postMessage({ id, error: { message, code } });
    }
  });
`;

interface Answer {
  readonly id: number;
  readonly rows?: SqlRow[];
  readonly error?: { readonly message: string; readonly code?: string };
}

interface Asked {
  readonly resolve: (rows: SqlRow[]) => void;
  readonly reject: (error: Error) => void;
}

export class DatabaseThread {
  readonly #worker: Worker;
  readonly #asked = new Map<number, Asked>();
  readonly #gone: Promise<void>;
  #count = 0;
  #isGone = false;

  constructor(file: string) {
    const workerData = { file, library: createRequire(import.meta.url).resolve('libsql') };
    this.#worker = new Worker(script, { eval: true, execArgv: [], workerData });
    this.#worker.unref();
    // Many that come together are worked on one a turn: each asker goes on with some milliseconds of its own.
    this.#worker.on('message', (answer: Answer) => inNextTurn(() => this.#settle(answer)));
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#end(new Error('the thread of the database has ended'));
        resolve();
      });
    });
    this.#worker.once('error', (error: Error) => this.#end(error));
  }

  /** It will answer nothing any more: the file cannot be opened, or memory ended. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Rows, one question after the other. @throws what SQLite says, with its `code` */
  async all(sql: string, params: readonly PlainValue[]): Promise<SqlRow[]> {
    const id = this.#count++;
    return await new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      // The process waits for who asked, and for nothing else of it.
      this.#worker.ref();
      this.#worker.postMessage({ id, sql, params });
    });
  }

  /** Lets go of the file once what was asked is answered. */
  async close(): Promise<void> {
    this.#worker.ref();
    if (!this.#isGone) this.#worker.postMessage({});
    await this.#gone;
  }

  #settle({ id, rows, error }: Answer): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (this.#asked.size === 0) this.#worker.unref();
    if (rows) asked?.resolve(rows);
    else asked?.reject(Object.assign(new Error(error?.message), { code: error?.code }));
  }

  #end(error: Error): void {
    this.#isGone = true;
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}
