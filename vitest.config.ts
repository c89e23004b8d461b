import { defineConfig } from 'vitest/config';
import { OutcomeReporter } from './scripts/outcome-reporter.ts';

const outcomePath = process.env['HOLDFAST_TEST_OUTCOME'];

export default defineConfig({
  test: {
    // Two cores are what the slowest machine has that runs these; processes, because signals and umask are per process.
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    reporters: ['default', ...(outcomePath === undefined ? [] : [new OutcomeReporter(outcomePath)])],
    globalSetup: ['test/fixtures/shared-postgres-setup.ts'],
    // Real servers and file systems on a busy machine: a time limit finds what hangs, not what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts', 'test/*.test.ts'] },
      },
      { extends: true, test: { name: 'contracts', include: ['test/{contracts,fakes,fixtures}/**/*.test.ts'] } },
      { extends: true, test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 120_000 } },
    ],
  },
});
