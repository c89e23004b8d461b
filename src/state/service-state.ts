import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { nodeSqliteDialect } from '../platform/node-sqlite-dialect.ts';
import { createSqliteFile, openSqliteFile } from '../platform/sqlite-file.ts';
import type { Clock } from '../ports/clock.ts';
import type { ServiceState } from '../ports/service-state.ts';
import { apiTokens } from './api-tokens.ts';
import { auditLog } from './audit-log.ts';
import { removeOutdated } from './housekeeping.ts';
import { knownVersion, migrate } from './migrations.ts';
import { outbox } from './outbox.ts';
import { passkeys } from './passkeys.ts';
import { requestRecords } from './request-records.ts';
import { liveRunRecords, scheduleRecords } from './run-records.ts';
import type { StateSchema } from './schema.ts';
import { sessions } from './sessions.ts';
import { signIns } from './sign-ins.ts';
import { newerState, stateNotMade, translated } from './state-errors.ts';
import { users } from './users.ts';

const dayMs = 24 * 3_600_000;

/**
 * Opens what the service remembers, in a SQLite file that is made, for its owner alone, when it does not exist. What is
 * outdated is removed now and daily. Throws `STATE_UNREADABLE` when it is damaged, cannot be reached, or is of a newer
 * Holdfast.
 */
export async function openServiceState(file: string, { clock }: { readonly clock: Clock }): Promise<ServiceState> {
  await createSqliteFile(file).catch((error: unknown) => {
    throw stateNotMade(file, error);
  });
  const db = new Kysely<StateSchema>({ dialect: nodeSqliteDialect(openDatabase(file), (error) => translated(error, file)) });
  try {
    await removeOutdated(db, clock.now());
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const daily = setInterval(() => void removeOutdated(db, clock.now()).catch(leftForTomorrow), dayMs).unref();
  return {
    accounts: { ...users(db), ...sessions(db), ...apiTokens(db), ...passkeys(db), ...signIns(db) },
    schedules: scheduleRecords(db),
    outbox: outbox(db, clock),
    audit: auditLog(db),
    requests: requestRecords(db),
    liveRuns: liveRunRecords(db),
    async [Symbol.asyncDispose]() {
      clearInterval(daily);
      await db.destroy();
    },
  };
}

function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = openSqliteFile(file);
    database.exec('PRAGMA foreign_keys = ON');
    const found = migrate(database);
    if (found > knownVersion) throw newerState(file, { found, known: knownVersion });
    return database;
  } catch (error) {
    database?.close();
    throw translated(error, file);
  }
}

/** Nobody waits for it, and whatever is wrong with the file shows at the next request that needs it. */
function leftForTomorrow(): void {}
