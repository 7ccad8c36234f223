import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkRng, type RngFile } from '../../../test/goldens/rng-rows.ts';
import { PhiloxGenerator } from './philox.ts';
import { TorchCpuGenerator } from './torch-cpu.ts';

const golden = new URL('../../../test/goldens/data/numeric/rng.json', import.meta.url);
const checks = [...checkRng(JSON.parse(readFileSync(golden, 'utf8')) as RngFile)];

describe('golden noise', () => {
  it('covers every section', () => {
    const sections = new Set(checks.map((check) => check.name.split('/')[0]));
    expect([...sections].sort()).toEqual(['cpu_randn', 'mixed', 'philox', 'uniform']);
  });

  it('agrees in every row', () => {
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe.each([
  ['torch-cpu', TorchCpuGenerator],
  ['philox', PhiloxGenerator],
] as const)('%s state', (kind, Generator) => {
  it('continues bit for bit after a round trip through JSON', () => {
    const generator = new Generator(2 ** 40 + 7);
    generator.randn([3]);
    generator.randn([700]);
    const saved = JSON.parse(JSON.stringify(generator.save()));
    const expected = [generator.randn([5]), generator.randn([40])];
    const resumed = new Generator(0);
    resumed.restore(saved);
    expect([resumed.randn([5]), resumed.randn([40])]).toEqual(expected);
  });

  it('refuses the state of another stream', () => {
    expect(() => new Generator(1).restore({ kind: 'other' })).toThrow(`cannot continue a ${kind} stream`);
  });
});

describe('torch-cpu', () => {
  it('draws a permutation of every element', () => {
    const order = new TorchCpuGenerator(5).permutation(100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it.each([-1, 1.5, Number.NaN])('refuses the seed %s', (seed) => {
    expect(() => new TorchCpuGenerator(seed)).toThrow('whole number');
  });
});
