import { HoldfastError } from '../../domain/errors.ts';
import type { SourceContext } from '../../ports/descriptor.ts';
import type { DumpUnit, Source, Unit } from '../../ports/source.ts';
import { type ClientPrograms, containerPrograms, Docker, localPrograms } from './client-programs.ts';
import { chooseInstallation, type ClientSearch, defaultClientSearch } from './clients.ts';
import { connect, type ConnectOptions, type Session } from './connection.ts';
import { containerStream } from './container-stream.ts';
import { databaseUnit } from './database-dump.ts';
import { openSnapshot } from './database-snapshot.ts';
import { globalsUnit, mayReadPasswords } from './globals.ts';
import { configuredAddress, type PostgresConfig } from './postgres-config.ts';
import { serverName } from './server-address.ts';
import { excludedTables } from './table-patterns.ts';

/** Where programs are looked for; passed in so that tests can put their own there. */
export interface DumpSourceOptions {
  readonly search?: ClientSearch;
}

/** Databases of one server, each read at the moment that `units` was called. */
export class DumpSource implements Source {
  readonly #config: PostgresConfig;
  readonly #context: SourceContext;
  readonly #search: ClientSearch;
  readonly #held = new AsyncDisposableStack();

  constructor(config: PostgresConfig, context: SourceContext, options: DumpSourceOptions = {}) {
    this.#config = config;
    this.#context = context;
    this.#search = options.search ?? defaultClientSearch(context.environment);
  }

  async units(signal: AbortSignal): Promise<readonly Unit[]> {
    const connection = this.#connection();
    const installed = await this.#findPrograms(signal);
    await using session = await connect({ ...connection, signal });
    const { serverMajor, serverVersion } = session;
    const server = `PostgreSQL ${serverVersion} on ${serverName(connection.address)}`;
    const programs = chooseInstallation(installed, { program: 'pg_dump', serverMajor, server });
    const names = await this.#databaseNames(session);
    const units: DumpUnit[] = [];
    for (const database of names) units.push(await this.#openDatabase({ connection, database, programs }, signal));
    if (this.#config.globals) units.push(await this.#globals(session, connection, programs, new Set(names)));
    return units;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #connection(): Omit<ConnectOptions, 'signal'> {
    const address = configuredAddress(this.#config, this.#context.environment);
    const { container } = this.#config;
    if (container === undefined) return { address };
    const docker = new Docker(this.#context.environment);
    return { address, openStream: () => containerStream(docker.tunnel(container, address.host, address.port)) };
  }

  async #findPrograms(signal: AbortSignal): Promise<readonly ClientPrograms[]> {
    const { container } = this.#config;
    return container === undefined
      ? await localPrograms(this.#search)
      : await containerPrograms(container, new Docker(this.#context.environment), signal);
  }

  async #databaseNames(session: Session): Promise<readonly string[]> {
    const { databases } = this.#config;
    if (Array.isArray(databases)) return databases;
    if (databases === undefined) return [session.database];
    const rows = await session.query<{ name: string }>(
      'SELECT datname AS name FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname',
    );
    if (rows.length > 0) return rows.map(({ name }) => name);
    throw new HoldfastError('SOURCE_EMPTY', 'The server has no database to back up', { hint: 'Name the databases in "databases"' });
  }

  async #openDatabase(
    { connection, database, programs }: { connection: Omit<ConnectOptions, 'signal'>; database: string; programs: ClientPrograms },
    signal: AbortSignal,
  ): Promise<DumpUnit> {
    const snapshot = this.#held.use(await openSnapshot({ ...connection, database, signal }));
    const excluded = excludedTables(this.#config.excludeTableData ?? [], snapshot.relations);
    const connections = this.#config.connections ?? (this.#config.container === undefined ? 2 : 1);
    const reading = { connection, database, snapshot, excluded, programs, connections, environment: this.#context.environment };
    return await databaseUnit(reading, this.#config);
  }

  async #globals(
    session: Session,
    { address }: Omit<ConnectOptions, 'signal'>,
    programs: ClientPrograms,
    taken: ReadonlySet<string>,
  ): Promise<DumpUnit> {
    const { serverVersion } = session;
    const reading = {
      address,
      programs,
      environment: this.#context.environment,
      serverVersion,
      passwords: await mayReadPasswords(session),
    };
    return globalsUnit(reading, taken.has('globals') ? 'globals of the server' : 'globals');
  }
}
