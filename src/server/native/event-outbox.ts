/**
 * Events on their way to many readers. One turn of the event loop writes for a few milliseconds and leaves the rest to
 * the next: long events for hundreds of readers would hold it. Each reader gets them in their order.
 */

const mostMs = 8;

export class EventOutbox {
  readonly #waiting: (() => void)[] = [];
  /** When this turn has written for long enough; undefined before it has written anything. */
  #until: number | undefined;

  /** Now, or when its turn comes; it must not throw. */
  add(write: () => void): void {
    this.#waiting.push(write);
    this.#writeSome();
  }

  #writeSome(): void {
    if (this.#until === undefined) {
      this.#until = performance.now() + mostMs;
      setImmediate(() => {
        this.#until = undefined;
        if (this.#waiting.length > 0) this.#writeSome();
      });
    }
    while (this.#waiting.length > 0 && performance.now() <= this.#until) this.#waiting.shift()!();
  }
}
