import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from './comparison.ts';
import { HoldfastPlan } from './holdfast-plan.ts';
import { runShell } from './run-shell.ts';
import { say } from './say.ts';

export interface ServiceResult {
  readonly title: string;
  readonly value: number;
  readonly unit: 'ms' | 'MB' | '×';
  readonly bar: number;
}

const program = join(import.meta.dirname, '..', 'bin', 'holdfast');
const loadGenerator = fileURLToPath(import.meta.resolve('autocannon'));
const snapshots = 10_000;
const runs = 100_000;
const asked = 300;
const clients = 200;

/** How quickly the service answers over a long history, what it takes while idle, and what many clients cost a backup. */
export async function measureService(
  directory: string,
  { tree, rounds }: { readonly tree: string; readonly rounds: number },
): Promise<ServiceResult[]> {
  const plan = new HoldfastPlan({
    directory: join(directory, 'plan-service'),
    source: { kind: 'files', paths: [tree] },
    compression: 'zstd',
  });
  plan.clear();
  const idleAndSlowdown = await withService(plan, async (service) => [await idleMemory(service), await slowdown(service, rounds)]);
  fillHistory(join(directory, 'plan-service', 'data', 'history.sqlite'));
  // What its store does not hold would be forgotten; what cannot be looked into is not.
  renameSync(join(directory, 'plan-service', 'store'), join(directory, 'plan-service', 'store-away'));
  return [...idleAndSlowdown, ...(await withService(plan, answerTimes))];
}

interface Service {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function withService<T>(plan: HoldfastPlan, measure: (service: Service) => Promise<T>): Promise<T> {
  const { token } = JSON.parse(await runShell(plan.command('token create --role operator --json'), { environment: plan.environment })) as {
    token: string;
  };
  const args = ['-c', `exec ${plan.command('serve --listen 127.0.0.1:0 --json')}`];
  const child = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...plan.environment } });
  try {
    return await measure({ url: await listeningOn(child), headers: { authorization: `Bearer ${token}` } });
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
  throw new Error(`${program} serve ended: ${printed}`);
}

async function idleMemory({ url, headers }: Service): Promise<ServiceResult> {
  await pause(20_000);
  const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
  const bytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
  return { title: 'memory of the idle service', value: bytes / 1e6, unit: 'MB', bar: 120 };
}

/** The same backup alone and with many clients, in turns. */
async function slowdown(service: Service, rounds: number): Promise<ServiceResult> {
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
  return { title: `a backup with ${clients} clients, to one without`, value: median(loaded) / median(alone), unit: '×', bar: 1.1 };
}

function startLoad({ url, headers }: Service): ChildProcess {
  const args = ['-c', String(clients), '-d', '3600', '-H', `authorization=${headers['authorization']}`, `${url}/api/v1/status`];
  return spawn(process.execPath, [loadGenerator, ...args], { stdio: 'ignore' });
}

async function backupMs(service: Service): Promise<number> {
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
async function begin({ url, headers }: Service): Promise<{ readonly id: string }> {
  for (;;) {
    const response = await fetch(`${url}/api/v1/plans/bench/backups`, { method: 'POST', headers });
    if (response.status === 202) return (await response.json()) as { id: string };
    if (response.status !== 409) throw new Error(`No backup was begun: ${response.status} ${await response.text()}`);
    await response.body?.cancel();
    await pause(250);
  }
}

async function answerTimes(service: Service): Promise<ServiceResult[]> {
  const results: ServiceResult[] = [];
  for (const path of ['/api/v1/status', '/api/v1/snapshots', '/api/v1/runs', '/backups', '/metrics']) {
    const value = await percentileMs(service, path);
    results.push({ title: `GET ${path}, ${snapshots} snapshots and ${runs} runs, p95`, value, unit: 'ms', bar: 50 });
  }
  return results;
}

async function percentileMs({ url, headers }: Service, path: string): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < asked; index++) {
    const before = performance.now();
    const response = await fetch(url + path, { headers });
    await response.arrayBuffer();
    times.push(performance.now() - before);
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(asked * 0.95)] ?? 0;
}

/** Copies of the newest snapshot and run of a real history, each a minute older than the one before. */
function fillHistory(file: string): void {
  const database = new DatabaseSync(file);
  database.exec('BEGIN');
  multiply(database, 'runs', {
    count: runs,
    ends: { key: 'hex(randomblob(16))', started_at: minutesBefore('started_at') },
    without: ['number'],
  });
  const id = `plan || strftime('-%Y%m%d-%H%M%S', created_at, '-' || value || ' minutes')`;
  const ends = { id, created_at: minutesBefore('created_at'), sequence: '-value', summary: `json_set(summary, '$.id', ${id})` };
  multiply(database, 'snapshots', { count: snapshots, ends, without: [] });
  database.exec('COMMIT');
  database.close();
}

function minutesBefore(column: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, '-' || value || ' minutes')`;
}

function multiply(
  database: DatabaseSync,
  table: string,
  { count, ends, without }: { count: number; ends: Readonly<Record<string, string>>; without: readonly string[] },
): void {
  const columns = database
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !without.includes(name));
  const values = columns.map((name) => ends[name] ?? name);
  database.exec(
    `WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < ${count})
     INSERT INTO ${table} (${columns.join(', ')})
     SELECT ${values.join(', ')} FROM (SELECT * FROM ${table} LIMIT 1), numbers`,
  );
}
