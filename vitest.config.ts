import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: [
      // Processes that tests start run what is built once, not the sources through tsx.
      {
        find: /^(#studio\/files|\.{1,2}(\/.*)?)\/own-module(\.ts)?$/,
        replacement: fileURLToPath(new URL('test/fixtures/built-module.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'recipes/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/fixtures/build-folder.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One session of the runtime already uses every core; more than two workers only thrash.
    maxWorkers: 2,
    pool: 'forks',
  },
});
