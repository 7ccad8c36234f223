import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EventOutbox } from './event-outbox.ts';

function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it('writes at once what is soon written, and spreads over turns what is not, in order', async () => {
  const outbox = new EventOutbox();
  const written: number[] = [];
  outbox.add(() => {
    written.push(0);
    return 1;
  });
  expect(written).toEqual([0]);
  for (let i = 1; i <= 6; i++) {
    outbox.add(() => {
      work(10);
      written.push(i);
      if (i === 2) outbox.add(() => written.push(7));
      return 1;
    });
  }
  // The second one too, unless something else has held this turn for as long as one may take.
  expect([[0], [0, 1]]).toContainEqual(written);
  await nextTurn();
  expect(written.length).toBeLessThan(6);
  for (let turns = 0; turns < 20 && written.length < 8; turns++) await nextTurn();
  expect(written).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('hands no more to the system in one turn than it copies in a few milliseconds', async () => {
  const outbox = new EventOutbox();
  let written = 0;
  for (let i = 0; i < 40; i++) {
    outbox.add(() => {
      written++;
      return 2 ** 18;
    });
  }
  for (let turns = 0, before = 0; turns < 20; turns++) {
    expect(written - before).toBeLessThanOrEqual(4);
    before = written;
    await nextTurn();
  }
  expect(written).toBe(40);
});
