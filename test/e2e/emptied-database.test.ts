import { rm } from 'node:fs/promises';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import type { Issue } from '../../src/domain/manifest.ts';
import { sharedDatabase } from '../fixtures/shared-postgres.ts';
import { install, type Listed, type Report } from './holdfast.ts';

interface Stored {
  readonly issues: readonly Issue[];
}

/** A database of two tables, and a plan `home` for it alone. */
async function protectDatabase(plan = '') {
  const database = await sharedDatabase('emptied');
  const query = (sql: string) => database.cluster.query(database.name, sql);
  await query('CREATE TABLE notes AS SELECT i AS id FROM generate_series(1, 1500) i; CREATE TABLE authors AS SELECT 1 AS id');
  const installation = await install({ DATABASE_URL: database.cluster.url(database.name) });
  const configure = (source = '') =>
    installation.configure(`
plans:
  home:
    sources: [{ kind: postgres, name: app, url: "\${env:DATABASE_URL}"${source} }]
    stores: [{ kind: local, path: "${installation.store}", keep: { last: 1 } }]
    ${plan}
`);
  await configure();
  return {
    installation,
    query,
    configure,
    async backUp() {
      const ended = await installation.run(['backup', '--json']);
      return { exitCode: ended.exitCode, ...ended.json<Report<Stored>>() };
    },
    /** What a server does that came up without its volume. */
    forgetEverything: () => query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'),
    async [Symbol.asyncDispose]() {
      await installation[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe('a database that became empty', () => {
  it('degrades its snapshots until the data is back, and retention lets go of nothing', async () => {
    await using app = await protectDatabase();
    const { snapshotId: full } = await app.backUp();
    await app.query('TRUNCATE notes, authors');
    const emptied = await app.backUp();
    expect(emptied).toMatchObject({ exitCode: 3, outcome: 'degraded' });
    expect(emptied.details.issues).toMatchObject([{ problem: 'emptied', severity: 'loss' }]);
    expect(emptied.details.issues[0]?.detail).toContain(`2 tables with 1501 rows in snapshot "${full}"`);
    expect((await app.installation.run(['backup'])).stdout).toContain(`holdfast restore ${full}`);

    await app.query('INSERT INTO authors VALUES (2)');
    expect(await app.backUp()).toMatchObject({ outcome: 'degraded' });
    expect((await app.installation.json<Listed[]>(['list'])).map(({ id, outcome }) => [id, outcome]).at(-1)).toEqual([full, 'succeeded']);

    await app.query('INSERT INTO notes SELECT i FROM generate_series(1, 1500) i');
    const back = await app.backUp();
    expect(back).toMatchObject({ exitCode: 0, outcome: 'succeeded', details: { issues: [] } });
  });

  it('is what it should be when its source says so, from then on', async () => {
    await using app = await protectDatabase();
    await app.backUp();
    await app.forgetEverything();
    await app.configure(', allowEmpty: true');
    expect(await app.backUp()).toMatchObject({ outcome: 'succeeded', details: { issues: [] } });
    await app.configure();
    expect(await app.backUp()).toMatchObject({ outcome: 'succeeded' });
  });

  it('is found out by a machine whose history is lost too, from the manifests, however often', async () => {
    await using app = await protectDatabase('layout: bundle');
    await app.backUp();
    await app.forgetEverything();
    for (let night = 0; night < 2; night++) {
      await rm(app.installation.dataDirectory, { recursive: true });
      expect(await app.backUp()).toMatchObject({ exitCode: 3, outcome: 'degraded', details: { issues: [{ problem: 'emptied' }] } });
    }
  });

  it('is found out by a machine that cannot read its own snapshots', async () => {
    const recipient = await identityToRecipient(await generateIdentity());
    await using app = await protectDatabase(`encryption: { recipients: [${recipient}] }`);
    await app.backUp();
    await app.forgetEverything();
    expect(await app.backUp()).toMatchObject({ exitCode: 3, outcome: 'degraded', details: { issues: [{ problem: 'emptied' }] } });
  });

  it('is nothing to tell of one that never held anything', async () => {
    await using app = await protectDatabase();
    await app.forgetEverything();
    for (let run = 0; run < 2; run++) expect(await app.backUp()).toMatchObject({ outcome: 'succeeded', details: { issues: [] } });
  });
});

it('a table that lost nearly all of its rows is noted, which degrades nothing', async () => {
  await using app = await protectDatabase();
  await app.backUp();
  await app.query('DELETE FROM notes WHERE id > 10');
  const report = await app.backUp();
  expect(report).toMatchObject({ exitCode: 0, outcome: 'succeeded' });
  expect(report.details.issues).toMatchObject([{ subject: 'public.notes', problem: 'shrank', severity: 'note' }]);
  expect((await app.backUp()).details.issues).toEqual([]);
});
