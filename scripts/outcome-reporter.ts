import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** What a test run came to, for the script that started it. */
export interface TestOutcome {
  readonly passed: number;
  readonly failed: readonly string[];
  /** With the reason the test gave: the part that is missing on this machine. */
  readonly skipped: readonly string[];
}

/** Writes a `TestOutcome` as JSON. Vitest's own JSON report leaves out why a test was skipped, and errors between tests. */
export class OutcomeReporter implements Reporter {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    writeFileSync(this.#path, JSON.stringify(testOutcome(modules, errors)));
  }
}

function testOutcome(modules: readonly TestModule[], errors: readonly SerializedError[]): TestOutcome {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (state: 'passed' | 'failed' | 'skipped' | 'pending') => tests.filter((test) => test.result().state === state);
  return {
    passed: inState('passed').length,
    failed: [
      ...[...inState('failed'), ...inState('pending')].map(nameOf),
      ...modules.filter(failedAsWhole).map((module) => `${fileOf(module)} (did not load or did not end)`),
      ...errors.map((error) => `(outside any test) ${error.message}`),
    ],
    skipped: inState('skipped').map((test) => `${nameOf(test)}: ${reasonOf(test)}`),
  };
}

/** An import that fails, or a crashed worker, leaves no failed test behind. */
function failedAsWhole(module: TestModule): boolean {
  return module.state() === 'pending' || module.state() === 'queued' || module.errors().length > 0;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
}

function nameOf(test: TestCase): string {
  return `${fileOf(test.module)}: ${test.fullName}`;
}

function fileOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId);
}
