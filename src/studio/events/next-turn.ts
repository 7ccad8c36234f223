/** Long work in several turns of the event loop, so that others come in between. */

export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** The items, so many of them in each turn: what is done with each may take a millisecond. */
export async function* inTurns<Item>(items: Iterable<Item>, inOneTurn = 25): AsyncGenerator<Item> {
  let done = 0;
  for (const item of items) {
    if (done > 0 && done % inOneTurn === 0) await nextTurn();
    done++;
    yield item;
  }
}
