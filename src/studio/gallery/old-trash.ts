/**
 * Empties the trash of what has been there for long enough, unless the clock may be wrong: what is due must be so at
 * two looks, between which the clock went as time does. A clock that jumps for a moment destroys nothing.
 */

/** By how much the clock may go differently from time between two looks. */
const toleranceMs = 60_000;

export interface Clock {
  /** Milliseconds since 1970, as the system has it. */
  now(): number;
  /** Milliseconds that only go forward. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export class TrashClock {
  readonly #clock: Clock;
  #last: { readonly now: number; readonly monotonic: number } | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /**
   * To be asked now and then.
   * @returns the time before which trash is surely old; undefined when that is not certain
   */
  look(ageMs: number): number | undefined {
    const last = this.#last;
    const look = { now: this.#clock.now(), monotonic: this.#clock.monotonic() };
    this.#last = look;
    if (!last) return undefined;
    const drift = Math.abs(look.now - last.now - (look.monotonic - last.monotonic));
    return drift > toleranceMs ? undefined : Math.min(last.now, look.now) - ageMs;
  }
}
