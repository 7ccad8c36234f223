import { describe, expect, it } from 'vitest';
import { f32, type HostTensor } from '#core/tensor';
import type { Session } from '#engine/backend';
import * as b from '#graph/build';
import { symbol } from '#graph/dim';
import { interpret } from '#graph/interpret';
import { closeGraph } from '#graph/value';
import { inRows } from './rows.ts';

const batch = symbol('batch');
const x = b.input('sample', 'f32', [batch, 2]);
const t = b.input('timestep', 'f32', [batch]);
const shared = b.input('shared', 'f32', [2]);
const graph = closeGraph('g', { y: b.add(b.mul(x, b.reshape(t, [batch, 1])), shared) });

function counting(): Session & { rows: number[] } {
  const rows: number[] = [];
  const run = async (feeds: Readonly<Record<string, HostTensor>>) => {
    rows.push(feeds.sample!.shape[0]!);
    return interpret(graph, feeds);
  };
  return { graph, run, dispose: async () => {}, rows };
}

describe('inRows', () => {
  it.each([
    [1, [1, 1, 1, 1, 1]],
    [2, [2, 2, 1]],
    [5, [5]],
  ])('runs at most %d rows and gives the same', async (most, expected) => {
    const session = counting();
    const feeds = {
      sample: f32(
        [5, 2],
        Array.from({ length: 10 }, (_, i) => i),
      ),
      timestep: f32([5], [1, 2, 3, 4, 5]),
      shared: f32([2], [10, 20]),
    };
    const { y } = await inRows(session, 'sample', most).run(feeds);
    expect(session.rows).toEqual(expected);
    expect(y).toEqual(interpret(graph, feeds).y);
  });
});
