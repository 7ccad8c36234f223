/** unit: merged tokens against plain loops over the definition, with the reference interpreter and on the CPU. */

import { describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32 } from '#core/tensor';
import { attention, imageToTokens, input, linear, parameter, tokensToImage } from '#graph/build';
import { symbol } from '#graph/dim';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import { mergesTokens, withTokenMerging } from './token-merging.ts';

const channels = 4;

/** Self-attention of one head over a picture, the values being the tokens themselves, and nothing else. */
function attends(height: number, width: number, finest = true): Graph {
  const sample = input('sample', 'f32', [symbol('batch'), channels, height, width]);
  const tokens = imageToTokens(sample);
  const by = (name: string) => linear(tokens, parameter(`block.attn${finest ? 1 : 2}.${name}.weight`, [4, 4]));
  const attended = attention(by('to_q'), by('to_k'), by('to_v'), { heads: 1 });
  return closeGraph('attends', { prediction: tokensToImage(attended, height, width) });
}

const weights = Object.fromEntries(
  ['to_q', 'to_k', 'to_v'].map((name, n) => [
    `block.attn1.${name}.weight`,
    f32(
      [4, 4],
      Array.from({ length: 16 }, (_, i) => Math.sin(5 * i + n + 1)),
    ),
  ]),
);

type Token = readonly number[];
const dot = (a: Token, b: Token): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
const times = (weight: ArrayLike<number>, x: Token): number[] =>
  Array.from({ length: 4 }, (_, row) => dot(Array.from(weight).slice(4 * row, 4 * row + 4), x));

/** By loops: tokens joined, attention over what is left, the answer given to each of them. */
function oracle(tokens: readonly Token[], height: number, width: number, ratio: number): number[][] {
  const isDestination = (p: number): boolean => {
    const [row, column] = [Math.floor(p / width), p % width];
    return row % 2 === 0 && column % 2 === 0 && row < height - (height % 2) && column < width - (width % 2);
  };
  const all = tokens.map((_, p) => p);
  const destinations = all.filter(isDestination);
  const likeness = (a: Token, b: Token): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const pairs = all
    .filter((p) => !isDestination(p))
    .map((from) => {
      const to = destinations.reduce((best, p) =>
        likeness(tokens[from]!, tokens[p]!) > likeness(tokens[from]!, tokens[best]!) ? p : best,
      );
      return { from, to, like: likeness(tokens[from]!, tokens[to]!) };
    })
    .toSorted((a, b) => b.like - a.like || a.from - b.from);
  const joined = pairs.slice(0, Math.min(pairs.length, Math.floor(all.length * ratio)));
  const standsFor = new Map(joined.map(({ from, to }) => [from, to]));
  const left = all.filter((p) => !standsFor.has(p));
  const means = left.map((p) => {
    const group = all.filter((q) => (standsFor.get(q) ?? q) === p).map((q) => tokens[q]!);
    return group[0]!.map((_, c) => group.reduce((total, each) => total + each[c]!, 0) / group.length);
  });
  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) =>
    means.map((x) => times(weights[`block.attn1.${name}.weight`]!.data, x)),
  );
  const answers = left.map((_, i) => {
    const scores = left.map((_, j) => Math.exp(dot(q![i]!, k![j]!) / 2));
    const total = scores.reduce((sum, score) => sum + score, 0);
    return v![0]!.map((_, c) => scores.reduce((sum, score, j) => sum + (score / total) * v![j]![c]!, 0));
  });
  return all.map((p) => answers[left.indexOf(standsFor.get(p) ?? p)]!);
}

/** Pictures of a batch, [b, c, h, w]; every third cell repeats its neighbour, so that likenesses are equal too. */
function pictures(batch: number, height: number, width: number) {
  const cells = height * width;
  const value = (n: number, c: number, p: number): number => Math.sin(7 * n + 3 * c + (p % 3 === 2 ? p - 1 : p));
  const data = Array.from({ length: batch * channels * cells }, (_, i) =>
    value(Math.floor(i / (channels * cells)), Math.floor(i / cells) % channels, i % cells),
  );
  return f32([batch, channels, height, width], data);
}

describe('token merging', () => {
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  const sizes = [
    [4, 6, 0.5],
    [5, 3, 0.3],
    [4, 4, 0.9],
  ] as const;

  it.each(sizes)('joins %d x %d tokens, %f of them, as the loops do', async (height, width, ratio) => {
    const sample = pictures(2, height, width);
    const cells = height * width;
    const graph = withTokenMerging(attends(height, width), ratio);
    const interpreted = interpret(graph, { ...weights, sample }).prediction!.data as ArrayLike<number>;
    const source = { get: (name: string) => ({ kind: 'memory', tensor: weights[name]! }) as const };
    const session = await backend.compile(graph, { weights: source });
    const computed = (await session.run({ sample })).prediction!.data as ArrayLike<number>;
    await session.dispose();
    for (const [i, value] of Array.from(computed).entries()) expect(value).toBeCloseTo(interpreted[i]!, 5);
    for (const n of [0, 1]) {
      const at = (c: number, p: number): number => (n * channels + c) * cells + p;
      const tokens = Array.from({ length: cells }, (_, p) =>
        Array.from({ length: channels }, (_, c) => Number(sample.data[at(c, p)])),
      );
      for (const [p, token] of oracle(tokens, height, width, ratio).entries()) {
        for (const [c, want] of token.entries()) expect(interpreted[at(c, p)], `${n} ${c} ${p}`).toBeCloseTo(want, 5);
      }
    }
  });

  it('leaves other attentions and levels alone', () => {
    expect(mergesTokens(attends(4, 4))).toBe(true);
    const other = attends(4, 4, false);
    expect(mergesTokens(other)).toBe(false);
    expect(withTokenMerging(attends(4, 4), 0.01).outputs.prediction!.inputs).toHaveLength(1);
  });
});
