import { setImmediate as untilNext } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inNextTurn, inTurns } from './next-turn.ts';

it('gives each who waits a turn of the event loop of their own, in their order', async () => {
  const gone: number[] = [];
  for (let i = 0; i < 5; i++) inNextTurn(() => gone.push(i));
  const seen: number[] = [];
  for (let turns = 0; turns < 6; turns++) {
    await untilNext();
    seen.push(gone.length);
  }
  expect(gone).toEqual([0, 1, 2, 3, 4]);
  expect(seen).toEqual([1, 2, 3, 4, 5, 5]);
});

it('works on so many of a list in one turn, and for no more than a few milliseconds', async () => {
  let inThisTurn = 0;
  let most = 0;
  let next = setImmediate(function tick() {
    inThisTurn = 0;
    next = setImmediate(tick);
  });
  for await (const _ of inTurns(Array(12).keys(), 3)) most = Math.max(most, ++inThisTurn);
  expect(most).toBe(3);
  inThisTurn = 0;
  most = 0;
  for await (const _ of inTurns(Array(12).keys())) {
    most = Math.max(most, ++inThisTurn);
    for (const until = performance.now() + 5; performance.now() < until; );
  }
  clearImmediate(next);
  expect(most).toBeLessThanOrEqual(2);
});
