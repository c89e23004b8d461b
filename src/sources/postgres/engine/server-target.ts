import { HoldfastError, isHoldfastError, throwIfAborted } from '../../../domain/errors.ts';
import type { DumpDetails, DumpRecord } from '../../../domain/manifest.ts';
import type { DumpTarget, LoadingDatabase } from '../../../ports/dump-engine.ts';
import type { ClientInstallation, ClientSearch } from '../clients.ts';
import { quoteIdentifier } from '../server-error.ts';
import { dropDatabase, readAttributes } from './database-attributes.ts';
import { createDatabase, withoutLocale } from './database-definition.ts';
import { nameWithSuffix, timeLabel } from './database-names.ts';
import { loadGlobals } from './globals.ts';
import type { Lease } from './lease.ts';
import { checkExtensions, checkRights, checkSpace, checkVersion, findMissingRoles, roleMissing } from './preflight.ts';
import type { RestoreServer } from './server.ts';
import { SideDatabase } from './side-database.ts';
import { checkPsqlReads, programPath } from './tools.ts';
import type { ThrowawayCluster } from './throwaway-cluster.ts';

export interface ServerTargetParts {
  readonly server: RestoreServer;
  readonly lease: Lease;
  readonly psql: ClientInstallation;
  readonly search: ClientSearch;
  /** The server itself, when it goes with the target. */
  readonly cluster: ThrowawayCluster | null;
}

/** A server to load into: the live one, one that is lent for drills, or one made for this drill. */
export class ServerTarget implements DumpTarget {
  readonly location: string;
  readonly #parts: ServerTargetParts;
  /** Locales of dumps that this machine has not got, by database. */
  readonly #unknownLocales = new Set<string>();
  readonly #made: SideDatabase[] = [];

  constructor(parts: ServerTargetParts) {
    this.#parts = parts;
    this.location = parts.server.location;
  }

  async preflight(dump: DumpRecord, signal: AbortSignal): Promise<readonly string[]> {
    const { server, psql } = this.#parts;
    throwIfAborted(signal);
    checkPsqlReads(psql, dump);
    checkVersion(server, dump);
    if (dump.dump.scope === 'globals') return [];
    await checkRights(server);
    const remarks = [...(await this.#provideRoles(dump)), ...(await checkExtensions(server, dump))];
    await checkSpace(server, dump);
    throwIfAborted(signal);
    return server.purpose === 'restore' ? remarks : [...remarks, ...(await this.#tryLocale(dump))];
  }

  async create(dump: DumpRecord, signal: AbortSignal): Promise<LoadingDatabase> {
    const { server, lease, psql, search } = this.#parts;
    throwIfAborted(signal);
    const known = !this.#unknownLocales.has(dump.dump.database);
    const properties = known ? dump.dump.properties : withoutLocale(dump.dump.properties);
    const name = await this.#createDatabase(dump.dump, properties);
    const mark = await lease.mark(name);
    const database = new SideDatabase({ name, server, dump, mark, psql, search });
    this.#made.push(database);
    return database;
  }

  async loadGlobals(dump: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<readonly string[]> {
    const { server, psql, cluster } = this.#parts;
    if (server.purpose === 'drill') return [`Roles were not loaded into ${this.location}: that server is only lent for drills`];
    const placeTablespace = cluster === null ? null : (name: string) => cluster.makeTablespace(name);
    return await loadGlobals({ psql: programPath(psql, 'psql'), server, dump, placeTablespace, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { server, cluster } = this.#parts;
    try {
      if (cluster === null) for (const database of this.#made) await database[Symbol.asyncDispose]();
    } finally {
      await server.maintenance[Symbol.asyncDispose]();
      await cluster?.[Symbol.asyncDispose]();
    }
  }

  async #provideRoles(dump: DumpRecord): Promise<readonly string[]> {
    const { server } = this.#parts;
    const missing = await findMissingRoles(server, dump);
    if (missing.length === 0) return [];
    if (server.purpose !== 'throwaway') throw roleMissing(missing, dump, server.location);
    for (const role of missing) await server.maintenance.query(`CREATE ROLE ${quoteIdentifier(role)} NOLOGIN`);
    return [`Made up for the drill, since no backup of roles came with "${dump.dump.database}": ${missing.join(', ')}`];
  }

  /** A drill goes on in byte order where a locale is missing: the rows are the same, their sorting by text is not tried. */
  async #tryLocale({ dump }: DumpRecord): Promise<readonly string[]> {
    const { maintenance } = this.#parts.server;
    try {
      await dropDatabase(maintenance, await this.#createDatabase(dump, dump.properties));
      return [];
    } catch (error) {
      if (!isHoldfastError(error, 'TARGET_FAILED')) throw error;
      this.#unknownLocales.add(dump.database);
      await dropDatabase(maintenance, await this.#createDatabase(dump, withoutLocale(dump.properties)));
      return [`The locale of "${dump.database}" is not on this machine, so text was sorted in byte order: ${error.message}`];
    }
  }

  async #createDatabase(dump: DumpDetails, properties: DumpDetails['properties']): Promise<string> {
    const { server } = this.#parts;
    const { maintenance, purpose } = server;
    const live = purpose === 'restore' ? await readAttributes(maintenance, server.address.database) : null;
    const label = timeLabel(server.context.clock.now());
    for (let number = 1; ; number++) {
      const suffix = number === 1 ? '' : `_${number}`;
      const name =
        purpose === 'restore' ? nameWithSuffix(server.address.database, `_restore_${label}${suffix}`) : `holdfast_drill_${label}${suffix}`;
      try {
        await maintenance.query(
          createDatabase({ name, properties, serverMajor: maintenance.serverMajor, tablespace: live?.tablespace ?? null }),
        );
        return name;
      } catch (error) {
        if (!isHoldfastError(error) || error.details['sqlState'] !== duplicateDatabase) throw cannotCreate(error, dump, server.location);
      }
    }
  }
}

const duplicateDatabase = '42P04';

function cannotCreate(error: unknown, { database, properties }: DumpDetails, location: string): unknown {
  if (!isHoldfastError(error, 'TARGET_FAILED')) return error;
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  return new HoldfastError('TARGET_FAILED', `Cannot make a database for "${database}" on ${location}: ${reason}`, {
    hint: `Install the locale on the machine of the server, when it is that (locale-gen ${properties['collate'] ?? ''}), then run the command again`,
    cause: error,
    details: error.details,
  });
}
