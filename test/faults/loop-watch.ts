/**
 * How long the event loop of this process was held: by work, and by calls that block. Time in which the process was
 * ready but other processes had the cores is taken off, where the system tells it (Linux, /proc/self/schedstat: time
 * run, time waited for a core, in nanoseconds), so that a busy machine does not count against the server. Beside it
 * stands what of that time the loop's own thread computed, and what it waited for that a busy machine makes long: the
 * helpers of the garbage collector, and processes that it starts (libuv waits until the new one runs its program).
 */

import { ChildProcess } from 'node:child_process';
import { openSync, readFileSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

/** Milliseconds of one hold. */
export interface Hold {
  /** All in all. */
  readonly heldMs: number;
  /** The thread computed; the rest it waited for a disk or for memory. */
  readonly ranMs: number;
  /** Garbage was collected: the thread works on it, and waits for helpers which may wait for a core. */
  readonly gcMs: number;
  /** A process was started. */
  readonly startMs: number;
  /** Others fought for the cores at that time. */
  readonly isBusy: boolean;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Of a second of the busiest. */
const mostSpans = 1000;

/**
 * What is left of a hold on a machine that has a core for those it waits for. Where cores are fought for, only what the
 * thread computed is known: newer kernels do not tell all of its waiting.
 */
export function ownMs({ heldMs, ranMs, gcMs, startMs, isBusy }: Hold): number {
  return Math.min(heldMs, isBusy ? ranMs : Math.max(ranMs, heldMs - gcMs - startMs));
}

/** Of the last ten seconds, in which some process waited for a core (Linux, pressure stall information). */
const busyPercent = 20;

function isMachineBusy(): boolean {
  try {
    const [, percent] = /some avg10=([\d.]+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return Number(percent ?? 0) > busyPercent;
  } catch {
    return false;
  }
}

const none: Hold = { heldMs: 0, ranMs: 0, gcMs: 0, startMs: 0, isBusy: false };

export class LoopWatch {
  readonly #schedule: number | undefined = openSchedule();
  readonly #buffer = Buffer.alloc(64);
  #at = performance.now();
  #spent = this.#spentMs();
  #worst = { ...none, from: 0, to: 0 };
  /** The latest collections; they are told some turns of the loop later. */
  #collections: Span[] = [];
  #starts: Span[] = [];

  /** @param everyMs between two looks, which is no delay */
  constructor(everyMs = 2) {
    new PerformanceObserver((list) => {
      const told = list.getEntries().map(({ startTime: from, duration }) => ({ from, to: from + duration }));
      this.#collections = [...this.#collections, ...told].slice(-mostSpans);
    }).observe({ entryTypes: ['gc'] });
    onStart((span) => {
      this.#starts = [...this.#starts, span].slice(-mostSpans);
    });
    const look = () => {
      this.#look(everyMs);
      setTimeout(look, everyMs).unref();
    };
    setTimeout(look, everyMs).unref();
  }

  /** The longest hold since this was last asked. */
  takeWorst(): Hold {
    const { from, to, heldMs, ranMs } = this.#worst;
    const inside = (spans: readonly Span[]) =>
      spans.reduce((sum, one) => sum + Math.max(0, Math.min(one.to, to) - Math.max(one.from, from)), 0);
    this.#worst = { ...none, from: 0, to: 0 };
    return { heldMs, ranMs, gcMs: inside(this.#collections), startMs: inside(this.#starts), isBusy: isMachineBusy() };
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

/** Tells how long each start of a process took, by the method that all of Node's go through. */
function onStart(tell: (span: Span) => void): void {
  const { prototype } = ChildProcess as unknown as { prototype: { spawn(...given: unknown[]): unknown } };
  const { spawn } = prototype;
  prototype.spawn = function (...given) {
    const from = performance.now();
    try {
      return spawn.apply(this, given);
    } finally {
      tell({ from, to: performance.now() });
    }
  };
}

function openSchedule(): number | undefined {
  try {
    return openSync('/proc/self/schedstat', 'r');
  } catch {
    return undefined;
  }
}
