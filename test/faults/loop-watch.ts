/**
 * How long the event loop of this process was held: by work, and by calls that block. Time in which the process was
 * ready but other processes had the cores is taken off, where the system tells it (Linux, /proc/self/schedstat: time
 * run, time waited for a core, in nanoseconds), so that a busy machine does not count against the server.
 */

import { openSync, readSync } from 'node:fs';

export class LoopWatch {
  readonly #schedule: number | undefined = openSchedule();
  readonly #buffer = Buffer.alloc(64);
  #at = performance.now();
  #waited = this.#waitedMs();
  #worst = 0;

  /** @param everyMs between two looks, which is no delay */
  constructor(everyMs = 2) {
    const look = () => {
      this.#look(everyMs);
      setTimeout(look, everyMs).unref();
    };
    setTimeout(look, everyMs).unref();
  }

  /** Milliseconds of the longest hold since this was last asked. */
  takeWorst(): number {
    const worst = this.#worst;
    this.#worst = 0;
    return worst;
  }

  #look(everyMs: number): void {
    const [now, waited] = [performance.now(), this.#waitedMs()];
    this.#worst = Math.max(this.#worst, now - this.#at - everyMs - (waited - this.#waited));
    this.#at = now;
    this.#waited = waited;
  }

  #waitedMs(): number {
    if (this.#schedule === undefined) return 0;
    const length = readSync(this.#schedule, this.#buffer, 0, this.#buffer.length, 0);
    return Number(this.#buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  }
}

function openSchedule(): number | undefined {
  try {
    return openSync('/proc/self/schedstat', 'r');
  } catch {
    return undefined;
  }
}
