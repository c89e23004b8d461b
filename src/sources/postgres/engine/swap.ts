import { HoldfastError, isHoldfastError } from '../../../domain/errors.ts';
import type { Session } from '../connection.ts';
import { quoteIdentifier } from '../server-error.ts';
import { commentOn, databaseExists } from './database-attributes.ts';
import { quoteLiteral } from './quoting.ts';

export interface Swap {
  /** The name that applications use. */
  readonly live: string;
  readonly restored: string;
  /** What the live database is called afterwards. */
  readonly old: string;
  readonly comment: string | null;
  /** A new connection, for when the session is lost in the middle. */
  reconnect(): Promise<Session>;
}

const attempts = 3;

/**
 * Gives the restored database the live one's name, in one transaction, and keeps the live one under another. Sessions of
 * the live database are ended, and new ones refused until its name belongs to the other: a pool of connections would
 * otherwise come back before the rename, which needs the database to itself.
 *
 * All of it is one statement, so the server sees it through when this process dies in the middle: the live database is
 * either swapped or accepts connections again.
 */
export async function swapDatabases(session: Session, swap: Swap): Promise<void> {
  try {
    await session.query(swapStatement(swap));
  } catch (error) {
    if (isHoldfastError(error, 'SERVER_UNREACHABLE') && (await wasSwapped(swap, error))) return;
    throw new HoldfastError('TARGET_FAILED', `Cannot put the restored database in the place of "${swap.live}": ${reasonOf(error)}`, {
      hint: `Stop the application, then run the restore again; "${swap.live}" is as it was`,
      cause: error,
    });
  }
}

/**
 * For a session that was lost, with or without the server: tells whether the swap was made, and opens the live database
 * again when not, which the statement could not do any more.
 */
async function wasSwapped(swap: Swap, lost: HoldfastError): Promise<boolean> {
  try {
    await using session = await swap.reconnect();
    if (await databaseExists(session, swap.old)) return true;
    await allowConnections(session, swap.live);
    return false;
  } catch (error) {
    throw unknownEnd(swap, error, lost);
  }
}

function unknownEnd({ live, old, restored }: Swap, cause: unknown, lost: HoldfastError): HoldfastError {
  return new HoldfastError(
    'RESTORE_HALF_DONE',
    `Cannot tell which database is "${live}" now, since the server was lost in the middle of the swap: ${reasonOf(cause)}`,
    {
      hint: `When the server is back, list its databases (psql -l): with "${old}" among them the restored one is in place; otherwise run "ALTER DATABASE ${quoteIdentifier(live)} ALLOW_CONNECTIONS true"`,
      cause: lost,
      details: { live, old, restored },
    },
  );
}

async function allowConnections(session: Session, name: string): Promise<void> {
  await session.query(`ALTER DATABASE ${quoteIdentifier(name)} ALLOW_CONNECTIONS true`);
}

/** Gives the live name back to the database that had it, and the restored one its own. */
export async function swapBack(session: Session, swap: Swap): Promise<void> {
  await swapDatabases(session, { ...swap, restored: swap.old, old: swap.restored });
  await allowConnections(session, swap.live);
}

/** What `swapBack` does, by hand. */
export function swapBackStatements({ live, restored, old }: Pick<Swap, 'live' | 'restored' | 'old'>): string[] {
  const [name, side, kept] = [live, restored, old].map(quoteIdentifier);
  return [
    `ALTER DATABASE ${name} RENAME TO ${side}`,
    `ALTER DATABASE ${kept} RENAME TO ${name}`,
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`,
  ];
}

/** What the server said, without the words that the connection put around it. */
function reasonOf(error: unknown): string {
  const original = error instanceof HoldfastError && error.cause instanceof Error ? error.cause : error;
  return original instanceof Error ? original.message : String(original);
}

function swapStatement(swap: Swap): string {
  const [live, restored, old] = [swap.live, swap.restored, swap.old].map(quoteIdentifier);
  const body = `
DECLARE
  problem text;
  state text;
BEGIN
  ALTER DATABASE ${live} ALLOW_CONNECTIONS false;
  COMMIT;
  FOR attempt IN 1..${attempts} LOOP
    BEGIN
      SET LOCAL lock_timeout = '3s';
      PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname IN (${quoteLiteral(swap.live)}, ${quoteLiteral(swap.restored)}) AND pid <> pg_backend_pid();
      ALTER DATABASE ${live} RENAME TO ${old};
      ALTER DATABASE ${restored} RENAME TO ${live};
      ${commentOn(swap.live, swap.comment)};
      problem := NULL;
      EXIT;
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
    END;
  END LOOP;
  IF problem IS NOT NULL THEN
    ALTER DATABASE ${live} ALLOW_CONNECTIONS true;
  END IF;
  COMMIT;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = problem, ERRCODE = state;
  END IF;
END`;
  return `DO ${dollarQuote(body)}`;
}

/** With a tag that the text does not hold. */
function dollarQuote(text: string): string {
  let tag = '$swap$';
  for (let number = 1; text.includes(tag); number++) tag = `$swap${number}$`;
  return tag + text + tag;
}

/** Gives a database a name that none has, and the comment. */
export async function renameDatabase(
  session: Session,
  { from, to, comment }: { readonly from: string; readonly to: string; readonly comment: string | null },
): Promise<void> {
  await session.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()', [from]);
  await session.query('BEGIN');
  try {
    await session.query(`ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`);
    await session.query(commentOn(to, comment));
    await session.query('COMMIT');
  } catch (error) {
    await session.query('ROLLBACK');
    throw error;
  }
}
