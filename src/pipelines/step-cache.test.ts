import { describe, expect, it } from 'vitest';
import { f32, type HostTensor } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { deepFeatures } from '#models/adjust/deep-cache';
import { cachedSession } from './step-cache.ts';

/** Sessions that tell when they were run, and the features by the run that made them. */
function sessions() {
  const runs: string[] = [];
  const answer = (value: number): HostTensor => f32([1], Float32Array.of(value));
  const named = (...names: string[]) => ({ inputs: names.map((name) => ({ attrs: { name } })) });
  const whole = {
    graph: named('sample', 'context', 'control'),
    run: async () => {
      runs.push('whole');
      return { prediction: answer(0), [deepFeatures]: answer(runs.length) };
    },
  } as unknown as Session;
  const shallow = {
    graph: named('sample', 'context', deepFeatures),
    run: async (feeds: Feeds) => {
      expect(Object.keys(feeds).sort()).toEqual(['context', deepFeatures, 'sample']);
      runs.push(`shallow ${feeds[deepFeatures]!.data[0]}`);
      return { prediction: answer(1) };
    },
  } as unknown as Session;
  return { runs, whole, shallow };
}

const feedsOf = (batch: number, tokens: number): Feeds => ({
  sample: f32([batch, 1], new Float32Array(batch)),
  context: f32([batch, tokens], new Float32Array(batch * tokens)),
  control: f32([1], new Float32Array(1)),
});

describe('a step cache', () => {
  it('runs the whole network every so many calls, and keeps its deep part for the others', async () => {
    const { runs, whole, shallow } = sessions();
    const session = cachedSession(whole, shallow, 3);
    for (let i = 0; i < 5; i++) expect(await session.run(feedsOf(2, 77))).not.toHaveProperty(deepFeatures);
    expect(runs).toEqual(['whole', 'shallow 1', 'shallow 1', 'whole', 'shallow 4']);
  });

  it('tells passes apart by their shapes', async () => {
    const { runs, whole, shallow } = sessions();
    const session = cachedSession(whole, shallow, 2);
    for (const [batch, tokens] of [
      [1, 77],
      [1, 154],
      [1, 77],
      [1, 154],
      [2, 77],
    ] as const) {
      await session.run(feedsOf(batch, tokens));
    }
    expect(runs).toEqual(['whole', 'whole', 'shallow 1', 'shallow 2', 'whole']);
  });
});
