import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';

const run = promisify(execFile);

/** Definitions, rows in their order, sequences and large objects, as PostgreSQL's own pg_dump tells them. */
export async function databaseContent(cluster: PostgresCluster, database: string): Promise<string> {
  const args = ['--no-password', '--dbname', database];
  const { stdout } = await run(join(cluster.binDirectory, 'pg_dump'), args, { env: cluster.environment, maxBuffer: 1 << 30 });
  // The token is another one in every dump.
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
}
