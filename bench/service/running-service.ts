import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { HoldfastPlan } from '../holdfast-plan.ts';
import { runShell } from '../run-shell.ts';

export interface RunningService {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Resident memory. */
  rssBytes(): number;
  /** Processor time so far, workers left out. */
  cpuMs(): number;
}

export interface ServiceChoice {
  readonly plan: HoldfastPlan;
  /** Over the plan's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs `holdfast serve` for as long as it is measured. */
export async function withService<T>({ plan, environment }: ServiceChoice, measure: (service: RunningService) => Promise<T>): Promise<T> {
  const env = { ...process.env, ...plan.environment, ...environment };
  const made = await runShell(plan.command('token create --role administrator --json'), { environment: plan.environment });
  const { token } = JSON.parse(made) as { readonly token: string };
  const child = spawn('/bin/sh', ['-c', `exec ${plan.command('serve --listen 127.0.0.1:0 --json')}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env,
  });
  try {
    const url = await listeningOn(child);
    return await measure({
      url,
      headers: { authorization: `Bearer ${token}` },
      rssBytes: () => rssBytes(child),
      cpuMs: () => cpuMs(child),
    });
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

async function listeningOn(child: ChildProcess): Promise<string> {
  let printed = '';
  for await (const chunk of child.stdout ?? []) {
    printed += String(chunk);
    const [, url] = /"listening":\s*\[\s*"([^"]+)"/.exec(printed) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`The service ended: ${printed}`);
}

/** The launcher hands over to Node: the process that was started is the service. */
function rssBytes({ pid }: ChildProcess): number {
  const [, kibibytes] = /^Rss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** Linux counts in hundredths of a second. */
function cpuMs({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
