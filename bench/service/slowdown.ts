import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from '../comparison.ts';
import { say } from '../say.ts';
import type { RunningService } from './running-service.ts';

const loadGenerator = fileURLToPath(import.meta.resolve('autocannon'));
export const clients = 200;

/** The same backup alone and with many clients, in turns: how much longer it takes with them. */
export async function slowdown(service: RunningService, rounds: number): Promise<number> {
  const [alone, loaded]: [number[], number[]] = [[], []];
  await backupMs(service);
  for (let round = 0; round < rounds; round++) {
    alone.push(await backupMs(service));
    const load = startLoad(service);
    try {
      loaded.push(await backupMs(service));
    } finally {
      load.kill('SIGKILL');
    }
    say(`  backup alone ${alone.at(-1)} ms, with ${clients} clients ${loaded.at(-1)} ms`);
  }
  return median(loaded) / median(alone);
}

/** Each client asks again as soon as it was answered. */
function startLoad({ url, headers }: RunningService): ChildProcess {
  const args = ['-c', String(clients), '-d', '3600', '-H', `authorization=${headers['authorization']}`, `${url}/api/v1/status`];
  return spawn(process.execPath, [loadGenerator, ...args], { stdio: 'ignore' });
}

async function backupMs(service: RunningService): Promise<number> {
  const { id } = await begin(service);
  for (;;) {
    const response = await fetch(`${service.url}/api/v1/runs/${id}`, { headers: service.headers });
    if (!response.ok) throw new Error(`The run was told with ${response.status}`);
    const run = (await response.json()) as { state: string; outcome: string | null; durationMs: number };
    if (run.state !== 'ended') await pause(250);
    else if (run.outcome === 'succeeded') return run.durationMs;
    else throw new Error(`The backup ended as ${run.outcome}`);
  }
}

/** The one before may still be letting go of what it held. */
async function begin({ url, headers }: RunningService): Promise<{ readonly id: string }> {
  for (;;) {
    const response = await fetch(`${url}/api/v1/plans/bench/backups`, { method: 'POST', headers });
    if (response.status === 202) return (await response.json()) as { id: string };
    if (response.status !== 409) throw new Error(`No backup was begun: ${response.status} ${await response.text()}`);
    await response.body?.cancel();
    await pause(250);
  }
}
