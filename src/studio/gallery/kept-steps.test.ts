import { expect, it } from 'vitest';
import type { TraceEvent } from '#pipelines/trace';
import { StepsToKeep } from './kept-steps.ts';

it('keeps the steps of a job as far as there is room, and tells of the others', async () => {
  const picture = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
  const event: TraceEvent = {
    type: 'trace',
    direction: 'reverse',
    step: 0,
    sigma: 1,
    noised: picture,
    latent: picture,
  };
  const all = new StepsToKeep();
  for (let step = 0; step < 4; step++) await all.add({ ...event, step });
  expect(all.warning).toBeUndefined();
  const kept = all.take();
  expect([kept.length, all.count]).toEqual([4, 0]);
  const room = kept[0]!.noised.length + kept[0]!.latent.length;
  const some = new StepsToKeep(2.5 * room);
  for (let step = 0; step < 5; step++) await some.add({ ...event, step });
  expect(some.take().map(({ step }) => step)).toEqual([0, 1]);
  expect(some.warning).toMatch(/^3 steps were not kept/);
});
