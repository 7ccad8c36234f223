import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EventOutbox } from './event-outbox.ts';

function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it('writes at once what is soon written, and spreads over turns what is not, in order', async () => {
  const outbox = new EventOutbox();
  const written: number[] = [];
  outbox.add(() => written.push(0));
  expect(written).toEqual([0]);
  for (let i = 1; i <= 6; i++) {
    outbox.add(() => {
      work(10);
      written.push(i);
      if (i === 2) outbox.add(() => written.push(7));
    });
  }
  expect(written).toEqual([0, 1]);
  await nextTurn();
  expect(written.length).toBeLessThan(6);
  for (let turns = 0; turns < 20 && written.length < 8; turns++) await nextTurn();
  expect(written).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
