import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './comparison.ts';
import { HoldfastPlan } from './holdfast-plan.ts';
import { runShell } from './run-shell.ts';

export interface StartUpResult {
  readonly title: string;
  readonly milliseconds: number;
  readonly slowestMilliseconds: number;
  readonly barMilliseconds: number;
}

const runs = 20;

/** How long a command that does next to nothing takes, with a history of some snapshots to read. `status` succeeds only when the newest is verified. */
export async function measureStartUp(directory: string): Promise<StartUpResult[]> {
  const files = join(directory, 'few-files');
  mkdirSync(files, { recursive: true });
  for (let index = 0; index < 20; index++) writeFileSync(join(files, `file-${index}`), 'x'.repeat(index * 1000));
  const plan = new HoldfastPlan({ directory: join(directory, 'plan-few'), source: { kind: 'files', paths: [files] }, compression: 'zstd' });
  plan.clear();
  for (let index = 0; index < 5; index++)
    await runShell(plan.command('backup bench --verify readable --json'), { environment: plan.environment });
  return [
    timed('holdfast --version', plan.command('--version'), plan, 150),
    timed('holdfast status', plan.command('status --json'), plan, 300),
  ];
}

function timed(title: string, line: string, plan: HoldfastPlan, barMilliseconds: number): StartUpResult {
  const times = Array.from({ length: runs }, () => timeOnce(line, plan));
  return { title, milliseconds: median(times), slowestMilliseconds: Math.max(...times), barMilliseconds };
}

/** `exec`, so that the shell between costs no process; what is left of it counts against us. */
function timeOnce(line: string, plan: HoldfastPlan): number {
  const before = performance.now();
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', `exec ${line}`], {
    env: { ...process.env, ...plan.environment },
    encoding: 'utf8',
  });
  const milliseconds = performance.now() - before;
  if (status !== 0) throw new Error(`${line}\nended with ${status}: ${stderr.trim() || stdout.trim()}`);
  return milliseconds;
}
