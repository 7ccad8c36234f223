/** A few of the cases of `training-methods`; `npm run goldens` has them all. */

import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { suites } from './suites.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

it('trains as PyTorch does', { timeout: 300_000 }, async () => {
  const fixture = 'training-methods/cases.json';
  const suite = suites.find((each) => each.fixture === fixture)!;
  let count = 0;
  for await (const outcome of suite.run(fileURLToPath(new URL(`./data/${fixture}`, import.meta.url)), backend)) {
    if ('skipped' in outcome) throw new Error(`${outcome.name} was skipped`);
    expect(outcome.error, outcome.name).toBeLessThanOrEqual(outcome.tolerance);
    count++;
  }
  expect(count).toBeGreaterThan(30);
});
