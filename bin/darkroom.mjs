#!/usr/bin/env node
// A checkout runs its sources, so that it works without a build; the published package has them as JavaScript.
import { existsSync } from 'node:fs';

if (existsSync(new URL('../src/cli/main.ts', import.meta.url))) {
  const { register } = await import('tsx/esm/api');
  register();
  await import('../src/cli/main.ts');
} else {
  await import('../lib/cli/main.js');
}
