/**
 * A reader process seen from the studio: started when there is something to read, ended when there is not, killed when
 * a file takes too long. One file at a time, so that it is known which one brought a reader down.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { DarkroomError } from '#core/errors';
import { childEnvironment } from '../engine-host/process-info.ts';
import { fromWireError } from '../engine-host/protocol.ts';
import { childExecArgv, ownModule } from '../files/own-module.ts';
import type { FromReader, ToReader } from './protocol.ts';
import type { TaskInput, TaskName, TaskResult } from './tasks.ts';

const main = ownModule(import.meta.url, './main');

/** A header larger than this bursts the reader, not the server. */
const heapMib = 1024;
const idleMs = 5000;
/** Headers take milliseconds, bytes keep coming: silence this long is a file made to be slow. */
const silenceMs = 20_000;
/** A busy machine takes its time to start a process, which says nothing of the file. */
const startMs = 60_000;

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
  /** Milliseconds without a word after which the file is left alone; default 20,000. */
  readonly silenceMs?: number;
  /** What errors call the file; default its path. */
  readonly name?: string;
}

interface Call {
  readonly request: ToReader;
  readonly options: ReadOptions;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export class ReaderHost {
  readonly #waiting: Call[] = [];
  #atWork: Call | undefined;
  #child: ChildProcess | undefined;
  #silence: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #disposed = false;

  /** @throws DarkroomError as the task threw; `reader.left-alone` when the file brought the reader down or took too long */
  async read<N extends TaskName>(task: N, input: TaskInput<N>, options: ReadOptions = {}): Promise<TaskResult<N>> {
    if (this.#disposed) throw closed();
    options.signal?.throwIfAborted();
    const stop = () => this.#stop(call);
    let call!: Call;
    const answer = new Promise<unknown>((resolve, reject) => {
      call = { request: { task, input }, options, resolve, reject };
    });
    options.signal?.addEventListener('abort', stop, { once: true });
    this.#waiting.push(call);
    this.#next();
    try {
      return (await answer) as TaskResult<N>;
    } finally {
      options.signal?.removeEventListener('abort', stop);
    }
  }

  /** Calls that have not ended. */
  get waiting(): number {
    return this.#waiting.length + (this.#atWork ? 1 : 0);
  }

  dispose(): void {
    this.#disposed = true;
    for (const call of this.#waiting.splice(0)) call.reject(closed());
    this.#fail(closed());
  }

  #next(): void {
    if (this.#atWork) return;
    const call = this.#waiting.shift();
    if (!call) {
      this.#idle = setTimeout(() => this.#end(), idleMs);
      this.#idle.unref();
      // It does not keep a command from ending, and ends with it.
      this.#child?.unref();
      this.#child?.channel?.unref();
      return;
    }
    clearTimeout(this.#idle);
    this.#child?.ref();
    this.#child?.channel?.ref();
    this.#atWork = call;
    this.#listen(call, this.#child ? undefined : startMs);
    this.#process().send(call.request, () => {});
  }

  #listen({ request, options }: Call, ms = options.silenceMs ?? silenceMs): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#fail(leftAlone(nameOf({ request, options }), `it took more than ${ms / 1000} seconds`)),
      ms,
    );
  }

  #process(): ChildProcess {
    if (this.#child) return this.#child;
    const child = fork(main, [], {
      serialization: 'advanced',
      execArgv: [...childExecArgv(), `--max-old-space-size=${heapMib}`],
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (message: FromReader) => this.#onMessage(message));
    child.on('error', () => {}); // its exit follows
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      const name = this.#atWork ? nameOf(this.#atWork) : '';
      this.#fail(leftAlone(name, `it brought its reader down (${signal ?? `exit code ${code}`})`));
    });
    this.#child = child;
    return child;
  }

  #onMessage(message: FromReader): void {
    const call = this.#atWork;
    if (!call) return;
    if (message.type === 'ready') {
      this.#listen(call);
      return;
    }
    if (message.type === 'progress') {
      this.#listen(call);
      call.options.onProgress?.(message.bytes);
      return;
    }
    this.#atWork = undefined;
    clearTimeout(this.#silence);
    if (message.type === 'done') call.resolve(message.result);
    else call.reject(fromWireError(message.error));
    this.#next();
  }

  #stop(call: Call): void {
    const reason: unknown = call.options.signal?.reason;
    if (call === this.#atWork) this.#fail(reason);
    const place = this.#waiting.indexOf(call);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    call.reject(reason);
  }

  /** Ends the file at work and its process; the next file gets a new one. */
  #fail(error: unknown): void {
    clearTimeout(this.#silence);
    this.#end();
    const call = this.#atWork;
    this.#atWork = undefined;
    call?.reject(error);
    if (!this.#disposed && this.#waiting.length > 0) this.#next();
  }

  #end(): void {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
  }
}

/** For work on files of one kind that is soon done: the process ends with it. */
export async function withReader<N extends TaskName, T>(
  task: N,
  work: (read: (input: TaskInput<N>) => Promise<TaskResult<N>>) => Promise<T>,
): Promise<T> {
  const host = new ReaderHost();
  try {
    return await work((input) => host.read(task, input));
  } finally {
    host.dispose();
  }
}

function nameOf({ request: { input }, options }: Pick<Call, 'request' | 'options'>): string {
  if (options.name !== undefined) return options.name;
  return typeof input === 'object' && input !== null && 'file' in input ? String(input.file) : String(input);
}

function leftAlone(name: string, why: string): DarkroomError {
  return new DarkroomError('reader.left-alone', `${name} is left alone: ${why}.`);
}

function closed(): DarkroomError {
  return new DarkroomError('reader.closed', 'The reader of files was closed.');
}
