import { defineConfig } from 'vitest/config';

const never = ['**/node_modules/**', 'out/**', 'dist/**', 'mobile/**'];

const seen = ['e2e/{interface,electron}/**/*.process.test.ts'];

// No retries anywhere: a test that passes on the second try has found something.
export default defineConfig({
  test: {
    // Two cores are what CI has.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...never, '**/*.process.test.ts'],
          // A deadline for what hangs, not a timing: the computer may be busy.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          // Tests that start real processes (nodes, Chromium, containers): one file at a time, after the
          // unit tests, so that their timings are not those of a starved computer.
          name: 'process',
          include: ['**/*.process.test.ts'],
          exclude: [...never, ...seen],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // The app as a person sees it. One build, one browser and one set of nodes serve all files; two files at a time,
          // since a journey mostly waits.
          name: 'e2e',
          include: seen,
          exclude: never,
          globalSetup: ['e2e/setup.ts'],
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
