import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, install, type Installation, type Listed, type Report } from '../../test/e2e/holdfast.ts';
import { startPostgres } from '../../test/fixtures/postgres-cluster.ts';
import { sharedDatabase } from '../../test/fixtures/shared-postgres.ts';

async function namesOn(cluster: { query: (database: string, sql: string) => Promise<{ name?: unknown }[]> }): Promise<unknown[]> {
  return (await cluster.query('postgres', 'SELECT datname AS name FROM pg_database ORDER BY 1')).map(({ name }) => name);
}

test('a restore in place goes to the server that the database came from, not to the first of the plan', async () => {
  await using first = await sharedDatabase('first');
  await using second = await startPostgres();
  await second.createDatabase('wiki');
  await second.query('wiki', 'CREATE TABLE pages AS SELECT 1 AS id');
  await using installation = await install();
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "${first.cluster.url(first.name)}" }
      - { kind: postgres, url: "${second.url('wiki')}" }
    stores: [{ kind: local, path: ${installation.store} }]
`);
  await installation.json(['backup']);
  await second.query('wiki', 'DROP TABLE pages');

  const [snapshot] = await installation.json<Listed[]>(['list']);
  await installation.json(['restore', snapshot!.id, '--in-place', '--only', 'wiki', '--yes']);

  expect(await second.query('wiki', 'SELECT id FROM pages')).toEqual([{ id: 1 }]);
  expect(await namesOn(first.cluster)).not.toContain('wiki');
});

async function newestId(installation: Installation): Promise<string> {
  const [newest] = await installation.json<Listed[]>(['list']);
  return newest!.id;
}

test('a tree that holds the store is backed up without it, and is not swapped from under it', async () => {
  await using installation = await install();
  const tree = join(installation.directory, 'tree');
  const store = join(tree, 'backups');
  await mkdir(tree);
  await writeFile(join(tree, 'note'), 'kept\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: [${tree}] }]
    stores: [{ kind: local, path: ${store} }]
`);
  for (let run = 0; run < 2; run++) await installation.json(['backup']);
  const stored = await filesIn(store);
  const id = await newestId(installation);
  const { issues } = await installation.json<{ issues: unknown[] }>(['show', id]);
  expect(issues).toMatchObject([{ subject: store, problem: 'skipped', severity: 'note' }]);

  await writeFile(join(tree, 'note'), 'live\n');
  const refused = await installation.run(['restore', id, '--in-place', '--yes', '--json']);
  expect(refused.json<Report>().error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(store) });
  expect(await filesIn(store)).toEqual(stored);
  await installation.json(['restore', id, '--in-place', '--only', join(tree, 'note'), '--yes']);
  expect(await readFile(join(tree, 'note'), 'utf8')).toBe('kept\n');
});

test('a restore in place names what the plan leaves out of backups, and where it is now', async () => {
  await using installation = await install();
  const tree = join(installation.directory, 'tree');
  await mkdir(join(tree, 'cache'), { recursive: true });
  await writeFile(join(tree, 'note'), 'kept\n');
  await writeFile(join(tree, 'cache', 'large'), 'not worth a backup\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: [${tree}], exclude: ["cache/"] }]
    stores: [{ kind: local, path: ${installation.store} }]
`);
  await installation.json(['backup']);
  const { details } = await installation.json<Report<{ remarks: string[]; files: { places: { kept: string }[] } }>>([
    'restore',
    await newestId(installation),
    '--in-place',
    '--yes',
  ]);
  const [{ kept }] = details.files.places as [{ kept: string }];
  expect(details.remarks).toEqual([
    `The snapshot does not hold 1 path that stood in "${tree}", left out of the backup or made after it: "cache"; copy what you need from "${kept}"`,
  ]);
  expect(await readFile(join(kept, 'cache', 'large'), 'utf8')).toBe('not worth a backup\n');
});

describe('a restore of parts', () => {
  /** Two databases with a table of one name, whose own names are one file name; roles; a tree within a tree. */
  async function backedUp() {
    const stack = new AsyncDisposableStack();
    const cluster = stack.use(await startPostgres());
    for (const name of ['a b', 'a_b']) {
      await cluster.createDatabase(name);
      await cluster.query(name, 'CREATE TABLE users AS SELECT 1 AS id');
    }
    await cluster.query('postgres', 'CREATE ROLE clerk');
    await cluster.query('a_b', 'ALTER TABLE users OWNER TO clerk');
    const installation = stack.use(await install());
    const tree = join(installation.directory, 'tree');
    await mkdir(join(tree, 'inner'), { recursive: true });
    await writeFile(join(tree, 'inner', 'note'), 'kept\n');
    await installation.configure(`
plans:
  home:
    layout: bundle
    sources:
      - { kind: postgres, name: databases, url: "${cluster.url('postgres')}", databases: ["a b", a_b], globals: true }
      - { kind: files, name: files, paths: [${tree}, ${tree}/inner] }
    stores: [{ kind: local, path: ${installation.store} }]
`);
    await installation.json(['backup']);
    return { cluster, installation, tree, id: await newestId(installation), [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  test('leaves out nothing of what stood in the snapshot or was named', async () => {
    await using world = await backedUp();
    const { installation, cluster, tree, id } = world;
    const out = join(installation.directory, 'out');
    const restore = (...args: string[]) => installation.run(['restore', id, ...args, '--yes', '--json']);
    const refusal = async (...args: string[]) => (await restore(...args)).json<Report>().error;

    await installation.json(['restore', id, '--to-directory', out, '--yes']);
    expect(await filesIn(out)).toEqual(
      expect.arrayContaining(['a_b.sql', 'a_b.2.sql', 'globals.sql', 'files/tree/inner/note', 'files/inner/note']),
    );
    expect(await readFile(join(out, 'globals.sql'), 'utf8')).toContain('CREATE ROLE clerk');

    const elsewhere = join(installation.directory, 'elsewhere');
    expect(await refusal('--to-directory', elsewhere, '--only', 'files/inner/note', '--only', 'typo')).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('"typo"'),
    });
    expect(await refusal('--to-directory', elsewhere, '--only', 'a_b:public.users')).toMatchObject({ code: 'USAGE' });
    expect(await refusal('--to-directory', elsewhere, '--only', 'public.users')).toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('a b:public.users'),
    });
    expect(await filesIn(elsewhere)).toEqual([]);

    const target = cluster.url('target');
    expect(await refusal('--to-database', target, '--only', 'a b', '--only', 'a_b')).toMatchObject({ code: 'USAGE' });
    expect(await refusal('--to-database', target, '--only', 'a_b', '--only', 'files/inner')).toMatchObject({ code: 'USAGE' });
    expect(await refusal('--to-database', cluster.url(''), '--only', 'a_b')).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('which database'),
    });
    expect(await namesOn(cluster)).not.toContain('target');

    const misnamed = await restore('--in-place', '--only', 'a_b:public.user');
    expect(misnamed.exitCode).toBe(2);
    expect(misnamed.json<Report>().error).toMatchObject({ code: 'USAGE', message: expect.stringContaining('"a_b:public.users"') });

    await writeFile(join(tree, 'inner', 'note'), 'live\n');
    expect(await refusal('--in-place', '--only', tree, '--only', `${tree}/inner`)).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('one lies in the other'),
    });
    expect(await readFile(join(tree, 'inner', 'note'), 'utf8')).toBe('live\n');
  });

  test('brings back the roles that a database needs before the database', async () => {
    await using world = await backedUp();
    const { installation, cluster, id } = world;
    await cluster.query('postgres', 'DROP DATABASE a_b');
    await cluster.query('postgres', 'DROP ROLE clerk');
    await installation.json(['restore', id, '--in-place', '--only', 'globals', '--only', 'a_b', '--yes']);
    expect(await cluster.query('a_b', "SELECT tableowner, id FROM pg_tables, users WHERE tablename = 'users'")).toEqual([
      { tableowner: 'clerk', id: 1 },
    ]);
  });
});
