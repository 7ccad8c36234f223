/** Packed weights (GGUF, 8-bit floats, scaled) against the reference's values, and U-Nets that run on them. */

import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { checkQuantised } from './quantised-rows.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

describe('packed weights', () => {
  it('unpack and run as the reference says', async () => {
    const file = fileURLToPath(new URL('./data/models/quantised/cases.json', import.meta.url));
    const names: string[] = [];
    for await (const { name, error, tolerance } of checkQuantised(file, backend)) {
      names.push(name);
      expect(error, name).toBeLessThanOrEqual(tolerance);
    }
    expect(names).toHaveLength(34);
  });
});
