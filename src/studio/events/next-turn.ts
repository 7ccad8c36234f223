/** Long work in several turns of the event loop, so that others come in between. */

const waiting: (() => void)[] = [];

/**
 * Does it in a later turn of the event loop, one for each: fifty that are in the middle of long work would otherwise go
 * on in the same turn, each for some milliseconds.
 */
export function inNextTurn(work: () => void): void {
  waiting.push(work);
  if (waiting.length === 1) setImmediate(giveTurn);
}

/** Resolves in a later turn of the event loop, of its own. */
export const nextTurn = (): Promise<void> => new Promise(inNextTurn);

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

/** What takes long and is always the same: made when it is first asked for, however many ask meanwhile. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    made ??= make();
    return await made;
  };
}
