import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { HoldfastError } from '../domain/errors.ts';
import { nodeSqliteDialect } from '../platform/node-sqlite-dialect.ts';
import type { History } from '../ports/history.ts';
import { sqliteDialect } from './dialect.ts';
import { translated } from './history-errors.ts';
import { KyselyHistory } from './kysely-history.ts';
import { migrate } from './migrations.ts';
import type { HistorySchema } from './schema.ts';

export async function openStandInHistory(reason: HoldfastError): Promise<History> {
  const place = ':memory:';
  const dialect = nodeSqliteDialect(new DatabaseSync(place), (error) => translated(error, place));
  const db = new Kysely<HistorySchema>({ dialect });
  await migrate(db, sqliteDialect);
  return new StandInHistory(db, { where: place, reason });
}

class StandInHistory extends KyselyHistory {
  readonly #reason: HoldfastError;

  constructor(db: Kysely<HistorySchema>, { where, reason }: { readonly where: string; readonly reason: HoldfastError }) {
    super(db, { where, dialect: sqliteDialect });
    this.#reason = reason;
  }

  override async startRun(): Promise<never> {
    throw this.#reason;
  }

  override async recordDeletion(): Promise<never> {
    throw this.#reason;
  }
}
