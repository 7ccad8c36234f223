/** The reader process seen from the library: started when there is something to read, ended when there is not. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DarkroomError } from '#core/errors';
import { childEnvironment, childExecArgv } from '../engine-host/process-info.ts';
import type { ModelDescription } from './describe.ts';
import type { ModelHashes } from './hash.ts';
import type { FromReader, ToReader } from './reader-protocol.ts';

const main = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js', import.meta.url));

/** A header larger than this bursts the reader, not the server. */
const heapMib = 1024;
const idleMs = 5000;

interface Waiting {
  readonly path: string;
  resolve(message: FromReader): void;
  reject(error: Error): void;
  onProgress?: ((bytes: number) => void) | undefined;
}

export class ReaderHost {
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #next = 1;
  #idleTimer: NodeJS.Timeout | undefined;
  #disposed = false;

  /** @throws DarkroomError `library.reader` when the file brought the reader down */
  async describe(path: string): Promise<ModelDescription> {
    const answer = await this.#ask('describe', path);
    if (answer.type !== 'described') throw readerError(path, answer);
    return answer.description;
  }

  /** @throws DarkroomError `library.reader` */
  async hash(path: string, onProgress?: (bytes: number) => void): Promise<ModelHashes> {
    const answer = await this.#ask('hash', path, onProgress);
    if (answer.type !== 'hashed') throw readerError(path, answer);
    return answer.hashes;
  }

  dispose(): void {
    this.#disposed = true;
    this.#end();
    for (const waiting of this.#waiting.values())
      waiting.reject(new DarkroomError('library.closed', 'The library was closed.'));
    this.#waiting.clear();
  }

  #ask(type: ToReader['type'], path: string, onProgress?: (bytes: number) => void): Promise<FromReader> {
    if (this.#disposed) return Promise.reject(new DarkroomError('library.closed', 'The library was closed.'));
    clearTimeout(this.#idleTimer);
    const id = this.#next++;
    return new Promise<FromReader>((resolve, reject) => {
      this.#waiting.set(id, { path, resolve, reject, onProgress });
      this.#process().send({ type, id, path } satisfies ToReader, () => {});
    });
  }

  #process(): ChildProcess {
    if (this.#child) return this.#child;
    const execArgv = [...childExecArgv(), `--max-old-space-size=${heapMib}`];
    const child = fork(main, [], {
      serialization: 'advanced',
      execArgv,
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (message: FromReader) => this.#onMessage(message));
    child.on('error', () => {}); // its exit follows
    child.once('exit', (code, signal) => this.#onExit(child, `${signal ?? `exit code ${code}`}`));
    this.#child = child;
    return child;
  }

  #onMessage(message: FromReader): void {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    if (message.type === 'progress') {
      waiting.onProgress?.(message.bytes);
      return;
    }
    this.#waiting.delete(message.id);
    waiting.resolve(message);
    if (this.#waiting.size > 0) return;
    this.#idleTimer = setTimeout(() => this.#end(), idleMs);
    this.#idleTimer.unref();
  }

  /** The first one waiting was being read; those behind it may be asked for again. */
  #onExit(child: ChildProcess, cause: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const [culprit, ...rest] = [...this.#waiting];
    if (!culprit) return;
    this.#waiting.delete(culprit[0]);
    const { path, reject } = culprit[1];
    reject(new DarkroomError('library.reader', `${path} brought its reader down (${cause}); it is left alone.`));
    for (const [id, waiting] of rest) {
      this.#waiting.delete(id);
      waiting.reject(new DarkroomError('library.reader-restarted', 'The reader was restarted.'));
    }
  }

  #end(): void {
    clearTimeout(this.#idleTimer);
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
  }
}

function readerError(path: string, answer: FromReader): DarkroomError {
  const why = answer.type === 'failed' ? answer.message : 'it gave an answer that was not asked for';
  return new DarkroomError('library.reader', `${path} could not be read: ${why}`);
}
