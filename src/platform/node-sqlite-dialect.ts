import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';

/** Kysely on Node's own SQLite. `translate` turns a failed query's error into the one that callers see. */
export function nodeSqliteDialect(database: DatabaseSync, translate: (error: unknown) => unknown): Dialect {
  return {
    createDriver: () => new NodeSqliteDriver(new NodeSqliteConnection(database, translate)),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (kysely: Kysely<unknown>) => new SqliteIntrospector(kysely),
  };
}

/** One connection, handed to one user at a time: a transaction must not meet another's queries. */
class NodeSqliteDriver implements Driver {
  readonly #connection: NodeSqliteConnection;
  #turn: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;

  constructor(connection: NodeSqliteConnection) {
    this.#connection = connection;
  }

  async init(): Promise<void> {
    // The database is open already.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    this.#release = resolve;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#release();
  }

  /** Immediate: a transaction that reads first and then writes would fail when another process wrote in between. */
  async beginTransaction(): Promise<void> {
    this.#connection.execute('BEGIN IMMEDIATE');
  }

  async commitTransaction(): Promise<void> {
    this.#connection.execute('COMMIT');
  }

  async rollbackTransaction(): Promise<void> {
    this.#connection.execute('ROLLBACK');
  }

  async destroy(): Promise<void> {
    this.#connection.close();
  }
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #translate: (error: unknown) => unknown;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, translate: (error: unknown) => unknown) {
    this.#database = database;
    this.#translate = translate;
  }

  execute(sql: string): void {
    this.#translated(() => this.#database.exec(sql));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const values = parameters as readonly SQLInputValue[];
    return this.#translated(() => {
      const statement = this.#prepared(sql);
      if (statement.columns().length > 0) return { rows: statement.all(...values) as Row[] };
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    });
  }

  async *streamQuery<Row>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    const rows = this.#translated(() => this.#database.prepare(sql).iterate(...(parameters as readonly SQLInputValue[])));
    for (const row of rows) yield { rows: [row as Row] };
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #translated<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#translate(error);
    }
  }
}
