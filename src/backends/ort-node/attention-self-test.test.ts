import { afterAll, describe, expect, it } from 'vitest';
import type { Session } from '#engine/backend';
import { attentionSelfTest } from './attention-self-test.ts';
import { createOrtNodeBackend } from './cpu.ts';

describe('the self-test of attention', () => {
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  afterAll(() => backend.dispose());

  it('takes the fused form where it is right', async () => {
    expect(await attentionSelfTest((graph) => backend.compile(graph))).toBe('fused');
  });

  it.each([
    ['a seventh off', (x: number) => x * 1.14],
    ['not a number', () => Number.NaN],
    ['zero', () => 0],
  ])('takes the plain form where results are %s', async (_, wrong) => {
    const skewed = async (session: Session): Promise<Session> => ({
      ...session,
      async run(feeds) {
        const results = await session.run(feeds);
        const { causal } = results;
        return { ...results, causal: { ...causal!, data: (causal!.data as Float32Array).map(wrong) } };
      },
    });
    expect(await attentionSelfTest(async (graph) => skewed(await backend.compile(graph)))).toBe('plain');
  });
});
