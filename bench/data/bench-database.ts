import { type PostgresCluster, startPostgres } from '../../test/fixtures/postgres-cluster.ts';
import { runShell } from '../run-shell.ts';
import { say } from '../say.ts';
import { applicationRows } from './application-rows.ts';

/** As a server that is in use, not as one for tests: what it writes is on disk when it says so. */
const settings = {
  fsync: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  jit: 'off',
};

/** A throw-away server with the databases that are measured. About 3 GB on disk; ten times that for the large one. */
export class BenchDatabases implements AsyncDisposable {
  readonly #directory: string;
  readonly #existingUrl: string | undefined;
  #cluster: Promise<PostgresCluster> | undefined;
  readonly #made = new Map<string, Promise<void>>();

  /** With `existingUrl` that database is read in place of one of our own making. */
  constructor(directory: string, existingUrl: string | undefined) {
    this.#directory = directory;
    this.#existingUrl = existingUrl;
  }

  /** The database of about 2 GB that is dumped. */
  async source(): Promise<string> {
    if (this.#existingUrl !== undefined) return this.#existingUrl;
    await this.#once('bench', () => this.#writeBench());
    return (await this.server()).url('bench');
  }

  async sourceTimesTen(): Promise<string> {
    await this.#once('bench10', () => this.#writeTimesTen());
    return (await this.server()).url('bench10');
  }

  /** Where databases can be restored. */
  server(): Promise<PostgresCluster> {
    this.#cluster ??= startPostgres({ settings, parentDirectory: this.#directory });
    return this.#cluster;
  }

  #once(name: string, make: () => Promise<void>): Promise<void> {
    const making = this.#made.get(name) ?? make();
    this.#made.set(name, making);
    return making;
  }

  async #writeBench(): Promise<void> {
    say('Making the database "bench", about 2 GB of SQL ...');
    const server = await this.server();
    const { binDirectory, environment } = server;
    await server.createDatabase('bench');
    await runShell(`'${binDirectory}/pgbench' -i -q -s 100 bench`, { environment });
    await runShell(`'${binDirectory}/psql' -X -q -v ON_ERROR_STOP=1 -d bench`, { environment, input: applicationRows() });
    await server.query('bench', 'vacuum analyze');
  }

  async #writeTimesTen(): Promise<void> {
    const from = await this.source();
    say('Making the database "bench10", ten times as large ...');
    const server = await this.server();
    const { binDirectory, environment } = server;
    await server.createDatabase('bench10');
    await runShell(`'${binDirectory}/pg_dump' -d '${from}' | '${binDirectory}/psql' -X -q -v ON_ERROR_STOP=1 -d bench10`, { environment });
    const tables = await server.query<{ name: string }>('bench10', "select tablename as name from pg_tables where schemaname = 'public'");
    for (const { name } of tables) {
      for (let copy = 1; copy < 10; copy++) await server.query('bench10', `create unlogged table ${name}_${copy} as select * from ${name}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#cluster)?.[Symbol.asyncDispose]();
  }
}
