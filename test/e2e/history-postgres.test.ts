import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPostgres, type PostgresCluster } from '../fixtures/postgres-cluster.ts';
import { uniqueName } from '../fixtures/shared-postgres.ts';
import { install, type Listed, type Report } from './holdfast.ts';
import { serve } from './service.ts';
import { lookIntoStore } from './store-state.ts';

let cluster: PostgresCluster;
beforeAll(async () => {
  cluster = await startPostgres({ auth: 'scram' });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** A machine that keeps its history in a database of its own. */
async function withServerHistory(keepLast = 3) {
  const database = uniqueName('history');
  await cluster.createDatabase(database);
  const installation = await install({ HOLDFAST_HISTORY_URL: cluster.url(database) });
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'note'), 'kept\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: ["${tree}"] }]
    stores: [{ kind: local, path: "${installation.store}", keep: { last: ${keepLast} } }]
`);
  const recorded = () => cluster.query(database, 'SELECT status, size_bytes > 0 AS has_size FROM backup_history ORDER BY id');
  return { installation, recorded };
}

const success = { status: 'success', has_size: true };

it('backups are made, listed and restored while the server of the history is away, and recorded once it is back', async () => {
  const { installation, recorded } = await withServerHistory();
  await using _installation = installation;
  const { snapshotId: first } = await installation.json<Report>(['backup']);
  expect(await recorded()).toEqual([success]);
  await cluster.stop('fast');
  try {
    const ended = await installation.run(['backup', '--json']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const { snapshotId: second, ...report } = ended.json<Report<{ stores: unknown[] }>>();
    expect(report).toMatchObject({ outcome: 'succeeded', details: { stores: [{ verification: { outcome: 'passed' } }] } });
    expect(ended.stderr).toMatch(/history cannot be written now.*kept on this machine/);
    const status = await installation.run(['status', '--json']);
    expect([status.exitCode, status.json()]).toMatchObject([1, { history: { code: 'HISTORY_UNREADABLE' } }]);
    expect((await installation.json<Listed[]>(['list'])).map(({ id }) => id)).toEqual([second, first]);
    const restored = await installation.run(['restore', second, '--to-directory', join(installation.directory, 'back'), '--yes']);
    expect(restored.exitCode, restored.stderr).toBe(0);
    for (const { stdout, stderr } of [ended, status, restored]) expect(stdout + stderr).not.toContain('correct%20horse');
  } finally {
    await cluster.start();
  }
  const listed = await installation.json<Listed[]>(['list']);
  expect(listed).toMatchObject([{ verification: { kind: 'passed' } }, { verification: { kind: 'passed' } }]);
  expect(await recorded()).toEqual([success, success]);
});

it('nothing is let go while the server is away', async () => {
  const { installation } = await withServerHistory(1);
  await using _installation = installation;
  await installation.json(['backup']);
  await cluster.stop('fast');
  try {
    const ended = await installation.run(['backup', '--json']);
    expect([ended.exitCode, ended.json<Report>()]).toMatchObject([3, { outcome: 'degraded', error: { code: 'HISTORY_UNREADABLE' } }]);
    expect((await lookIntoStore(installation.store)).manifests).toHaveLength(2);
  } finally {
    await cluster.start();
  }
  await installation.json(['backup']);
  expect((await lookIntoStore(installation.store)).manifests).toHaveLength(1);
});

/** Asks until the answer is as expected: the service looks again for its history in its own time. */
async function until(url: string, status: number): Promise<void> {
  for (let waited = 0; waited < 300; waited++) {
    if ((await fetch(url)).status === status) return;
    await wait(200);
  }
  throw new Error(`${url} never answered ${status}`);
}

it('the service goes through an outage: it says so, backs up, and has recorded everything afterwards', async () => {
  const { installation, recorded } = await withServerHistory();
  await using _installation = installation;
  await using service = await serve(installation);
  const headers = await service.as('operator');
  const backUp = async () => (await fetch(`${service.url}/backups`, { method: 'POST', headers })).status;
  expect(await backUp()).toBe(201);
  await until(`${service.url}/readyz`, 200);
  await cluster.stop('immediate');
  try {
    expect(await backUp()).toBe(201);
    await until(`${service.url}/readyz`, 503);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${service.url}/api/v1/runs`, { headers })).status).toBe(503);
    expect((await fetch(`${service.url}/api/v1/status`, { headers })).status).toBe(200);
  } finally {
    await cluster.start();
  }
  await until(`${service.url}/readyz`, 200);
  expect(await recorded()).toEqual([success, success]);
});
