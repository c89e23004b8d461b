import { HoldfastError, throwIfAborted } from '../../domain/errors.ts';
import type { DumpDetails, TableRecord } from '../../domain/manifest.ts';
import type { ByteSink, DumpReport, DumpUnit } from '../../ports/source.ts';
import { type CatalogRelation, largeObjectBytes, readProperties, readRequirements } from './catalog.ts';
import { planCopies } from './copy-plan.ts';
import type { DatabaseSnapshot } from './database-snapshot.ts';
import { DumpOutput } from './dump-output.ts';
import { writeInParallel } from './parallel-dump.ts';
import { type DatabaseReading, runDump } from './pg-dump.ts';
import { warnings } from './program-error.ts';
import { serverName } from './server-address.ts';

/** A database as a unit; its snapshot is held until it has been read or the source is closed. */
export async function databaseUnit(reading: DatabaseReading, { allowEmpty }: Pick<DumpUnit, 'allowEmpty'>): Promise<DumpUnit> {
  const { session } = reading.snapshot;
  const relations = withRows(reading);
  // A large object is printed as hexadecimal digits.
  const estimatedBytes = relations.reduce((sum, { sizeBytes }) => sum + sizeBytes, 2 * (await largeObjectBytes(session)));
  return {
    content: 'dump',
    name: reading.database,
    prefix: 'db',
    extension: 'sql',
    folder: 'pgdata',
    allowEmpty,
    estimatedBytes,
    async read(sink, signal) {
      await using _snapshot = reading.snapshot;
      return await readDatabase(reading, sink, signal);
    },
  };
}

async function readDatabase(reading: DatabaseReading, sink: ByteSink, signal: AbortSignal): Promise<DumpReport> {
  throwIfAborted(signal);
  const { excluded } = reading;
  const { session, relations } = reading.snapshot;
  const properties = await readProperties(session);
  const requires = await readRequirements(session);
  const output = new DumpOutput(sink, signal);
  const messages = await writeDump(reading, output, properties['encoding'] ?? 'UTF8', signal);
  const { tables, definitionsSha256 } = await output.end();
  // Asked after the last byte, of the session that holds the locks: an answer shows that it held them all along.
  checkTables(
    { excluded: excluded.tables, relations: withRows(reading), tables, standby: await isStandby(reading.snapshot) },
    reading.database,
  );
  const details: DumpDetails = {
    engine: 'postgres',
    scope: 'database',
    database: reading.database,
    host: serverName(reading.connection.address),
    serverVersion: session.serverVersion,
    tool: `pg_dump ${reading.programs.version}`,
    properties,
    definitionsSha256,
    tables,
    ...(excluded.tables.length === 0 ? {} : { withoutRows: excluded.tables.map(({ schema, name }) => ({ schema, name })) }),
    requires,
  };
  return { details, issues: [...foreignTables(relations), ...excluded.issues, ...warnings(messages, reading.database)] };
}

async function writeDump(reading: DatabaseReading, output: DumpOutput, encoding: string, signal: AbortSignal): Promise<string> {
  const { snapshot, connections } = reading;
  const plan = planCopies(withRows(reading), { connections, serverMajor: snapshot.session.serverMajor, encoding });
  if (plan !== null) return await writeInParallel(reading, plan, output, signal);
  return await runDump(reading, [], (bytes) => output.write(bytes), signal);
}

function withRows({ snapshot, excluded }: DatabaseReading): readonly CatalogRelation[] {
  const without = new Set(excluded.tables);
  return snapshot.relations.filter((relation) => !without.has(relation));
}

/** pg_dump leaves unlogged tables out on a standby, which has no rows of them. */
async function isStandby({ session }: DatabaseSnapshot): Promise<boolean> {
  const [row] = await session.query<{ standby: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS standby');
  return row?.standby === true;
}

interface Accounts {
  readonly excluded: readonly CatalogRelation[];
  readonly relations: readonly CatalogRelation[];
  readonly tables: readonly TableRecord[];
  readonly standby: boolean;
}

/** Every table of the snapshot must have passed by, exactly once. Throws `DUMP_INCOMPLETE`. */
function checkTables({ excluded, relations, tables, standby }: Accounts, database: string): void {
  const seen = Map.groupBy(tables, tableKey);
  const expected = relations.filter(({ kind, persistence }) => kind === 'r' && !(standby && persistence === 'u'));
  const wrong = [
    ...excluded.filter((relation) => seen.has(tableKey(relation))).map(({ quoted }) => `${quoted} is there although it is excluded`),
    ...expected.filter((relation) => !seen.has(tableKey(relation))).map(({ quoted }) => `${quoted} is missing`),
    ...[...seen.values()].filter((records) => records.length > 1).map(([first]) => `${first?.copy} is there more than once`),
  ];
  if (wrong.length === 0) return;
  throw new HoldfastError('DUMP_INCOMPLETE', `The dump of "${database}" does not hold every table once: ${wrong.slice(0, 5).join(', ')}`, {
    hint: 'Run the backup again; if it happens again, report this as an error of Holdfast, with the tables that it names',
    details: { wrong },
  });
}

function tableKey({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return JSON.stringify([schema, name]);
}

function foreignTables(relations: readonly CatalogRelation[]): DumpReport['issues'] {
  return relations
    .filter(({ kind }) => kind === 'f')
    .map(({ quoted }) => ({
      subject: quoted,
      problem: 'skipped',
      detail: 'a foreign table: its rows live on another server',
      severity: 'note',
    }));
}
