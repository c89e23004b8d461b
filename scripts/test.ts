// Static checks, then the tests of the named Vitest projects (all without a name). The last line is `N passed, N failed`;
// a static check counts as one. What was skipped for want of a part is named above it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestOutcome } from './outcome-reporter.ts';
import { type CheckResult, runStaticChecks } from './static-checks.ts';

const limitMinutes = 14;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function staticChecks(): Promise<TestOutcome> {
  const results: CheckResult[] = await runStaticChecks();
  for (const { name, passed, output } of results) {
    print(`${passed ? ' ✓' : ' ✗'} ${name}`);
    if (!passed) print(output.trimEnd().replaceAll(/^/gm, '   '));
  }
  const failed = results.filter((result) => !result.passed).map((result) => `static check: ${result.name}`);
  return { passed: results.length - failed.length, failed, skipped: [] };
}

async function vitest(projects: readonly string[]): Promise<TestOutcome> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const outcomePath = join(directory, 'outcome.json');
  try {
    const ending = await runVitest(projects, outcomePath);
    const outcome = readOutcome(outcomePath);
    if (outcome === undefined) return { passed: 0, failed: [`vitest ${ending} before it could report`], skipped: [] };
    const untold = ending !== 'exited with 0' && outcome.failed.length === 0;
    return untold ? { ...outcome, failed: [`vitest ${ending} although every test passed`] } : outcome;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** In a process group of its own, so that a worker caught in an endless loop is ended too. */
function runVitest(projects: readonly string[], outcomePath: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('vitest', ['run', ...projects.map((project) => `--project=${project}`)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      env: { ...process.env, HOLDFAST_TEST_OUTCOME: outcomePath },
    });
    const end = (signal: NodeJS.Signals) => child.pid !== undefined && process.kill(-child.pid, signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        end(signal);
        process.exit(128 + constants.signals[signal]);
      });
    }
    const timer = setTimeout(() => {
      print(`The tests took longer than ${limitMinutes} minutes and were ended`);
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 10_000).unref();
    }, limitMinutes * 60_000);
    child.on('error', (error) => resolve(`could not start (${error.message})`));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(code === null ? `was ended by ${signal}` : `exited with ${code}`);
    });
  });
}

function readOutcome(path: string): TestOutcome | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestOutcome;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function summary(outcomes: readonly TestOutcome[]): void {
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.flatMap((outcome) => outcome.failed);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  print('');
  for (const name of skipped) print(`skipped: ${name}`);
  for (const name of failed) print(`failed: ${name}`);
  print(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0;
}

print('Static checks');
const checked = await staticChecks();
print('\nTests');
summary([checked, await vitest(process.argv.slice(2))]);
