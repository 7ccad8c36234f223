import { describe, expect, it } from 'vitest';
import { networkHashes, renameNetwork } from './network-hashes.ts';

describe('networks that an infotext names with hashes', () => {
  it('are found in A1111’s lists and in Civitai’s', () => {
    const text =
      'a\nSteps: 2, Sampler: Euler, Seed: 1, Lora hashes: "fox style: 0123456789AB, x: not hex, b: abcdef012345", ' +
      'TI hashes: "gold: 0011223344", Hashes: {"model": "1234567890", "lora:c": "aabbccddee", "embed:d": "0987654321", "x": 5}';
    expect(networkHashes(text)).toEqual([
      { kind: 'lora', name: 'fox style', hash: '0123456789ab' },
      { kind: 'lora', name: 'b', hash: 'abcdef012345' },
      { kind: 'embedding', name: 'gold', hash: '0011223344' },
      { kind: 'lora', name: 'c', hash: 'aabbccddee' },
      { kind: 'embedding', name: 'd', hash: '0987654321' },
    ]);
    expect(networkHashes('a\nSteps: 2, Sampler: Euler, Seed: 1, Hashes: {"lora')).toEqual([]);
  });

  it('are the last two parts of each entry, in linear time', () => {
    const named = (list: string) => networkHashes(`a\nSteps: 2, Sampler: Euler, Seed: 1, Lora hashes: "${list}"`);
    expect(named('a:b: 0123456789, :0123456789, c:, 0123456789')).toMatchObject([{ name: 'b', hash: '0123456789' }]);
    expect(named('a'.repeat(1_000_000))).toEqual([]);
  });

  it('are renamed where prompts name them, and nowhere else', () => {
    const lora = { kind: 'lora', name: 'fox.v1+' } as const;
    const prompt = 'fox.v1+ <lora:fox.v1+:0.5:1> <lyco:fox.v1+> <lora:fox.v1+2:1> <hypernet:fox.v1+:1>';
    expect(renameNetwork(prompt, lora, '$& new')).toBe(
      'fox.v1+ <lora:$& new:0.5:1> <lyco:$& new> <lora:fox.v1+2:1> <hypernet:fox.v1+:1>',
    );
    expect(renameNetwork('Gold, golden (gold:1.2)', { kind: 'embedding', name: 'gold' }, 'au')).toBe(
      'au, golden (au:1.2)',
    );
  });
});
