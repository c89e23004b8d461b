import { expect, it } from 'vitest';
import type { DumpRecord, Manifest } from '../../src/domain/manifest.ts';
import { sharedDatabase } from '../fixtures/shared-postgres.ts';
import { install, type Report } from './holdfast.ts';

it('tables whose rows a plan leaves out come back empty, and nobody takes that for a loss', async () => {
  await using database = await sharedDatabase('excluded');
  await using copy = await sharedDatabase('excluded_copy');
  const query = (sql: string) => database.cluster.query(database.name, sql);
  // Large ones are copied by Holdfast itself, small ones by pg_dump.
  await query(`
    CREATE TABLE notes AS SELECT i AS id, repeat('x', 200) AS body FROM generate_series(1, 100000) i;
    CREATE TABLE sessions AS SELECT i AS id, repeat('x', 200) AS body FROM generate_series(1, 100000) i;
    CREATE SCHEMA audit; CREATE TABLE audit.events AS SELECT generate_series(1, 2000) AS id; CREATE TABLE audit.unused (id int)`);
  await using installation = await install({ DATABASE_URL: database.cluster.url(database.name) });
  const configure = (more: string) =>
    installation.configure(`
plans:
  home:
    sources: [{ kind: postgres, name: app, url: "\${env:DATABASE_URL}"${more} }]
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  await configure('');
  await installation.json<Report>(['backup']);
  await configure(', excludeTableData: [sessions, "audit.*", "gone_*"]');
  const { outcome, snapshotId } = await installation.json<Report>(['backup']);
  expect(outcome).toBe('succeeded');
  const manifest = await installation.json<Manifest>(['show', snapshotId]);
  const { dump } = manifest.units[0] as DumpRecord;
  expect(dump.tables.map(({ name, rows }) => [name, rows])).toEqual([['notes', 100_000]]);
  expect(dump.withoutRows).toEqual([
    { schema: 'audit', name: 'events' },
    { schema: 'audit', name: 'unused' },
    { schema: 'public', name: 'sessions' },
  ]);
  expect(manifest.issues.map(({ subject, problem, severity }) => [subject, problem, severity])).toEqual([
    ['audit.events', 'skipped', 'note'],
    ['audit.unused', 'skipped', 'note'],
    ['public.sessions', 'skipped', 'note'],
    ['gone_*', 'vanished', 'note'],
  ]);

  expect(await installation.json(['drill'])).toMatchObject({ outcome: 'succeeded' });
  const restore = ['restore', snapshotId, '--to-database', copy.cluster.url(copy.name), '--only', database.name];
  const withoutRows = ['audit.events', 'audit.unused', 'public.sessions'];
  const empty = `empty, since their rows were left out of the backup: ${withoutRows.join(', ')}`;
  expect((await installation.run(restore)).stderr).toContain(`(4 tables; ${empty})`);
  expect((await installation.run([...restore, '--yes'])).stdout).toContain(`empty in ${copy.name}, since their rows were left out`);
  await copy.cluster.query('postgres', `DROP DATABASE "${copy.name}" WITH (FORCE)`);
  expect(await installation.json([...restore, '--yes'])).toMatchObject({ details: { databases: [{ tables: 1, withoutRows }] } });
  const counts =
    'SELECT (SELECT count(*) FROM notes)::int AS notes, (SELECT count(*) FROM sessions)::int AS sessions, (SELECT count(*) FROM audit.events)::int AS events';
  expect(await copy.cluster.query(copy.name, counts)).toEqual([{ notes: 100_000, sessions: 0, events: 0 }]);
});
