import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeContract } from '../../../test/contracts/contract.ts';
import { sourceClauses, type SourceSubject } from '../../../test/contracts/source.ts';
import { sharedDatabase } from '../../../test/fixtures/shared-postgres.ts';
import { Secret } from '../../domain/secret.ts';
import { postgresSource } from './postgres-source.ts';

const run = promisify(execFile);
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const clock = { now: () => new Date(), monotonicMs: () => performance.now() };

/** Roles, small tables and one that is large enough to be copied in pieces. */
async function database(connections: number): Promise<SourceSubject & AsyncDisposable> {
  const { cluster, name, [Symbol.asyncDispose]: drop } = await sharedDatabase('contract');
  await cluster.query(
    name,
    "CREATE TABLE large AS SELECT i, repeat('x', 500) AS text FROM generate_series(1, 40000) i; CREATE TABLE small AS SELECT 1 AS id",
  );
  const open = (url: string) =>
    postgresSource.open(postgresSource.schema.parse({ url: new Secret(url, 'test'), globals: true, connections }), {
      name,
      ownDirectories: [],
      log,
      clock,
      environment: { PATH: process.env['PATH'], HOME: '/nowhere' },
    });
  return {
    open: () => open(cluster.url(name)),
    fingerprint: async () => {
      const args = ['--dbname', cluster.url(name)];
      const { stdout } = await run(join(cluster.binDirectory, 'pg_dump'), args, { maxBuffer: 100_000_000 });
      return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
    },
    openPointless: () => open(cluster.url('no_such_database')),
    lose: async () => {
      await cluster.query('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    },
    [Symbol.asyncDispose]: drop,
  };
}

const skips = {
  'the same input yields the same units, entries and bytes in the same order':
    'pg_dump writes a random key that keeps psql from running commands in data; postgres-source.test.ts compares reports and everything else',
};

describeContract('the postgres source over one connection', { clauses: sourceClauses, make: () => database(1), skips });
describeContract('the postgres source over two connections', { clauses: sourceClauses, make: () => database(2), skips });
