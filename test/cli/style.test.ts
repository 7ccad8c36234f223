/** cpu: styles of another web UI, found by its folder of models. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cli } from './run-cli.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-styles-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('lists the styles beside a folder of models', async () => {
  const models = join(root, 'webui/models');
  mkdirSync(models, { recursive: true });
  writeFileSync(join(root, 'webui/styles.csv'), 'name,prompt,negative_prompt\nnice,a nice {prompt},ugly\n');
  const outputs = join(root, 'outputs');
  mkdirSync(outputs);
  const { code, stdout } = await cli('style', 'list', '--models-dir', models, '--outputs', outputs);
  expect(stdout).toMatch(/^nice +a nice \{prompt\} +ugly$/m);
  expect(code).toBe(0);
});
