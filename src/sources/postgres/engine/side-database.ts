import { HoldfastError, throwIfAborted } from '../../../domain/errors.ts';
import type { DumpRecord } from '../../../domain/manifest.ts';
import type { LoadingDatabase, TableDifference, TableName } from '../../../ports/dump-engine.ts';
import type { ClientInstallation, ClientSearch } from '../clients.ts';
import { compareTables } from './compare.ts';
import {
  applyAttributes,
  applyRecordedAttributes,
  type DatabaseAttributes,
  databaseExists,
  dropDatabase,
  readAttributes,
} from './database-attributes.ts';
import { nameWithSuffix, timeLabel } from './database-names.ts';
import { loadDump } from './load.ts';
import { connectMaintenance, connectTo, loadingEnvironment, type RestoreServer } from './server.ts';
import { renameDatabase, swapDatabases } from './swap.ts';
import { findPgDump, programPath } from './tools.ts';
import { transplantTables } from './transplant.ts';

export interface SideDatabaseParts {
  readonly name: string;
  readonly server: RestoreServer;
  readonly dump: DumpRecord;
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
    // Without statistics the first queries of the application would be slow; a drill has no application.
    if (server.purpose === 'restore') await this.#analyze(signal);
    this.#state = 'loaded';
  }

  async compare(dump: DumpRecord, signal: AbortSignal): Promise<readonly TableDifference[]> {
    this.#expect('loaded', 'compare');
    const { server } = this.#parts;
    const connect = () => connectTo(server, this.name, signal);
    return compareTables({ dump: dump.dump, connections: compareConnections, connect });
  }

  async promote(signal: AbortSignal): Promise<{ readonly name: string; readonly oldName: string | null }> {
    this.#expect('loaded', 'put in the live place');
    const { server } = this.#parts;
    const live = server.address.database;
    throwIfAborted(signal);
    const attributes = await readAttributes(server.maintenance, live);
    if (attributes === null) await this.#takeFreeName(live);
    const oldName = attributes === null ? null : await this.#takePlaceOf(live, attributes, signal);
    this.#state = 'promoted';
    return { name: live, oldName };
  }

  async transplant(tables: readonly TableName[], signal: AbortSignal): Promise<{ readonly schema: string }> {
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
    return { schema };
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
  async #takeFreeName(live: string): Promise<void> {
    const { maintenance, context } = this.#parts.server;
    await applyRecordedAttributes(maintenance, { database: this.name, dump: this.#parts.dump.dump, log: context.log });
    await renameDatabase(maintenance, this.name, live);
  }

  async #takePlaceOf(live: string, attributes: DatabaseAttributes, signal: AbortSignal): Promise<string> {
    const { server } = this.#parts;
    const { maintenance, context } = server;
    await applyAttributes(maintenance, this.name, attributes);
    const old = nameWithSuffix(live, `_old_${timeLabel(context.clock.now())}`);
    throwIfAborted(signal);
    await swapDatabases(maintenance, {
      live,
      restored: this.name,
      old,
      comment: attributes.comment,
      reconnect: () => connectMaintenance(server.address, new AbortController().signal),
    });
    return old;
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
