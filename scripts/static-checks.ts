import { spawn } from 'node:child_process';

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly output: string;
}

/** What is checked without running the code. All of it works offline. */
const checks: readonly { readonly name: string; readonly command: readonly [string, ...string[]] }[] = [
  { name: 'format (npm run format mends it)', command: ['oxfmt', '--check'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'] },
  { name: 'types', command: ['tsc'] },
  { name: 'types of the dashboard', command: ['tsc', '-p', 'src/web'] },
  { name: 'dead code and dependencies', command: ['knip'] },
  // Without the tests: what only they use is dead too, unless it is marked @internal.
  { name: 'dead code and dependencies of the product', command: ['knip', '--production'] },
  { name: 'lock file', command: ['node', 'scripts/complete-lock-file.ts', '--check'] },
];

export function runStaticChecks(): Promise<CheckResult[]> {
  return Promise.all(checks.map(({ name, command }) => runCheck(name, command)));
}

function runCheck(name: string, [program, ...args]: readonly [string, ...string[]]): Promise<CheckResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const append = (chunk: Buffer) => (output += chunk.toString());
    child.stdout.on('data', append);
    child.stderr.on('data', append);
    child.on('error', (error) => resolve({ name, passed: false, output: error.message }));
    child.on('close', (code) => resolve({ name, passed: code === 0, output }));
  });
}
