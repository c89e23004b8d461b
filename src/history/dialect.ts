import { sql } from 'kysely';
import type { ColumnDefinitionBuilder, Kysely, RawBuilder, Transaction } from 'kysely';
import type { HistorySchema } from './schema.ts';

/** What the databases that can hold a history differ in. */
export interface HistoryDialect {
  readonly kind: 'sqlite' | 'postgres';
  /** A primary key that counts upward and never gives a number twice. */
  counter(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder;
  readonly bytes: 'blob' | 'bytea';
  /** Text that is ordered by its characters' numbers, whatever language the database speaks. */
  readonly orderedText: 'text' | RawBuilder<unknown>;
  /** A transaction that read a row must lock it to change it: SQLite has one writer at a time anyway. */
  readonly locksRows: boolean;
  /** Lets one process at a time bring the schema up to date. */
  startMigration(db: Transaction<HistorySchema>): Promise<void>;
  /** Another answer after every change of runs, snapshots and deletions, whoever made it. */
  revision(db: Kysely<HistorySchema>): Promise<string>;
}

export const sqliteDialect: HistoryDialect = {
  kind: 'sqlite',
  counter: (column) => column.primaryKey().autoIncrement(),
  bytes: 'blob',
  orderedText: 'text',
  locksRows: false,
  // A transaction is the only writer from its beginning on.
  startMigration: () => Promise.resolve(),
  async revision(db) {
    // The pragma tells of the commits of other connections, the function of this one's.
    const { rows: others } = await sql<{ readonly data_version: number }>`PRAGMA data_version`.execute(db);
    const { rows: own } = await sql<{ readonly changes: number }>`SELECT total_changes() AS changes`.execute(db);
    return `${others[0]?.data_version}.${own[0]?.changes}`;
  },
};

/** Any number will do that no other program takes for its own advisory locks in the same database. */
const migrationLock = 7_263_054_118;

export const postgresDialect: HistoryDialect = {
  kind: 'postgres',
  counter: (column) => column.primaryKey().generatedAlwaysAsIdentity(),
  bytes: 'bytea',
  orderedText: sql`text collate "C"`,
  locksRows: true,
  async startMigration(db) {
    await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(db);
  },
  async revision(db) {
    return String((await db.selectFrom('revision').select('number').executeTakeFirstOrThrow()).number);
  },
};
