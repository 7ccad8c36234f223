/**
 * How long the event loop of this process was held: by work, and by calls that block. Time in which the process was
 * ready but other processes had the cores is taken off, where the system tells it (Linux, /proc/self/schedstat: time
 * run, time waited for a core, in nanoseconds), so that a busy machine does not count against the server. Beside it
 * stands what of that time the loop's own thread computed, and what of it collecting garbage took.
 */

import { openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

/** Milliseconds of one hold. */
export interface Hold {
  /** All in all. */
  readonly heldMs: number;
  /** The thread computed; the rest it waited for a disk or for memory. */
  readonly ranMs: number;
  /** Garbage was collected: the thread works on it, and waits for helpers which may wait for a core. */
  readonly gcMs: number;
}

/** Of a second of the busiest. */
const mostCollections = 1000;

/** What is left of a hold on a machine that has a core for the helpers of the collector. */
export function ownMs({ heldMs, ranMs, gcMs }: Hold): number {
  return Math.min(heldMs, Math.max(ranMs, heldMs - gcMs));
}

const none: Hold = { heldMs: 0, ranMs: 0, gcMs: 0 };

export class LoopWatch {
  readonly #schedule: number | undefined = openSchedule();
  readonly #buffer = Buffer.alloc(64);
  #at = performance.now();
  #spent = this.#spentMs();
  #worst = { ...none, from: 0, to: 0 };
  /** The latest collections; they are told some turns of the loop later. */
  #collections: { readonly from: number; readonly to: number }[] = [];

  /** @param everyMs between two looks, which is no delay */
  constructor(everyMs = 2) {
    new PerformanceObserver((list) => {
      const told = list.getEntries().map(({ startTime: from, duration }) => ({ from, to: from + duration }));
      this.#collections = [...this.#collections, ...told].slice(-mostCollections);
    }).observe({ entryTypes: ['gc'] });
    const look = () => {
      this.#look(everyMs);
      setTimeout(look, everyMs).unref();
    };
    setTimeout(look, everyMs).unref();
  }

  /** The longest hold since this was last asked. */
  takeWorst(): Hold {
    const { from, to, heldMs, ranMs } = this.#worst;
    const inside = this.#collections.map((one) => Math.min(one.to, to) - Math.max(one.from, from));
    this.#worst = { ...none, from: 0, to: 0 };
    return { heldMs, ranMs, gcMs: inside.reduce((sum, ms) => sum + Math.max(0, ms), 0) };
  }

  #look(everyMs: number): void {
    const [now, spent] = [performance.now(), this.#spentMs()];
    const heldMs = now - this.#at - everyMs - (spent.waited - this.#spent.waited);
    if (heldMs > this.#worst.heldMs)
      this.#worst = { ...none, heldMs, ranMs: spent.ran - this.#spent.ran, from: this.#at, to: now };
    this.#at = now;
    this.#spent = spent;
  }

  /** Milliseconds of this process's first thread, which is that of its event loop. */
  #spentMs(): { readonly ran: number; readonly waited: number } {
    if (this.#schedule === undefined) return { ran: 0, waited: 0 };
    const length = readSync(this.#schedule, this.#buffer, 0, this.#buffer.length, 0);
    const [ran, waited] = this.#buffer.toString('latin1', 0, length).split(' ');
    return { ran: Number(ran) / 1e6, waited: Number(waited) / 1e6 };
  }
}

function openSchedule(): number | undefined {
  try {
    return openSync('/proc/self/schedstat', 'r');
  } catch {
    return undefined;
  }
}
