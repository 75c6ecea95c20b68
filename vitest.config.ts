import { defineConfig } from 'vitest/config';

/** Files of the end-to-end projects share a system and a machine of two cores: one after the other. */
const endToEnd = { testTimeout: 60_000, hookTimeout: 400_000, fileParallelism: false };
const onOneSystem = {
  ...endToEnd,
  include: ['tests/e2e/*.test.ts'],
  globalSetup: ['tests/e2e/harness/global-setup.ts'],
};

export default defineConfig({
  test: {
    // A test waits for its database, which is another process, half of the time.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'tests/architecture/**/*.test.ts',
            'tests/ai/**/*.test.ts',
            'docs/examples/**/*.test.ts',
          ],
          globalSetup: ['src/local/testing/database-template.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      // The same files, once per composition.
      { test: { name: 'e2e-split', ...onOneSystem } },
      { test: { name: 'e2e-monolith', ...onOneSystem } },
      // Tests that break or stop a system start their own.
      {
        test: {
          name: 'e2e-faults',
          ...endToEnd,
          include: ['tests/e2e/faults/*.test.ts', 'tests/faults/*.test.ts'],
          testTimeout: 180_000,
        },
      },
    ],
  },
});
