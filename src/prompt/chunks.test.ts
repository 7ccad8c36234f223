import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '#core/errors';
import type { FindEmbedding } from './chunks.ts';
import { evenChunks, planPrompt } from './encode-plan.ts';
import { createClipTokenizer } from './tokenizer.ts';

interface ChunkGolden {
  readonly text: string;
  readonly comma_backtrack: number;
  readonly token_count: number;
  readonly chunks: { readonly ids: number[]; readonly weights: number[] }[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/prompts.json', import.meta.url), 'utf8'),
) as { chunking: ChunkGolden[] };

const tokenizer = createClipTokenizer();
const clip = { tokenizer, padId: 49407 };
const openClip = { tokenizer, padId: 0 };
const repeat = (word: string, count: number): string => Array.from({ length: count }, () => word).join(' ');

describe('chunks', () => {
  it.each(goldens.chunking.map((c) => [JSON.stringify(c.text).slice(0, 60), c.comma_backtrack, c] as const))(
    'cuts %s with backtrack %i',
    (_, commaBacktrack, c) => {
      const { chunks, tokenCount } = planPrompt(c.text, { ...clip, commaBacktrack });
      expect(tokenCount).toBe(c.token_count);
      expect(chunks.map(({ ids }) => ids)).toEqual(c.chunks.map(({ ids }) => ids));
      chunks.forEach(({ multipliers }, i) => {
        multipliers.forEach((weight, j) => {
          expect(Math.abs(weight - c.chunks[i]!.weights[j]!)).toBeLessThanOrEqual(1e-12);
        });
      });
    },
  );

  it('pads OpenCLIP with 0 after the end token', () => {
    const [chunk] = planPrompt('a cat', openClip).chunks;
    expect(chunk!.ids.slice(0, 6)).toEqual([49406, 320, 2368, 49407, 0, 0]);
    expect(chunk!.ids).toHaveLength(77);
  });

  it('takes brackets and BREAK literally without emphasis', () => {
    const { chunks } = planPrompt('(a) BREAK b', { ...clip, emphasis: 'None' });
    expect(chunks).toHaveLength(1);
    expect(chunks[0]!.ids.slice(1, 6)).toEqual(tokenizer.encode('(a) break b'));
  });

  it('evens prompts out with empty chunks', () => {
    const long = planPrompt(repeat('cat', 160), openClip).chunks;
    const [evenLong, evenShort] = evenChunks([long, planPrompt('', openClip).chunks], openClip);
    expect(evenLong).toEqual(long);
    expect(evenShort).toHaveLength(3);
    expect(evenShort![2]).toEqual(planPrompt('', openClip).chunks[0]);
  });
});

describe('embeddings in chunks', () => {
  const dogId = tokenizer.encode('dog')[0]!;
  const dogAs =
    (vectors: number): FindEmbedding =>
    (ids, position) =>
      ids[position] === dogId ? { name: 'dog', vectors, tokens: 1 } : undefined;

  it('holds its place with zeros of its weight', () => {
    const [chunk] = planPrompt('a (dog:1.5) b', { ...clip, findEmbedding: dogAs(3) }).chunks;
    expect(chunk!.insertions).toEqual([{ name: 'dog', position: 2, vectors: 3 }]);
    expect(chunk!.ids.slice(1, 6)).toEqual([320, 0, 0, 0, tokenizer.encode('b')[0]]);
    expect(chunk!.multipliers.slice(1, 6)).toEqual([1, 1.5, 1.5, 1.5, 1]);
  });

  it('starts a chunk where it would not fit', () => {
    const { chunks } = planPrompt(`${repeat('cat', 70)} dog`, { ...clip, findEmbedding: dogAs(6) });
    expect(chunks.map(({ insertions }) => insertions)).toEqual([[], [{ name: 'dog', position: 1, vectors: 6 }]]);
  });

  it('moves with the words after the last comma', () => {
    const text = `${repeat('cat', 70)}, dog cat cat cat cat`;
    const { chunks } = planPrompt(text, { ...clip, findEmbedding: dogAs(2) });
    expect(chunks.map(({ insertions }) => insertions)).toEqual([[], [{ name: 'dog', position: 1, vectors: 2 }]]);
    expect(chunks[1]!.ids.slice(0, 5)).toEqual([49406, 0, 0, 2368, 2368]);
  });

  it('refuses more vectors than a chunk holds', () => {
    expect(() => planPrompt('dog', { ...clip, findEmbedding: dogAs(76) })).toThrow(UserError);
  });
});
