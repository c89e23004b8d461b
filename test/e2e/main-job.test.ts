import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DumpRecord, Manifest } from '../../src/domain/manifest.ts';
import { createApplication } from '../fixtures/application-database.ts';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';
import { sharedPostgres, uniqueName } from '../fixtures/shared-postgres.ts';
import { databaseContent } from './database-content.ts';
import { type Installation, install, type Listed, readJson, type Report } from './holdfast.ts';
import { fillOddTree, isPipe } from './odd-tree.ts';
import { runByHand } from './standard-tools.ts';
import { lookIntoStore } from './store-state.ts';
import { treeContent } from './tree-content.ts';

const run = promisify(execFile);

const passphrase = 'correct horse battery staple';
let cluster: PostgresCluster;
/** Copied for every test: that is quicker than filling it. */
const template = uniqueName('shop_template');

beforeAll(async () => {
  cluster = await sharedPostgres();
  await createApplication(cluster, template);
});

afterAll(async () => {
  await cluster.query('postgres', `DROP DATABASE "${template}"`);
});

/** A family's application: a database and a folder, with a plan that protects both. */
interface Family extends AsyncDisposable {
  readonly installation: Installation;
  readonly database: string;
  readonly tree: string;
  readonly keyFile: string;
}

interface PlanOptions {
  readonly layout: 'separate' | 'bundle';
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly encryption: 'none' | 'recipients' | 'passphrase';
}

async function newFamily({ layout, compression, encryption }: PlanOptions): Promise<Family> {
  const database = uniqueName('shop');
  const installation = await install({ DATABASE_URL: cluster.url(database), AGE_PASSPHRASE: passphrase });
  const tree = join(installation.directory, 'family');
  const keyFile = join(installation.directory, 'key.txt');
  await run('age-keygen', ['-o', keyFile]);
  const recipient = /age1\w+/.exec(await readFile(keyFile, 'utf8'))?.[0] ?? '';
  const encryptions = {
    none: '',
    recipients: `encryption: { recipients: [${recipient}], identity: "\${file:${keyFile}}" }`,
    passphrase: 'encryption: { passphrase: "${env:AGE_PASSPHRASE}" }',
  };
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "\${env:DATABASE_URL}" }
      - { kind: files, name: family, paths: ["${tree}"] }
    layout: ${layout}
    compression: ${compression}
    ${encryptions[encryption]}
    stores: [{ kind: local, path: "${installation.store}", keep: { last: 7 } }]
`);
  await cluster.createDatabase(database, `TEMPLATE "${template}"`);
  await mkdir(tree);
  await fillOddTree(tree);
  return {
    installation,
    database,
    tree,
    keyFile,
    async [Symbol.asyncDispose]() {
      const left = await cluster.query<{ name: string }>('postgres', 'SELECT datname AS name FROM pg_database WHERE datname LIKE $1', [
        `${database}%`,
      ]);
      for (const { name } of left) await cluster.query('postgres', `DROP DATABASE "${name}" WITH (FORCE)`);
      await installation[Symbol.asyncDispose]();
    },
  };
}

async function loseEverything({ database, tree }: Family): Promise<void> {
  await cluster.query('postgres', `DROP DATABASE "${database}" WITH (FORCE)`);
  await rm(tree, { recursive: true });
}

async function contentOf({ database, tree }: Family) {
  return { database: await databaseContent(cluster, database), tree: (await treeContent(tree)).filter((line) => !isPipe(line)) };
}

const extensions = { none: '', gzip: '.gz', zstd: '.zst' } as const;

describe.each<PlanOptions>([
  { layout: 'separate', compression: 'gzip', encryption: 'none' },
  { layout: 'separate', compression: 'zstd', encryption: 'passphrase' },
  { layout: 'separate', compression: 'none', encryption: 'recipients' },
  { layout: 'bundle', compression: 'gzip', encryption: 'recipients' },
  { layout: 'bundle', compression: 'zstd', encryption: 'none' },
  { layout: 'bundle', compression: 'none', encryption: 'none' },
])('a database and a tree, $layout, compression $compression, encryption $encryption', (options) => {
  let family: Family;
  let before: Awaited<ReturnType<typeof contentOf>>;
  let snapshotId: string;

  beforeAll(async () => {
    family = await newFamily(options);
    before = await contentOf(family);
    const backup = await family.installation.json<Report>(['backup', '--description', 'before the update']);
    expect(backup).toMatchObject({ outcome: 'succeeded', plan: 'home', error: null });
    ({ snapshotId } = backup);
  });

  afterAll(async () => family[Symbol.asyncDispose]());

  it('are stored under the names that were asked for', async () => {
    const { manifests, debris } = await lookIntoStore(family.installation.store);
    const stamp = /^home-(\d{8})-(\d{6})$/.exec(snapshotId)?.slice(1).join('_');
    const suffix = extensions[options.compression] + (options.encryption === 'none' ? '' : '.age');
    const archives =
      options.layout === 'bundle' ? [`home_backup_${stamp}.tar`] : [`${family.database}_backup_${stamp}.sql`, `family_backup_${stamp}.tar`];
    const expected = [...archives, `${snapshotId}.contents.jsonl`].map((name) => name + suffix);
    expect(manifests[0]?.parts.map((part) => part.name)).toEqual(expected);
    expect(debris).toEqual([]);
  });

  it('are listed, shown, verified and proven by a drill', async () => {
    const { installation, database } = family;
    const [listed] = await installation.json<Listed[]>(['list']);
    expect(listed).toMatchObject({
      id: snapshotId,
      outcome: 'succeeded',
      description: 'before the update',
      verification: { depth: 'readable' },
    });
    const { layout, compression, encryption } = options;
    const shown = {
      layout,
      compression: { kind: compression },
      encryption: encryption === 'none' ? null : { passphrase: encryption === 'passphrase' },
    };
    expect(await installation.json(['show', snapshotId])).toMatchObject({ ...shown, units: [{ name: database }, { name: 'family' }] });
    expect(await installation.json(['verify', snapshotId])).toMatchObject({ outcome: 'passed', depth: 'readable', findings: [] });
    const proven = { databases: [{ differences: [] }], trees: { differences: [] } };
    expect(await installation.json(['drill'])).toMatchObject({ outcome: 'succeeded', details: proven });
    const safe = { plan: 'home', health: 'healthy', newestVerified: { id: snapshotId, verification: { depth: 'drilled' } } };
    expect(await installation.json(['status'])).toMatchObject({ plans: [safe] });
  });

  it('are lost and restored in place, byte for byte and row for row', async () => {
    await loseEverything(family);
    const restored = await family.installation.json<Report>(['restore', snapshotId, '--in-place', '--yes']);
    const places = [{ path: family.tree, kept: null }];
    expect(restored).toMatchObject({
      outcome: 'succeeded',
      details: { databases: [{ database: family.database, oldName: null }], files: { places } },
    });
    expect(await contentOf(family)).toEqual(before);
  });

  it('are lost and restored by the commands of the manifest and standard tools alone', async () => {
    const { installation, database, tree, keyFile } = family;
    const manifest = await readJson<Manifest>(join(installation.store, `${snapshotId}.manifest.json`));
    await loseEverything(family);
    await cluster.createDatabase(database, 'TEMPLATE template0');
    const target = join(installation.directory, 'target');
    await mkdir(target);
    const words = { KEY_FILE: keyFile, TARGET_DIRECTORY: target };
    const byHand = { directory: installation.store, words, env: cluster.environment };
    for (const command of manifest.restore)
      await runByHand(command, options.encryption === 'passphrase' ? { ...byHand, passphrase } : byHand);
    await run('mv', [join(target, 'family'), tree]);
    expect(await contentOf(family)).toEqual(before);
  });
});

describe('a restore of a part', () => {
  it('brings one table back beside the live ones, and one path to where it was', async () => {
    await using family = await newFamily({ layout: 'bundle', compression: 'zstd', encryption: 'none' });
    const { installation, database, tree } = family;
    const { snapshotId } = await installation.json<Report>(['backup']);
    const letters = await treeContent(join(tree, 'letters'));
    const orders = await cluster.query(database, 'SELECT * FROM orders ORDER BY id');
    await cluster.query(database, "UPDATE orders SET state = 'draft'");
    await rm(join(tree, 'letters'), { recursive: true });

    const table = await installation.json<Report<{ databases: { schema: string }[] }>>([
      'restore',
      snapshotId,
      '--only',
      'public.orders',
      '--in-place',
      '--yes',
    ]);
    const schema = table.details.databases[0]?.schema;
    expect(await cluster.query(database, `SELECT * FROM "${schema}".orders ORDER BY id`)).toEqual(orders);
    expect(await cluster.query(database, 'SELECT DISTINCT state FROM orders')).toEqual([{ state: 'draft' }]);

    await installation.json(['restore', snapshotId, '--only', join(tree, 'letters'), '--in-place', '--yes']);
    expect(await treeContent(join(tree, 'letters'))).toEqual(letters);
    expect(await readFile(join(tree, 'letters/to-ada.txt'), 'utf8')).toBe('Dear Ada,\n');
  });

  it('goes into another database and into an empty directory, and leaves what is live alone', async () => {
    await using family = await newFamily({ layout: 'separate', compression: 'gzip', encryption: 'none' });
    const { installation, database, tree } = family;
    const { snapshotId } = await installation.json<Report>(['backup']);
    const before = await contentOf(family);
    const copy = `${database}_copy`;

    await installation.json(['restore', snapshotId, '--to-database', cluster.url(copy), '--yes']);
    expect(await databaseContent(cluster, copy)).toBe(before.database);
    const directory = join(installation.directory, 'looked', 'into');
    await installation.json(['restore', snapshotId, '--to-directory', directory, '--yes']);
    expect((await treeContent(join(directory, 'family'))).filter((line) => !isPipe(line))).toEqual(before.tree);
    expect((await readFile(join(directory, `${database}.sql`), 'utf8')).replaceAll(/^\\(un)?restrict .*$/gm, '')).toContain(
      'COPY public.orders',
    );
    expect(await contentOf(family)).toEqual(before);
    expect(await treeContent(tree)).toHaveLength(before.tree.length + 1);
  });

  it('keeps what stood in the place, a database and a tree, under a dated name', async () => {
    await using family = await newFamily({ layout: 'bundle', compression: 'zstd', encryption: 'none' });
    const { installation, database, tree } = family;
    const before = await contentOf(family);
    const { snapshotId } = await installation.json<Report>(['backup']);
    await cluster.query(database, 'CREATE TABLE newer AS SELECT 1 AS id');
    await writeFile(join(tree, 'newer'), 'written after the backup');

    const { details } = await installation.json<Report<{ databases: { oldName: string }[]; files: { places: { kept: string }[] } }>>([
      'restore',
      snapshotId,
      '--in-place',
      '--yes',
    ]);
    expect(await contentOf(family)).toEqual(before);
    const { oldName } = details.databases[0]!;
    expect(oldName).toMatch(new RegExp(`^${database}_old_\\d{8}`));
    await cluster.query('postgres', `ALTER DATABASE "${oldName}" ALLOW_CONNECTIONS true`);
    expect(await cluster.query(oldName, 'SELECT id FROM newer')).toEqual([{ id: 1 }]);
    expect(await readFile(join(details.files.places[0]!.kept, 'newer'), 'utf8')).toBe('written after the backup');
  });
});

describe('the environment alone', () => {
  it('backs up, lists, proves and restores a database', async () => {
    const database = uniqueName('shop');
    await cluster.createDatabase(database, `TEMPLATE "${template}"`);
    const before = await databaseContent(cluster, database);
    await using installation = await install({ DATABASE_URL: cluster.url(database) });
    const env = { BACKUP_DIR: join(installation.directory, 'made', 'by', 'it') };
    const { snapshotId } = await installation.json<Report>(['backup'], { env });
    const [listed] = await installation.json<Listed[]>(['list'], { env });
    expect(listed?.parts).toEqual([expect.stringMatching(new RegExp(`^${database}_backup_\\d{8}_\\d{6}\\.sql\\.gz$`))]);
    expect(await installation.json(['drill'], { env })).toMatchObject({ outcome: 'succeeded' });

    await cluster.query('postgres', `DROP DATABASE "${database}"`);
    await installation.json(['restore', snapshotId, '--to-database', cluster.url(database), '--yes'], { env });
    expect(await databaseContent(cluster, database)).toBe(before);
    await cluster.query('postgres', `DROP DATABASE "${database}"`);
  });

  it('names files as asked by BACKUP_FILE_NAME', async () => {
    await using installation = await install({ DATABASE_URL: cluster.url('postgres') });
    await installation.json(['backup'], { env: { BACKUP_DIR: installation.store, BACKUP_FILE_NAME: '{prefix}_{name}_{timestamp}' } });
    const { manifests } = await lookIntoStore(installation.store);
    expect(manifests[0]?.parts[0]?.name).toMatch(/^db_postgres_\d{8}_\d{6}\.sql\.gz$/);
  });
});

describe('a bundle', () => {
  it('holds a dump beyond 16 MiB in segments that one command puts together, and metadata.json', async () => {
    const database = uniqueName('shop_large');
    await cluster.createDatabase(database, 'TEMPLATE template0');
    await cluster.query(database, 'CREATE TABLE notes AS SELECT i, repeat(md5(i::text), 16) AS text FROM generate_series(1, 75000) i');
    const before = await databaseContent(cluster, database);
    await using installation = await install({ DATABASE_URL: cluster.url(database) });
    const env = { BACKUP_DIR: installation.store, BACKUP_PLAN: 'memu', BACKUP_LAYOUT: 'bundle', BACKUP_COMPRESSION: 'gzip' };
    const { snapshotId } = await installation.json<Report>(['backup'], { env });
    const manifest = await readJson<Manifest>(join(installation.store, `${snapshotId}.manifest.json`));
    const archive = join(installation.store, manifest.parts[0]!.name);
    expect(archive).toMatch(/\/memu_backup_\d{8}_\d{6}\.tar\.gz$/);
    const { stdout } = await run('tar', ['-tzf', archive]);
    const dump = `pgdata/${database}.sql`;
    expect(stdout.trim().split('\n')).toEqual([dump, `${dump}.00001`, `${dump}.00002`, 'metadata.json']);

    const metadata = JSON.parse((await run('tar', ['-xzOf', archive, 'metadata.json'])).stdout) as Manifest;
    expect(metadata).toEqual({ ...manifest, finishedAt: manifest.createdAt, parts: [] });
    expect((metadata.units[0] as DumpRecord).dump.tables).toMatchObject([{ name: 'notes', rows: 75000 }]);

    await cluster.query('postgres', `DROP DATABASE "${database}"`);
    await cluster.createDatabase(database, 'TEMPLATE template0');
    for (const command of manifest.restore)
      await runByHand(command, { directory: installation.store, words: {}, env: cluster.environment });
    expect(await databaseContent(cluster, database)).toBe(before);
    await cluster.query('postgres', `DROP DATABASE "${database}"`);
  });
});
