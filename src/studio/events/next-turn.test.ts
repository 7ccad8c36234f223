import { setImmediate as untilNext } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inNextTurn } from './next-turn.ts';

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
