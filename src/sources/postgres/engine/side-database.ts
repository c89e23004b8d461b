import { HoldfastError, isHoldfastError, throwIfAborted } from '../../../domain/errors.ts';
import type { DumpRecord } from '../../../domain/manifest.ts';
import type { CompareDepth, LoadingDatabase, PromotedDatabase, TableDifference, TableName, Undoable } from '../../../ports/dump-engine.ts';
import type { ClientInstallation, ClientSearch } from '../clients.ts';
import { compareTables } from './compare.ts';
import {
  applyAttributes,
  applyRecordedAttributes,
  commentOn,
  type DatabaseAttributes,
  databaseExists,
  dropDatabase,
  readAttributes,
  recordedAttributes,
} from './database-attributes.ts';
import { nameWithSuffix, timeLabel } from './database-names.ts';
import { loadDump } from './load.ts';
import type { Session } from '../connection.ts';
import { quoteIdentifier } from '../server-error.ts';
import { connectMaintenance, connectTo, isForMaintenance, loadingEnvironment, psqlCommand, type RestoreServer } from './server.ts';
import { renameDatabase, swapBack, swapBackStatements, swapDatabases, type Swap } from './swap.ts';
import { findPgDump, programPath } from './tools.ts';
import { transplantTables } from './transplant.ts';

export interface SideDatabaseParts {
  readonly name: string;
  readonly server: RestoreServer;
  readonly dump: DumpRecord;
  /** The comment that says whose it is. */
  readonly mark: string;
  readonly psql: ClientInstallation;
  readonly search: ClientSearch;
}

/** How many tables are read back at a time. */
const compareConnections = 2;

/** A database beside the live one: empty, then loaded, then given away under the live one's name, or dropped. */
export class SideDatabase implements LoadingDatabase {
  readonly name: string;
  readonly #parts: SideDatabaseParts;
  #state: 'empty' | 'loading' | 'loaded' | 'taken apart' | 'promoted' | 'dropped' = 'empty';

  constructor(parts: SideDatabaseParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  get comesLast(): boolean {
    return isForMaintenance(this.#parts.server.address.database);
  }

  async load(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#expect('empty', 'load a dump');
    this.#state = 'loading';
    const { server, dump, psql } = this.#parts;
    const environment = await loadingEnvironment(server, this.name, dump.dump);
    const location = `"${this.name}" on ${server.location}`;
    await loadDump(
      { psql: programPath(psql, 'psql'), environment, serverMajor: server.maintenance.serverMajor, dump, location, signal },
      bytes,
    );
    this.#state = 'loaded';
  }

  async compare(dump: DumpRecord, depth: CompareDepth, signal: AbortSignal): Promise<readonly TableDifference[]> {
    this.#expect('loaded', 'compare');
    const { server } = this.#parts;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const connect = () => connectTo(server, this.name, either);
    const compared = compareTables({ dump: dump.dump, depth, connections: compareConnections, connect });
    // Without statistics the first queries of the application would be slow; a drill has no application.
    const analyzed = server.purpose === 'restore' ? this.#analyze(either) : Promise.resolve();
    try {
      await Promise.all([compared, analyzed]);
      return await compared;
    } catch (error) {
      stop.abort();
      await Promise.allSettled([compared, analyzed]);
      throw error;
    }
  }

  async promote(signal: AbortSignal): Promise<PromotedDatabase> {
    this.#expect('loaded', 'put in the live place');
    const { server } = this.#parts;
    const live = server.address.database;
    throwIfAborted(signal);
    const attributes = await readAttributes(server.maintenance, live);
    return attributes === null ? await this.#takeFreeName(live) : await this.#takePlaceOf(live, attributes, signal);
  }

  async transplant(tables: readonly TableName[], signal: AbortSignal): Promise<{ readonly schema: string } & Undoable> {
    this.#expect('loaded', 'take tables out');
    const { server, psql, search } = this.#parts;
    const to = server.address.database;
    if (!(await databaseExists(server.maintenance, to))) throw databaseUnknown(to, server.location);
    const pgDump = await findPgDump(search, server.maintenance.serverMajor, server.location);
    const now = server.context.clock.now();
    // With milliseconds: tables may be taken from one snapshot after the other within a second.
    const schema = `restored_${timeLabel(now)}_${String(now.getUTCMilliseconds()).padStart(3, '0')}`;
    this.#state = 'taken apart';
    await transplantTables({
      server,
      psql: programPath(psql, 'psql'),
      pgDump: programPath(pgDump, 'pg_dump'),
      from: this.name,
      to,
      schema,
      tables,
      signal,
    });
    const drop = `DROP SCHEMA ${quoteIdentifier(schema)} CASCADE`;
    return {
      schema,
      undo: async () => {
        await using session = await connectTo(server, to, new AbortController().signal);
        await session.query(drop);
      },
      undoCommand: psqlCommand(server.address, to, [drop]),
    };
  }

  /** Never throws: what cannot be dropped now is dropped by the next run, since its lease ends with this one. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'promoted' || this.#state === 'dropped') return;
    this.#state = 'dropped';
    const { maintenance, context } = this.#parts.server;
    await dropDatabase(maintenance, this.name).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      context.log.warn(`The database "${this.name}" stays until the next run: ${reason}`, { database: this.name });
    });
  }

  async #analyze(signal: AbortSignal): Promise<void> {
    await using session = await connectTo(this.#parts.server, this.name, signal);
    await session.query('ANALYZE');
  }

  /** The database has the name to itself: nothing stands in the way, and nothing is kept. */
  async #takeFreeName(live: string): Promise<PromotedDatabase> {
    const { maintenance, address } = this.#parts.server;
    const attributes = recordedAttributes(this.#parts.dump.dump);
    const remarks = await applyRecordedAttributes(maintenance, this.name, attributes);
    await renameDatabase(maintenance, { from: this.name, to: live, comment: attributes.comment });
    const statement = `ALTER DATABASE ${quoteIdentifier(live)} RENAME TO ${quoteIdentifier(this.name)}`;
    return this.#promoted({
      name: live,
      oldName: null,
      remarks,
      undo: () => this.#giveBack((session) => renameDatabase(session, { from: live, to: this.name, comment: null })),
      undoCommand: psqlCommand(address, maintenance.database, [statement]),
    });
  }

  async #takePlaceOf(live: string, attributes: DatabaseAttributes, signal: AbortSignal): Promise<PromotedDatabase> {
    const { server } = this.#parts;
    const { maintenance, context } = server;
    await applyAttributes(maintenance, this.name, attributes);
    const old = nameWithSuffix(live, `_old_${timeLabel(context.clock.now())}`);
    throwIfAborted(signal);
    const swap: Swap = {
      live,
      restored: this.name,
      old,
      comment: attributes.comment,
      reconnect: () => connectMaintenance(server.address, new AbortController().signal),
    };
    await swapDatabases(maintenance, swap).catch((error: unknown) => {
      // It may be the live one by now.
      if (isHoldfastError(error, 'RESTORE_HALF_DONE')) this.#state = 'promoted';
      throw error;
    });
    return this.#promoted({
      name: live,
      oldName: old,
      remarks: [],
      undo: () => this.#giveBack((session) => swapBack(session, swap)),
      undoCommand: psqlCommand(server.address, maintenance.database, swapBackStatements(swap)),
    });
  }

  #promoted(promoted: PromotedDatabase): PromotedDatabase {
    this.#state = 'promoted';
    return promoted;
  }

  /**
   * Afterwards this is a loaded database again: to be dropped, by the next run at the latest. On a connection of its own, since
   * what makes it needed may have ended the other one.
   */
  async #giveBack(change: (session: Session) => Promise<void>): Promise<void> {
    await using session = await connectMaintenance(this.#parts.server.address, new AbortController().signal);
    await change(session);
    this.#state = 'loaded';
    await session.query(commentOn(this.name, this.#parts.mark));
  }

  #expect(state: 'empty' | 'loaded', action: string): void {
    if (this.#state === state) return;
    throw new HoldfastError('INTERNAL', `Cannot ${action}: database "${this.name}" is ${this.#state}`, {
      hint: 'Report this as a bug of Holdfast',
    });
  }
}

function databaseUnknown(name: string, location: string): HoldfastError {
  return new HoldfastError('DATABASE_UNKNOWN', `There is no database "${name}" on ${location} to put tables into`, {
    hint: 'Correct the name in the URL, or restore the whole database under that name',
  });
}
