import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TestOutcome } from './outcome-reporter.ts';

const root = join(import.meta.dirname, '..');

const config = `
import { OutcomeReporter } from '${join(import.meta.dirname, 'outcome-reporter.ts')}';
export default { test: { reporters: [new OutcomeReporter('outcome.json')] } };
`;

const mixed = `
import { expect, test } from 'vitest';
test('holds', () => {});
test('breaks', () => expect(1).toBe(2));
test('needs a drive', (context) => context.skip('no loop devices here'));
`;

const rejecting = `
import { test } from 'vitest';
test('leaves a promise behind', () => void Promise.reject(new Error('nobody waited')));
`;

test('OutcomeReporter counts what passed and names the rest: failures, files that do not load, errors nobody caught, skips', () => {
  const outcome = outcomeOf({ 'mixed.test.ts': mixed, 'unloadable.test.ts': "import './gone.ts';", 'rejecting.test.ts': rejecting });
  expect(outcome.passed).toBe(2);
  expect(outcome.failed.toSorted()).toEqual([
    '(outside any test) nobody waited',
    'mixed.test.ts: breaks',
    'unloadable.test.ts (did not load or did not end)',
  ]);
  expect(outcome.skipped).toEqual(['mixed.test.ts: needs a drive: no loop devices here']);
});

function outcomeOf(files: Readonly<Record<string, string>>): TestOutcome {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-outcome-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    for (const [name, text] of Object.entries({ ...files, 'vitest.config.ts': config })) writeFileSync(join(directory, name), text);
    spawnSync(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run'], { cwd: directory });
    return JSON.parse(readFileSync(join(directory, 'outcome.json'), 'utf8')) as TestOutcome;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
