import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSamplers, type SamplersFile } from '../../../test/goldens/sampler-rows.ts';

const golden = new URL('../../../test/goldens/data/numeric/samplers.json', import.meta.url);
const file = JSON.parse(readFileSync(golden, 'utf8')) as SamplersFile;

describe('golden trajectories', () => {
  it('agree in every row', async () => {
    const names = new Set<string>();
    const failures: string[] = [];
    for await (const { name, error, tolerance } of checkSamplers(file)) {
      names.add(name.split('/').slice(0, 4).join('/'));
      if (!(error <= tolerance)) failures.push(`${name}: ${error}`);
    }
    expect(failures).toEqual([]);
    expect(names.size).toBe(file.runs.length);
  });
});
