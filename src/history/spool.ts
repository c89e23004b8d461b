import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import { isHoldfastError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import { sqliteTrouble } from '../platform/sqlite-errors.ts';
import { createSqliteFile, openSqliteFile } from '../platform/sqlite-file.ts';
import { createHistoryFile } from './history-file.ts';
import { damagedHistory, translated } from './history-errors.ts';

/** Everything that changes a history. */
export type WriteMethod =
  | 'startRun'
  | 'endRun'
  | 'recordNotified'
  | 'recordSnapshot'
  | 'recordVerification'
  | 'forgetSnapshot'
  | 'recordTallies'
  | 'recordStorePlace'
  | 'recordDeletion';

export type Write = { [M in WriteMethod]: { readonly method: M; readonly args: Parameters<History[M]> } }[WriteMethod];

/**
 * Writes that wait for the history, in their order, in a file of their own that is there from the first time on that it was
 * needed. Several processes may add to it; one at a time takes from it.
 */
export class Spool implements Disposable {
  readonly #file: string;
  readonly #clock: Clock;
  #database: DatabaseSync | undefined;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Durable when it returns. */
  async append(write: Write): Promise<void> {
    if (!existsSync(this.#file)) await createHistoryFile(this.#file);
    this.#use((database) =>
      database.prepare('INSERT INTO writes (at, write) VALUES (?, ?)').run(this.#clock.now().toISOString(), serialize(write)),
    );
  }

  get isEmpty(): boolean {
    return this.first() === undefined;
  }

  first(): { readonly number: number; readonly write: Write } | undefined {
    if (!existsSync(this.#file)) return undefined;
    const row = this.#use((database) => database.prepare('SELECT number, write FROM writes WHERE refused IS NULL ORDER BY number').get());
    return row === undefined ? undefined : { number: Number(row['number']), write: this.#writeOf(row['write'] as Uint8Array) };
  }

  #writeOf(bytes: Uint8Array): Write {
    try {
      return deserialize(bytes) as Write;
    } catch (cause) {
      throw damagedHistory(this.#file, 'a write that waits in it cannot be read', cause);
    }
  }

  /** True when nothing can be taken from it. It is closed then. */
  isDamaged(): boolean {
    try {
      this.first();
      return false;
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      if (error.details['damaged'] !== true) return false;
      this[Symbol.dispose]();
      return true;
    }
  }

  remove(number: number): void {
    this.#use((database) => database.prepare('DELETE FROM writes WHERE number = ?').run(number));
  }

  /** Kept for whoever looks into it, and never tried again. */
  refuse(number: number, reason: string): void {
    this.#use((database) => database.prepare('UPDATE writes SET refused = ? WHERE number = ?').run(reason, number));
  }

  /** Undefined while another process takes from the spool; one that dies gives it back. */
  async claim(): Promise<Disposable | undefined> {
    const file = `${this.#file}-claim`;
    await createSqliteFile(file);
    const lock = new DatabaseSync(file, { timeout: 0 });
    try {
      lock.exec('BEGIN EXCLUSIVE');
      return { [Symbol.dispose]: () => lock.close() };
    } catch (error) {
      lock.close();
      if (sqliteTrouble(error) === 'busy') return undefined;
      throw translated(error, file);
    }
  }

  #use<T>(work: (database: DatabaseSync) => T): T {
    try {
      this.#database ??= openSpool(this.#file);
      return work(this.#database);
    } catch (error) {
      throw translated(error, this.#file);
    }
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = undefined;
  }
}

function openSpool(file: string): DatabaseSync {
  const database = openSqliteFile(file);
  try {
    database.exec(
      'CREATE TABLE IF NOT EXISTS writes (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, write BLOB NOT NULL, refused TEXT)',
    );
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
