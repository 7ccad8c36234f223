/**
 * Events on their way to many readers. One turn of the event loop writes for a few milliseconds, and no more than the
 * system copies in a few (it does so when the turn's code is done), and leaves the rest to the next: long events for
 * hundreds of readers would hold it. Each reader gets them in their order.
 */

import { inNextTurn } from '#studio/events/next-turn';

const mostMs = 8;
const mostBytes = 2 ** 20;

export class EventOutbox {
  #waiting: (() => number)[] = [];
  /** Of the next one; taking the first off a list of tens of thousands moves them all. */
  #next = 0;
  /** When this turn has written for long enough; undefined before it has written anything. */
  #until: number | undefined;
  #bytes = 0;

  /** Now, or when its turn comes. @param write says how many bytes it wrote; it must not throw */
  add(write: () => number): void {
    this.#waiting.push(write);
    this.#writeSome();
  }

  #writeSome(): void {
    if (this.#until === undefined) {
      this.#until = performance.now() + mostMs;
      inNextTurn(() => {
        this.#until = undefined;
        this.#bytes = 0;
        if (this.#isWaiting()) this.#writeSome();
      });
    }
    while (this.#isWaiting() && this.#bytes < mostBytes && performance.now() <= this.#until)
      this.#bytes += this.#waiting[this.#next++]!();
    if (this.#next < this.#waiting.length / 2) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }

  #isWaiting(): boolean {
    return this.#next < this.#waiting.length;
  }
}
