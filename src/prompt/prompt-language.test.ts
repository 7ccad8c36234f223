import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stripComments } from './comments.ts';
import { splitComposition } from './composition.ts';
import { type ExtraNetwork, extractExtraNetworks } from './extra-networks.ts';
import { applyStyles, extractStyle, findStyles } from './styles.ts';

interface Goldens {
  readonly composable: { readonly text: string; readonly result: [string, number][] }[];
  readonly extra_networks: {
    readonly text: string;
    readonly cleaned: string;
    readonly networks: ExtraNetwork[];
  }[];
  readonly extra_networks_batch: {
    readonly prompts: string[];
    readonly cleaned: string[];
    readonly networks_used: { readonly kind: string; readonly args: string[] }[];
  };
  readonly styles: { readonly prompt: string; readonly styles: string[]; readonly result: string }[];
  readonly style_extraction: {
    readonly style: string;
    readonly prompt: string;
    readonly matched: boolean;
    readonly result: string;
  }[];
  readonly comments: { readonly text: string; readonly result: string }[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../test/goldens/data/numeric/prompts.json', import.meta.url), 'utf8'),
) as Goldens;

const titled = <T>(cases: readonly T[], title: (c: T) => string): [string, T][] =>
  cases.map((c) => [JSON.stringify(title(c)), c]);

describe('composition', () => {
  it.each(titled(goldens.composable, (c) => c.text))('splits %s', (_, c) => {
    expect(splitComposition(c.text).map(({ text, weight }) => [text, weight])).toEqual(c.result);
  });

  it('knows words of other scripts from AND', () => {
    expect(splitComposition('猫AND犬')).toEqual([{ text: '猫AND犬', weight: 1 }]);
  });
});

describe('extra networks', () => {
  it.each(titled(goldens.extra_networks, (c) => c.text))('takes from %s', (_, c) => {
    expect(extractExtraNetworks(c.text)).toEqual({ prompt: c.cleaned, networks: c.networks });
  });

  it('takes those of the first prompt of a batch', () => {
    const { prompts, cleaned, networks_used } = goldens.extra_networks_batch;
    const results = prompts.map(extractExtraNetworks);
    expect(results.map(({ prompt }) => prompt)).toEqual(cleaned);
    expect(results[0]!.networks.map(({ kind, args }) => ({ kind, args }))).toEqual(networks_used);
  });

  it('keeps a named argument that looks like a property of objects', () => {
    const [network] = extractExtraNetworks('<lora:a:__proto__=1:te=x=y>').networks;
    expect(Object.entries(network!.named)).toEqual([
      ['__proto__', '1'],
      ['te', 'x=y'],
    ]);
  });

  it('takes an endless unclosed list in linear time', () => {
    const text = '<a:'.repeat(100_000);
    expect(extractExtraNetworks(text)).toEqual({ prompt: text, networks: [] });
  });
});

describe('styles', () => {
  it.each(titled(goldens.styles, (c) => `${c.prompt} + ${c.styles.join(' + ')}`))('applies %s', (_, c) => {
    expect(applyStyles(c.prompt, c.styles)).toBe(c.result);
  });

  it.each(titled(goldens.style_extraction, (c) => `${c.style} from ${c.prompt}`))('extracts %s', (_, c) => {
    expect(extractStyle(c.prompt, c.style)).toBe(c.matched ? c.result : undefined);
  });

  it('extracts a style that overlaps itself or ends inside a word', () => {
    const known = [
      { name: 'none', prompt: '', negativePrompt: '' },
      { name: 'film', prompt: '{prompt}, film', negativePrompt: 'blur' },
      { name: 'old', prompt: 'an old photo of {prompt}', negativePrompt: '' },
    ];
    expect(findStyles('an old photo of a fox, film', 'text, blur', known)).toEqual({
      styles: ['old', 'film'],
      prompt: 'a fox',
      negativePrompt: 'text',
    });
    expect(findStyles('a fox, film', 'text', known).styles).toEqual([]);
    expect(extractStyle('a', 'a{prompt}a')).toBe('');
    expect(extractStyle('a kettle', 'le')).toBe('a kett');
  });

  it('does not read replacement patterns in a prompt', () => {
    expect(applyStyles("$& $1 $'", ['<{prompt}>'])).toBe("<$& $1 $'>");
  });
});

describe('comments', () => {
  it.each(titled(goldens.comments, (c) => c.text))('strips %s', (_, c) => {
    expect(stripComments(c.text)).toBe(c.result);
  });
});
