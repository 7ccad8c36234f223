import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whole folders that take minutes; one of them begun last would leave a core idle. */
const long = /\/test\/(conformance|browser|faults|package)\//;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => long.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    sequence: { sequencer: LongFirst },
  },
});
