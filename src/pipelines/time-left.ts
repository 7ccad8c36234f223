/** Steps over all batches and passes, for the time that is left. */
export class TimeLeft {
  #total: number;
  readonly #now: () => number;
  #started: number | undefined;
  #done = 0;

  /** `now`: milliseconds. */
  constructor(total: number, now: () => number) {
    this.#total = total;
    this.#now = now;
  }

  /** Starts the clock, once. */
  begin(): void {
    this.#started ??= this.#now();
  }

  /** So many steps will not be made. */
  skip(steps: number): void {
    this.#total -= Math.max(steps, 0);
  }

  /** Counts a step; returns the seconds left. */
  count(): number {
    this.#done++;
    const perStep = (this.#now() - (this.#started ?? 0)) / 1000 / this.#done;
    return perStep * Math.max(this.#total - this.#done, 0);
  }
}
