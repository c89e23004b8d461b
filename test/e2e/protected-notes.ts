import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';
import { sharedPostgres, uniqueName } from '../fixtures/shared-postgres.ts';
import { type Installation, install } from './holdfast.ts';

/** A small application: a database with two tables, a folder with a few files, and a plan `home` that protects both. */
export interface ProtectedNotes extends AsyncDisposable {
  readonly installation: Installation;
  readonly cluster: PostgresCluster;
  readonly database: string;
  readonly tree: string;
}

export interface NotesOptions {
  /** Rows of the table `notes`, about 40 bytes each. */
  readonly rows?: number;
  /** Lines of the plan, below `home:`. */
  readonly plan?: string;
  /** Of the store: `{ last: 3 }`. */
  readonly keep?: string;
  /** Where snapshots go; the installation's own store unless given. */
  readonly store?: string;
  /** Where the folder is; in the installation's own directory unless given. */
  readonly tree?: string;
  /** Size of a further file in it, of bytes that do not compress. */
  readonly treeBytes?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function protectNotes({ rows = 1000, plan = '', keep, store, env, ...files }: NotesOptions = {}): Promise<ProtectedNotes> {
  const cluster = await sharedPostgres();
  const database = uniqueName('notes');
  await cluster.createDatabase(database);
  await cluster.query(
    database,
    `CREATE TABLE notes AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, ${rows}) i; CREATE TABLE authors AS SELECT 1 AS id, 'Ada' AS name`,
  );
  const installation = await install({ DATABASE_URL: cluster.url(database), ...env });
  const tree = files.tree ?? join(installation.directory, 'files');
  await mkdir(tree);
  for (const name of ['one', 'two', 'three']) await writeFile(join(tree, name), `content of ${name}\n`.repeat(2000));
  if (files.treeBytes !== undefined) await writeFile(join(tree, 'large'), randomBytes(files.treeBytes));
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "\${env:DATABASE_URL}" }
      - { kind: files, paths: ["${tree}"] }
    stores: [{ kind: local, path: "${store ?? installation.store}"${keep === undefined ? '' : `, keep: ${keep}`} }]
    ${plan}
`);
  return {
    installation,
    cluster,
    database,
    tree,
    async [Symbol.asyncDispose]() {
      for (const name of await databasesOf(cluster, database)) await cluster.query('postgres', `DROP DATABASE "${name}" WITH (FORCE)`);
      await installation[Symbol.asyncDispose]();
    },
  };
}

/** The database and what restores made beside it. */
export async function databasesOf(cluster: PostgresCluster, database: string): Promise<string[]> {
  const sql = "SELECT datname AS name FROM pg_database WHERE datname LIKE $1 || '%' ORDER BY datname";
  return (await cluster.query<{ name: string }>('postgres', sql, [database])).map(({ name }) => name);
}
