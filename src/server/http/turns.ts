import { nextTurn } from '#studio/events/next-turn';

/**
 * Requests that arrive together are begun one in each turn of the event loop. Each does a few milliseconds of work
 * before it first waits for anything, and fifty of them in one turn would hold up the pictures' events by all of that.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves in a turn of its own, in order of asking. */
  next(): Promise<void> {
    this.#last = this.#last.then(nextTurn);
    return this.#last;
  }
}
