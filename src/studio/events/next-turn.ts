/** Long work in several turns of the event loop, so that others come in between. */

const waiting: (() => void)[] = [];

/**
 * Resolves in a later turn of the event loop, and for one at a time: fifty that are in the middle of long work would
 * otherwise go on in the same turn, each for some milliseconds.
 */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(giveTurn);
  });

function giveTurn(): void {
  const next = waiting.shift()!;
  if (waiting.length > 0) setImmediate(giveTurn);
  next();
}

/** Milliseconds of work after which others have their turn: records may be long. */
export const longTurn = 8;

/** The items, so many of them in each turn at most: what is done with each may take a millisecond, or several. */
export async function* inTurns<Item>(items: Iterable<Item>, inOneTurn = 25): AsyncGenerator<Item> {
  let done = 0;
  let began = performance.now();
  for (const item of items) {
    if (done === inOneTurn || (done > 0 && performance.now() - began > longTurn)) {
      await nextTurn();
      done = 0;
      began = performance.now();
    }
    done++;
    yield item;
  }
}
