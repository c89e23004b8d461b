import { isHoldfastError } from '../../domain/errors.ts';
import { type CatalogRelation, checkReadable, listRelations } from './catalog.ts';
import { connect, type ConnectOptions, type Session } from './connection.ts';

/**
 * One moment of a database, held open: several connections and pg_dump read the same rows through `id`. While it is held
 * no table can be truncated, rewritten or dropped, which a snapshot alone would not keep anybody from.
 */
export interface DatabaseSnapshot extends AsyncDisposable {
  readonly session: Session;
  readonly id: string;
  readonly relations: readonly CatalogRelation[];
}

/** Longest wait for a table that somebody rewrites at this moment. */
export const lockWaitMs = 300_000;

const triesAtMovingTables = 5;

/** Throws what `connect` throws, and `PERMISSION_DENIED` when not everything can be read. */
export async function openSnapshot(options: ConnectOptions): Promise<DatabaseSnapshot> {
  const session = await connect(options);
  try {
    return await holdMoment(session, options.address.user);
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

async function holdMoment(session: Session, user: string): Promise<DatabaseSnapshot> {
  await session.query(`SET lock_timeout = ${lockWaitMs}`);
  for (let tries = 1; ; tries++) {
    const known = await listRelations(session, { withSizes: false });
    checkReadable(known, { user, database: session.database });
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      return await lockAndExport(session, known, user);
    } catch (error) {
      await session.query('ROLLBACK').catch(() => undefined);
      if (!isGone(error) || tries >= triesAtMovingTables) throw error;
    }
  }
}

/**
 * A transaction sees the rows as of its first query, and LOCK is none: what is locked before cannot change under the
 * snapshot. Tables made in between are locked after, as pg_dump does with all.
 * @see https://www.postgresql.org/docs/current/sql-lock.html
 */
async function lockAndExport(session: Session, known: readonly CatalogRelation[], user: string): Promise<DatabaseSnapshot> {
  await lockAll(session, known);
  const [row] = await session.query<{ id: string }>('SELECT pg_catalog.pg_export_snapshot() AS id');
  const seen = new Set(known.map(({ quoted }) => quoted));
  await lockAll(
    session,
    (await listRelations(session, { withSizes: false })).filter(({ quoted }) => !seen.has(quoted)),
  );
  const relations = await listRelations(session, { withSizes: true });
  checkReadable(relations, { user, database: session.database });
  return { session, id: row?.id ?? '', relations, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
}

async function lockAll(session: Session, relations: readonly CatalogRelation[]): Promise<void> {
  const tables = relations.filter(({ kind }) => kind === 'r' || kind === 'p').map(({ quoted }) => `ONLY ${quoted}`);
  for (let at = 0; at < tables.length; at += 500)
    await session.query(`LOCK TABLE ${tables.slice(at, at + 500).join(', ')} IN ACCESS SHARE MODE`);
}

/** A table was dropped between being listed and being locked. */
function isGone(error: unknown): boolean {
  return isHoldfastError(error) && (error.details['sqlState'] === '42P01' || error.details['sqlState'] === '3F000');
}
