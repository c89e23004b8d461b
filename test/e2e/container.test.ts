import { lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { expect, it } from 'vitest';
import type { DumpRecord, Manifest, TableRecord } from '../../src/domain/manifest.ts';
import { dockerEngine, startPostgresContainer } from '../fixtures/docker-engine.ts';
import { sharedPostgres } from '../fixtures/shared-postgres.ts';
import { install, type Report } from './holdfast.ts';

const application = new URL('../fixtures/application-database.sql', import.meta.url);

it('a server that answers inside its container only is backed up by its own programs, drilled and left alone', async (context) => {
  if (!lstatSync('/bin').isSymbolicLink()) return context.skip('needs a machine whose /bin lies in /usr');
  const engine = await dockerEngine();
  if (typeof engine === 'string') return context.skip(engine);
  await using _engine = engine;
  await using server = await startPostgresContainer(engine, (await sharedPostgres()).binDirectory);
  await server.psql('postgres', 'CREATE ROLE keeper; CREATE DATABASE shop TEMPLATE template0 OWNER keeper');
  await server.psql('shop', `SET shop.scale = '1'; ${await readFile(application, 'utf8')}`);
  await using installation = await install({ ...only(engine.environment, 'DOCKER_HOST') });
  await installation.configure(`
plans:
  shop:
    sources: [{ kind: postgres, container: "${server.name}", database: shop, globals: true }]
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  const { outcome, snapshotId } = await installation.json<Report>(['backup']);
  expect(outcome).toBe('succeeded');
  const { units } = await installation.json<Manifest>(['show', snapshotId]);
  expect(units.map(({ name }) => name)).toEqual(['shop', 'globals']);
  const { tables } = (units[0] as DumpRecord).dump;
  const counts = tables.map((table) => `SELECT count(*) FROM ONLY ${quoted(table)};`).join('\n');
  expect(tables.map(({ rows }) => String(rows))).toEqual((await server.psql('shop', counts)).trim().split('\n'));
  expect(await installation.json(['drill'])).toMatchObject({ outcome: 'succeeded' });

  // Held up by somebody else's lock, and then told to stop: nothing of it stays in the container once the server looks up.
  const sessions = () => server.psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('holdfast', 'pg_dump')");
  const holding = server.psql('shop', `BEGIN; LOCK TABLE ${quoted(tables[0]!)}; SELECT pg_sleep(600);`).catch(() => 'ended');
  const locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL";
  await expect.poll(() => server.psql('shop', locked), { timeout: 30_000 }).not.toBe('0\n');
  const running = installation.start(['backup']);
  await expect.poll(sessions, { timeout: 30_000 }).not.toBe('0\n');
  running.kill('SIGTERM');
  expect((await running.ended).exitCode).toBe(143);
  await server.psql(
    'postgres',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
  );
  expect(await holding).toBe('ended');
  const programs = () => engine.docker(['top', server.name]);
  await expect.poll(programs, { timeout: 30_000 }).not.toMatch(/\b(sh|bash|cat|nc|pg_dump)\b/);
  await expect.poll(sessions, { timeout: 30_000 }).toBe('0\n');
  // The server is the container's first process: it takes over what others leave behind, and a strange death for a crash.
  expect(await engine.docker(['logs', server.name])).not.toMatch(/terminated by signal|reinitializing/);
});

function quoted({ schema, name }: TableRecord): string {
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
}

function only(environment: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const value = environment[name];
  return value === undefined ? {} : { [name]: value };
}
