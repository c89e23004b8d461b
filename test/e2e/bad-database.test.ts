import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startPostgres } from '../fixtures/postgres-cluster.ts';
import { sharedDatabase, sharedPostgres, uniqueName } from '../fixtures/shared-postgres.ts';
import { install, type Installation, type Listed, type Report } from './holdfast.ts';
import { newerServer } from './newer-server.ts';
import { lookIntoStore } from './store-state.ts';

/** A run that failed left nothing: no snapshot, no file. */
async function expectNothingStored(installation: Installation): Promise<void> {
  expect(await lookIntoStore(installation.store)).toEqual({ manifests: [], damaged: [], debris: [] });
}

async function failedBackup(
  installation: Installation,
  env: Readonly<Record<string, string>> = {},
): Promise<Report['error'] & { exitCode: number | null; all: string }> {
  const ended = await installation.run(['backup', '--json'], { env: { BACKUP_DIR: installation.store, ...env } });
  const { outcome, error, snapshotId } = ended.json<Report>();
  expect({ outcome, snapshotId }).toEqual({ outcome: 'failed', snapshotId: null });
  return { ...error!, exitCode: ended.exitCode, all: ended.stdout + ended.stderr };
}

describe('a database that cannot be dumped', () => {
  it('because its server stops in the middle leaves no snapshot, and the one before stays good', async () => {
    await using cluster = await startPostgres();
    await cluster.createDatabase('app');
    await cluster.query(
      'app',
      'CREATE TABLE notes AS SELECT i, md5(i::text) || md5((-i)::text) AS text FROM generate_series(1, 1000000) i',
    );
    await using installation = await install({ DATABASE_URL: cluster.url('app') });
    const env = { BACKUP_DIR: installation.store };
    const { snapshotId } = await installation.json<Report>(['backup'], { env });

    const running = installation.start(['backup', '--json'], { env });
    await untilPartIsLargerThan(installation.store, 1_000_000);
    // Held still, so that the server is gone before the last byte was read.
    running.kill('SIGSTOP');
    await cluster.stop('immediate');
    running.kill('SIGCONT');
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(1);
    expect(['TOOL_FAILED', 'SERVER_UNREACHABLE', 'DUMP_INCOMPLETE']).toContain(ended.json<Report>().error?.code);
    expect(await lookIntoStore(installation.store)).toMatchObject({ manifests: [{ id: snapshotId }], damaged: [], debris: [] });
    expect((await installation.json<Listed[]>(['list'], { env })).map(({ id }) => id)).toEqual([snapshotId]);
  });

  it('because the password is wrong says so without repeating it', async () => {
    await using cluster = await startPostgres({ auth: 'scram' });
    await using installation = await install();
    const failure = await failedBackup(installation, {
      DATABASE_URL: cluster.url('postgres', { user: 'postgres', password: 'wrong-Pa55word' }),
    });
    expect(failure).toMatchObject({ exitCode: 1, code: 'CREDENTIALS_REJECTED' });
    expect(failure.all).not.toContain('wrong-Pa55word');
    await expectNothingStored(installation);
  });

  it('because one table may not be read names the table and the grant', async () => {
    await using database = await sharedDatabase('refused');
    const role = uniqueName('reader');
    const { cluster, name } = database;
    await cluster.query(
      name,
      `CREATE ROLE ${role} LOGIN; CREATE TABLE open (id int); CREATE TABLE secret (id int); GRANT SELECT ON open TO ${role}`,
    );
    await using installation = await install();
    const failure = await failedBackup(installation, { DATABASE_URL: cluster.url(name, { user: role }) });
    expect(failure).toMatchObject({ exitCode: 1, code: 'PERMISSION_DENIED' });
    expect(failure.message).toContain('public.secret');
    expect(failure.hint).toContain(`GRANT SELECT ON public.secret TO "${role}";`);
    await expectNothingStored(installation);
    await cluster.query(name, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it('because the server is newer than every pg_dump here says which package to install', async () => {
    const cluster = await sharedPostgres();
    await using newer = await newerServer(cluster);
    await using installation = await install();
    const failure = await failedBackup(installation, { DATABASE_URL: `postgres://postgres@127.0.0.1:${newer.port}/postgres` });
    expect(failure).toMatchObject({ exitCode: 1, code: 'TOOL_MISSING' });
    expect(failure.message).toContain(`pg_dump ${newer.major} or newer`);
    expect(failure.hint).toContain(`postgresql-client-${newer.major}`);
    await expectNothingStored(installation);
  });

  it('because there is none of that name, or no server, says which', async () => {
    const cluster = await sharedPostgres();
    await using installation = await install();
    const unknown = await failedBackup(installation, { DATABASE_URL: cluster.url('no such database') });
    expect(unknown).toMatchObject({ exitCode: 1, code: 'DATABASE_UNKNOWN' });
    expect(unknown.message).toContain('no such database');
    const unreachable = await failedBackup(installation, { DATABASE_URL: 'postgres://postgres@127.0.0.1:1/app' });
    expect(unreachable).toMatchObject({ exitCode: 1, code: 'SERVER_UNREACHABLE' });
    await expectNothingStored(installation);
  });
});

async function untilPartIsLargerThan(store: string, sizeBytes: number): Promise<void> {
  for (let attempt = 0; attempt < 3000; attempt++) {
    const [partial] = (await readdir(store)).filter((name) => name.endsWith('.partial') && name.includes('.sql'));
    const found = partial === undefined ? undefined : await stat(join(store, partial)).catch(() => undefined);
    if (found !== undefined && found.size > sizeBytes) return;
    await wait(5);
  }
  throw new Error(`No part in ${store} grew beyond ${sizeBytes} bytes`);
}
