import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { HoldfastError } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import { translatedPostgres } from './postgres-errors.ts';

const connections = 4;
const connectTimeoutMs = 3000;
const statementTimeoutMs = 10_000;
/** A server that is there and does not answer: more than it gives itself. */
const answerTimeoutMs = 12_000;

/** Set in the session, not in the first packet, which poolers in front of a server refuse. */
const session = `SET search_path TO holdfast; SET statement_timeout TO ${statementTimeoutMs}; SET idle_in_transaction_session_timeout TO ${statementTimeoutMs}`;

/** Connections to the history's server, whose failures are told in our words. Nothing is connected yet. */
export function openPool(url: Secret): { readonly pool: PostgresPool; readonly where: string } {
  const options = clientOptions(url);
  const where = describePlace(options);
  const pool = new pg.Pool({
    ...options,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    application_name: 'holdfast',
    types: { getTypeParser },
    allowExitOnIdle: true,
  });
  // A connection that is lost while nobody uses it must not end the process: the next query tells.
  pool.on('error', ignoreUntilNextQuery);
  pool.on('connect', (client) => client.on('error', ignoreUntilNextQuery));
  return { pool: new ToldPool(pool, where), where };
}

function ignoreUntilNextQuery(): void {
  // Deliberately nothing: see the callers.
}

/** As libpq reads the words of `sslmode`. */
function clientOptions(url: Secret): pg.ClientConfig {
  const text = url.reveal();
  const isTlsNamed = /[?&]sslmode=/.test(text) && !/[?&]uselibpqcompat=/.test(text);
  return { connectionString: isTlsNamed ? `${text}&uselibpqcompat=true` : text };
}

function describePlace(options: pg.ClientConfig): string {
  try {
    const { host, port, database } = new pg.Client(options);
    return `PostgreSQL, "${database}" on ${host}:${port}`;
  } catch {
    // The reason is not handed on: the driver puts the whole URL into some of them.
    throw new HoldfastError('CONFIG_INVALID', 'Cannot read the URL of the history, or a certificate that it names', {
      hint: 'Write HOLDFAST_HISTORY_URL as postgres://user:password@host:5432/database, with special characters as %XX',
    });
  }
}

/** Counts of bytes and rows stay far below what a number holds exactly. */
function getTypeParser(...[oid, format]: Parameters<typeof pg.types.getTypeParser>) {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format);
}

class ToldPool implements PostgresPool {
  readonly #pool: pg.Pool;
  readonly #where: string;
  readonly #clients = new WeakMap<pg.PoolClient, ToldClient>();

  constructor(pool: pg.Pool, where: string) {
    this.#pool = pool;
    this.#where = where;
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      const client = await this.#pool.connect();
      return this.#clients.get(client) ?? (await this.#begin(client));
    } catch (error) {
      throw translatedPostgres(error, this.#where);
    }
  }

  async #begin(client: pg.PoolClient): Promise<ToldClient> {
    try {
      await client.query(session);
    } catch (error) {
      client.release(true);
      throw error;
    }
    const told = new ToldClient(client, this.#where);
    this.#clients.set(client, told);
    return told;
  }

  async end(): Promise<void> {
    await this.#pool.end();
  }
}

class ToldClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #where: string;
  #isLost = false;

  constructor(client: pg.PoolClient, where: string) {
    this.#client = client;
    this.#where = where;
  }

  query = this.#query.bind(this) as unknown as PostgresPoolClient['query'];

  async #query(statement: string, parameters: unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(statement, parameters);
    } catch (error) {
      // Only an answer leaves the connection fit for the next query.
      this.#isLost ||= !(error instanceof pg.DatabaseError);
      throw translatedPostgres(error, this.#where);
    }
  }

  release(): void {
    this.#client.release(this.#isLost);
  }
}
