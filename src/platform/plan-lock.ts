import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { PlanLock } from '../ports/plan-lock.ts';
import { makePrivateDirectory, replaceFile, unlinkIfPresent } from './atomic-file.ts';
import { sqliteTrouble } from './sqlite-errors.ts';
import { isSystemError } from './system-error.ts';

/** Somebody who only asks whether the lock is held has it for an instant; that must not make a run give up, or pass for one. */
const acquireAttempts = 6;
const askAttempts = 2;
const attemptDelayMs = 40;

const noSpace = ['ENOSPC', 'EDQUOT'] as const;
/** A plan, and after a dot what is locked besides its backups. */
const planName = /^[a-z0-9][a-z0-9_-]{0,63}(?:\.drill)?$/;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/**
 * One SQLite file per plan, in which the holder keeps an exclusive transaction open, and one for each run that goes on.
 * SQLite's lock is one of the operating system's (fcntl), which goes when the holder dies however it dies. It works between processes, containers that share the
 * directory, and two holders in one process. Nothing else may open the file: closing it would drop this process's lock.
 *
 * @see https://www.sqlite.org/lockingv3.html
 */
export function openPlanLock(directory: string, clock: Clock): PlanLock {
  const runs = join(directory, 'runs');
  // A run that looks for dead ones meets itself: that takes no look at the file, and no second try.
  const own = new Set<string>();
  return {
    acquire: (plan) => acquire(directory, plan, clock),
    isHeld: (plan) => isHeld(directory, plan),
    proveAlive: (run) => proveAlive(runs, run, { clock, own }),
    isAlive: async (run) => own.has(run) || (await isHeld(runs, run)),
  };
}

async function acquire(directory: string, plan: string, clock: Clock): Promise<AsyncDisposable> {
  const files = lockFiles(directory, plan);
  await makeDirectory(directory);
  const database = await openLocked(files.lock, acquireAttempts);
  if (database === undefined) throw lockHeld(plan, await readHolder(files.holder));
  try {
    await nameHolder(files.holder, { pid: process.pid, host: hostname(), since: clock.now().toISOString() });
  } catch (error) {
    database.close();
    throw unusable(directory, error);
  }
  return new HeldLock(database, files.holder);
}

/** On a full disk the lock holds all the same; only whoever is refused is not told by whom, least of all by a name of old. */
async function nameHolder(file: string, holder: Holder): Promise<void> {
  try {
    await replaceFile(file, `${JSON.stringify(holder)}\n`);
  } catch (error) {
    if (!isSystemError(error, ...noSpace)) throw error;
    await unlinkIfPresent(file);
  }
}

/** There are many runs: the file goes while the lock is held, and whoever has it open already finds a run that has ended. */
async function proveAlive(
  directory: string,
  run: string,
  { clock, own }: { readonly clock: Clock; readonly own: Set<string> },
): Promise<AsyncDisposable> {
  const held = await acquire(directory, run, clock);
  own.add(run);
  return {
    async [Symbol.asyncDispose]() {
      own.delete(run);
      await unlinkIfPresent(lockFiles(directory, run).lock);
      await held[Symbol.asyncDispose]();
    },
  };
}

async function makeDirectory(directory: string): Promise<void> {
  await makePrivateDirectory(directory).catch((error: unknown) => {
    throw unusable(directory, error);
  });
}

class HeldLock implements AsyncDisposable {
  readonly #database: DatabaseSync;
  readonly #holderFile: string;

  constructor(database: DatabaseSync, holderFile: string) {
    this.#database = database;
    this.#holderFile = holderFile;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#database.isOpen) return;
    try {
      await unlinkIfPresent(this.#holderFile);
    } finally {
      this.#database.close();
    }
  }
}

async function isHeld(directory: string, plan: string): Promise<boolean> {
  const files = lockFiles(directory, plan);
  if (!existsSync(files.lock)) return false;
  const database = await openLocked(files.lock, askAttempts);
  database?.close();
  return database === undefined;
}

function lockFiles(directory: string, plan: string): { readonly lock: string; readonly holder: string } {
  if (!planName.test(plan))
    throw new HoldfastError('NAME_INVALID', `Cannot lock plan ${JSON.stringify(plan)}`, { hint: 'Name the plan with a-z, 0-9, _ and -' });
  return { lock: join(directory, `${plan}.sqlite`), holder: join(directory, `${plan}.holder.json`) };
}

/**
 * The transaction that holds the lock. Nothing is ever written: the first page of an empty file and its journal stay in
 * memory, so that a lock can be had on a full disk too.
 */
const alone = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';

async function openLocked(file: string, attempts: number): Promise<DatabaseSync | undefined> {
  for (let attempt = 1; ; attempt++) {
    const database = await tryLock(file);
    if (database !== undefined || attempt === attempts) return database;
    await wait(attemptDelayMs);
  }
}

/** Undefined when somebody else has it. */
async function tryLock(file: string): Promise<DatabaseSync | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec(alone);
    return database;
  } catch (error) {
    database?.close();
    if (sqliteTrouble(error) === 'busy') return undefined;
    throw unusable(file, error);
  }
}

/** Undefined when it cannot be told: the holder may have let go, or not have written it yet. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<Holder> | null;
    return typeof value?.pid === 'number' && typeof value.host === 'string' && typeof value.since === 'string'
      ? (value as Holder)
      : undefined;
  } catch (error) {
    if (isSystemError(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function lockHeld(plan: string, holder: Holder | undefined): HoldfastError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  return new HoldfastError('LOCK_HELD', `Cannot start on plan "${plan}": ${who} is at work on it`, {
    hint: 'Wait until it is done, or stop that process; the lock goes with it',
    retry: { kind: 'later' },
    details: { plan, ...holder },
  });
}

function unusable(path: string, cause: unknown): HoldfastError {
  const denied = isSystemError(cause, 'EACCES', 'EPERM', 'EROFS');
  return new HoldfastError(
    denied ? 'PERMISSION_DENIED' : 'HISTORY_UNREADABLE',
    `Cannot keep a lock in "${path}": ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: isSystemError(cause, ...noSpace)
        ? 'Free space on the drive that holds it, then run the command again; HOLDFAST_DATA_DIR can name another place'
        : 'Set HOLDFAST_DATA_DIR to a directory on a local disk that the user who runs Holdfast may write to',
      cause,
    },
  );
}
