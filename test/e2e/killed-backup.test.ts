import { watch } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';
import { sharedPostgres, uniqueName } from '../fixtures/shared-postgres.ts';
import { type Ended, type Installation, install, type Listed, type Running } from './holdfast.ts';
import { digestsOf, lookIntoStore, type StoreState } from './store-state.ts';

/** Runs that are killed: half of them at a moment of the clock, half at a change of the store's directory, so that the commit is met. */
const runs = 50;
const keepLast = 3;

const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_121);
const database = uniqueName('killed');
let cluster: PostgresCluster;
let installation: Installation;

beforeAll(async () => {
  cluster = await sharedPostgres();
  await cluster.createDatabase(database);
  await cluster.query(database, 'CREATE TABLE notes AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 20000) i');
  installation = await install({ DATABASE_URL: cluster.url(database) });
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  for (let number = 0; number < 50; number++) await writeFile(join(tree, `file-${number}`), `content ${number}\n`.repeat(1000));
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "\${env:DATABASE_URL}" }
      - { kind: files, paths: ["${tree}"] }
    stores: [{ kind: local, path: "${installation.store}", keep: { last: ${keepLast} } }]
`);
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
  await cluster.query('postgres', `DROP DATABASE "${database}" WITH (FORCE)`);
});

type Kill = { readonly signal: 'SIGKILL' | 'SIGTERM' } & ({ readonly afterMs: number } | { readonly afterChanges: number });

describe('a backup killed at any moment', () => {
  it(`leaves only whole snapshots, and nothing that the next run does not remove, ${runs} times`, async () => {
    const scale = await fullRun();
    const kills = plannedKills(scale);
    let withDebris = 0;
    for (const [index, kill] of kills.entries())
      withDebris += await killOnce(kill, `run ${index} of seed ${seed}: ${JSON.stringify(kill)}`);
    // Otherwise the moments are not those that matter.
    expect(withDebris).toBeGreaterThan(runs / 10);
    const reports = await installation.json<{ outcome: string }[]>(['verify', '--all']);
    expect(reports.map(({ outcome }) => outcome)).toEqual(Array.from({ length: keepLast }, () => 'passed'));
  });

  it('that is told to stop a second time, stops at once, and the next run removes what it left', async () => {
    const running = installation.start(['backup']);
    await running.untilSaid(/^reading/m);
    running.kill('SIGTERM');
    running.kill('SIGTERM');
    expect((await running.ended).exitCode).toBe(143);
    await expectCleanAfter(await installation.run(['backup']), 'SIGTERM twice');
  });

  it('answers 130 to Ctrl-C, and says so in the report and in the history', async () => {
    const running = installation.start(['backup', '--json']);
    await untilChanges(running, 3);
    running.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(130);
    expect(ended.json()).toMatchObject({ outcome: 'cancelled', error: { code: 'CANCELLED' } });
    const status = await installation.run(['status', '--json']);
    expect(status.json()).toMatchObject({ plans: [{ lastRun: { end: { outcome: 'cancelled' } } }] });
  });
});

/** How long an undisturbed run takes, and how many changes of the store's directory it makes, when three snapshots stand there. */
async function fullRun(): Promise<{ readonly durationMs: number; readonly changes: number }> {
  for (let count = 0; count < keepLast; count++) await installation.json(['backup']);
  let changes = 0;
  const watcher = watch(installation.store, () => changes++);
  const started = performance.now();
  await installation.json(['backup']);
  const durationMs = performance.now() - started;
  watcher.close();
  expect(changes).toBeGreaterThan(10);
  return { durationMs, changes };
}

function plannedKills({ durationMs, changes }: { readonly durationMs: number; readonly changes: number }): Kill[] {
  const random = randomOf(seed);
  const half = runs / 2;
  return Array.from({ length: runs }, (_, index) => {
    const signal = index % 4 < 2 ? 'SIGKILL' : 'SIGTERM';
    const place = (Math.floor(index / 2) + random()) / half;
    return index % 2 === 0
      ? { signal, afterMs: Math.round(durationMs * place) }
      : { signal, afterChanges: 1 + Math.floor(changes * place) };
  });
}

/** A small generator with a seed. @see https://en.wikipedia.org/wiki/Linear_congruential_generator (ZX81) */
function randomOf(start: number): () => number {
  let state = start % 65_537;
  return () => (state = (75 * state + 74) % 65_537) / 65_537;
}

/** Answers 1 when the killed run left something that the next one had to remove. */
async function killOnce(kill: Kill, what: string): Promise<0 | 1> {
  const before = await lookIntoStore(installation.store);
  const digests = await digestsOf(installation.store);
  const running = installation.start(['backup']);
  await Promise.race(['afterMs' in kill ? wait(kill.afterMs) : untilChanges(running, kill.afterChanges), running.ended]);
  running.kill(kill.signal);
  const ended = await running.ended;
  const after = await lookIntoStore(installation.store);
  expect(after.damaged, what).toEqual([]);
  if (kill.signal === 'SIGTERM') expectStopped(ended, after, what);
  // Retention may have let go of the oldest; the others are as they were.
  const kept = before.manifests.toSorted((a, b) => b.sequence - a.sequence).slice(0, keepLast - 1);
  const digestsAfter = await digestsOf(installation.store);
  for (const { parts } of kept) for (const { name } of parts) expect(digestsAfter.get(name), what).toBe(digests.get(name));
  await expectCleanAfter(await installation.run(['backup']), what);
  return after.debris.length > 0 ? 1 : 0;
}

/** Resolves when so many changes of the store's directory were seen, or when the run has ended. */
async function untilChanges(running: Running, wanted: number): Promise<void> {
  let seen = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(installation.store, () => {
    if (++seen >= wanted) resolve();
  });
  await Promise.race([promise, running.ended]);
  watcher.close();
}

/** It cleans up itself and exits with 143, unless the signal came before the program began to listen or after it had ended. */
function expectStopped(ended: Ended, { debris }: StoreState, what: string): void {
  expect([143, 'SIGTERM', 0], `${what}: ${ended.stderr}`).toContain(ended.exitCode ?? ended.signal);
  // A removal that was announced is finished by the next run.
  const isRemoving = debris.some((name) => name.endsWith('.removal.json'));
  if (ended.signal === null && !isRemoving) expect(debris, what).toEqual([]);
}

async function expectCleanAfter(next: Ended, what: string): Promise<void> {
  expect(next.exitCode, `${what}: ${next.stderr}`).toBe(0);
  const { debris, damaged, manifests } = await lookIntoStore(installation.store);
  expect({ debris, damaged }, what).toEqual({ debris: [], damaged: [] });
  const listed = await installation.json<Listed[]>(['list']);
  expect(listed.map(({ id }) => id).toSorted(), what).toEqual(manifests.map(({ id }) => id).toSorted());
  expect(listed.filter(({ verification }) => verification.kind === 'passed').length, what).toBeGreaterThanOrEqual(
    Math.min(keepLast, listed.length),
  );
  await untilNobodyReads(what);
}

/** No pg_dump and no connection outlives its run. */
async function untilNobodyReads(what: string): Promise<void> {
  const sql = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'holdfast%'";
  for (let attempt = 0; attempt < 100; attempt++) {
    const [row] = await cluster.query<{ count: number }>('postgres', sql, [database]);
    if (row?.count === 0) return;
    await wait(50);
  }
  throw new Error(`${what}: a connection of a dead run is still open`);
}
