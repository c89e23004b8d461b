import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import { isSystemError } from '../platform/system-error.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Spool } from './spool.ts';

/**
 * Opens the history in a SQLite file, which is made, for its owner alone, when it does not exist. Several processes may
 * have it open. Throws `HISTORY_UNREADABLE` when it is damaged (`details.damaged`), its drive is full (`details.full`), it
 * cannot be reached, or is of a newer Holdfast. Damage in some corner of the file shows only when a later query meets it; `check` looks for it at once, and reads
 * everything for that.
 * @internal
 */
export async function openHistory(file: string, options: { readonly check?: boolean } = {}): Promise<History> {
  const { openSqliteHistory } = await import('./sqlite-history.ts');
  return openSqliteHistory(file, options);
}

/**
 * The same for operations, which do not wait for a history that another process keeps busy: what it cannot take is kept beside it, and
 * recorded as soon as it can.
 */
export async function openHistoryWithSpool(
  file: string,
  { check, ...world }: { readonly check: boolean; readonly clock: Clock; readonly log: Log },
): Promise<History> {
  const { SpoolingHistory } = await import('./spooling-history.ts');
  const spool = await openSpool(`${file}-spool`, world);
  const history = await openHistory(file, { check });
  return new SpoolingHistory({ behind: history, spool, ...world });
}

/**
 * The same for a process that goes on, when there is no space to open the history now: it is opened when there is, without
 * waiting for a restart. Until then reads throw `HISTORY_UNREADABLE`.
 */
export async function openHistoryWhenThereIsSpace(file: string, world: { readonly clock: Clock; readonly log: Log }): Promise<History> {
  const { SpoolingHistory } = await import('./spooling-history.ts');
  const spool = await openSpool(`${file}-spool`, world);
  return new SpoolingHistory({ behind: () => openHistory(file), spool, ...world });
}

async function openSpool(file: string, { clock, log }: Pick<PostgresPlace, 'clock' | 'log'>): Promise<Spool> {
  const { Spool } = await import('./spool.ts');
  const spool = new Spool(file, clock);
  if (spool.isDamaged()) log.error(damagedSpool, { damaged: await setAsideHistory(file, clock) });
  return spool;
}

const damagedSpool = 'What waited on this machine to be recorded in the history is damaged, and is not recorded';

export interface PostgresPlace {
  /** `postgres://user:password@host:5432/database`. */
  readonly url: Secret;
  /** The data directory of this machine: what cannot be written while the server is away is kept there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the history in PostgreSQL, which several machines may share. Nothing is asked of the server yet, and it may be away: then
 * writes are kept here until it is back, and reads throw `HISTORY_UNREADABLE`. `CONFIG_INVALID` for a URL that is none.
 */
export async function openPostgresHistory({ url, directory, clock, log }: PostgresPlace): Promise<History> {
  const [{ connectPostgresHistory, requireUsableUrl }, { SpoolingHistory }] = await Promise.all([
    import('./postgres-history.ts'),
    import('./spooling-history.ts'),
  ]);
  requireUsableUrl(url);
  const spool = await openSpool(join(directory, 'history-spool.sqlite'), { clock, log });
  return new SpoolingHistory({ behind: () => connectPostgresHistory({ url, log }), spool, clock, log });
}

/**
 * The same for one command, which must not stop at a server that is away: then it answers with what the stores tell, and
 * `trouble` says so. Nothing can be let go meanwhile.
 */
export async function openPostgresHistoryForCommand(
  place: PostgresPlace,
): Promise<{ readonly history: History; readonly trouble: HoldfastError | null }> {
  const spooling = await openPostgresHistory(place);
  try {
    await spooling.revision();
    return { history: spooling, trouble: null };
  } catch (error) {
    if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
    const { OutageHistory } = await import('./outage-history.ts');
    const memory = await openStandInHistory(error);
    return { history: new OutageHistory({ memory, spooling, reason: error }), trouble: error };
  }
}

/**
 * A history in memory for one command, in place of one that cannot be written: it knows what the stores tell it. Runs
 * and deletions cannot be recorded in it and throw the reason, so that no run passes for recorded and nothing is let go.
 */
export async function openStandInHistory(reason: HoldfastError): Promise<History> {
  return await (await import('./stand-in-history.ts')).openStandInHistory(reason);
}

/**
 * Puts a history that cannot be used aside, so that a new one can take its place; nothing is deleted. Returns the new name
 * of the file, or undefined when there was none. No process may have it open.
 */
export async function setAsideHistory(file: string, clock: Clock): Promise<string | undefined> {
  const aside = `${file}.set-aside-${clock.now().toISOString().replaceAll(/[-:.]/g, '')}`;
  // The log goes first: a database that finds itself without its log would be another one than it was.
  for (const suffix of ['-wal', '-shm']) await renameIfPresent(`${file}${suffix}`, `${aside}${suffix}`);
  return (await renameIfPresent(file, aside)) ? aside : undefined;
}

async function renameIfPresent(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}
