/**
 * A few reader processes that all who send something share. Nobody has all of them at once, and those who wait are
 * served in turn: twenty slow pictures of one account hold up that account.
 */

import { ReaderHost, type ReadOptions } from './host.ts';
import type { TaskInput, TaskName, TaskResult } from './tasks.ts';

/** Who waits for what is read. */
export interface Asker {
  readonly caller?: { readonly name: string };
  /** Aborted when they go. */
  readonly signal?: AbortSignal;
}

const readers = 3;
/** At once of one of those who ask. */
const mostOfOne = 2;

interface Waiting {
  readonly who: string;
  begin(host: ReaderHost): void;
}

export class ReaderPool {
  readonly #hosts = Array.from({ length: readers }, () => new ReaderHost());
  readonly #free = [...this.#hosts];
  readonly #waiting: Waiting[] = [];
  /** Readers at work for each of those who ask. */
  readonly #atWork = new Map<string, number>();

  /** @throws as the task does; DarkroomError `reader.left-alone` */
  async read<N extends TaskName>(
    task: N,
    input: TaskInput<N>,
    { caller, signal }: Asker = {},
    options: Omit<ReadOptions, 'signal'> = {},
  ): Promise<TaskResult<N>> {
    const who = caller?.name ?? '';
    const host = await this.#turn(who, signal);
    try {
      return await host.read(task, input, { ...options, signal });
    } finally {
      this.#leave(who, host);
    }
  }

  dispose(): void {
    for (const host of this.#hosts) host.dispose();
  }

  async #turn(who: string, signal: AbortSignal | undefined): Promise<ReaderHost> {
    signal?.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const begin = (host: ReaderHost): void => {
        signal?.removeEventListener('abort', leave);
        resolve(host);
      };
      const waiting = { who, begin };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal!.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#next();
    });
  }

  #leave(who: string, host: ReaderHost): void {
    const left = this.#atWork.get(who)! - 1;
    if (left === 0) this.#atWork.delete(who);
    else this.#atWork.set(who, left);
    this.#free.push(host);
    this.#next();
  }

  /** Of those who may have another reader, the one who has fewest; of several, who has waited longest. */
  #next(): void {
    if (this.#free.length === 0) return;
    const busy = ({ who }: Waiting): number => this.#atWork.get(who) ?? 0;
    const [first] = this.#waiting.filter((one) => busy(one) < mostOfOne).sort((a, b) => busy(a) - busy(b));
    if (!first) return;
    this.#waiting.splice(this.#waiting.indexOf(first), 1);
    this.#atWork.set(first.who, busy(first) + 1);
    // The one that was used last is still there.
    first.begin(this.#free.pop()!);
    this.#next();
  }
}
