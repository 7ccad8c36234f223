import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'recipes/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    // One session of the runtime already uses every core; more than two workers only thrash.
    maxWorkers: 2,
    pool: 'forks',
  },
});
