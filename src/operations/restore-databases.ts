import type { LoadingDatabase, TableName } from '../ports/dump-engine.ts';
import { dumpBytes } from './read-archive.ts';
import { databaseOf, emptiedBy, type DatabaseMove } from './restore-moves.ts';
import type { Prepared } from './restore-promotion.ts';
import { restoredDiffers, type RestoredDatabase, type Restoring } from './restore-request.ts';

type RestoredPart = { readonly databases: readonly RestoredDatabase[] };

/** Makes the roles and tablespaces that are missing; what exists stays as it is. */
export async function restoreGlobals({ context, reading, remarks, request }: Restoring, { unit, url }: DatabaseMove): Promise<void> {
  const engine = await context.openDumpEngine(unit.dump.engine);
  await using target = await engine.target(url, request.signal);
  context.progress.step(`restoring ${unit.name}`, null, () => 0);
  remarks.push(...(await target.loadGlobals(dumpBytes(reading, unit), request.signal)));
}

/** Loads a database beside the live one and compares it. It lasts as long as `resources`, unless it is promoted by then. */
export async function prepareDatabase(
  restoring: Restoring,
  move: DatabaseMove,
  resources: AsyncDisposableStack,
): Promise<Prepared<RestoredPart>> {
  const { signal } = restoring.request;
  const { unit } = move;
  const engine = await restoring.context.openDumpEngine(unit.dump.engine);
  const target = resources.use(await engine.target(move.url, signal));
  restoring.remarks.push(...(await target.preflight(unit, signal)));
  const database = resources.use(await target.create(unit, signal));
  await load(restoring, move, database);
  await requireEqual(restoring, move, database);
  const proven = { ...countsOf(move), location: target.location, compared: restoring.request.compare };
  const loaded: Loaded = { restoring, move, database, proven };
  return move.tables === null ? preparedDatabase(loaded) : preparedTables(loaded, move.tables);
}

interface Loaded {
  readonly restoring: Restoring;
  readonly move: DatabaseMove;
  readonly database: LoadingDatabase;
  readonly proven: Pick<RestoredDatabase, 'tables' | 'rows' | 'withoutRows' | 'compared' | 'location'>;
}

async function load({ context, reading, request }: Restoring, { unit }: DatabaseMove, database: LoadingDatabase): Promise<void> {
  const progress = { doneBytes: 0 };
  const stored = reading.manifest.parts.find((part) => part.name === unit.part)?.sizeBytes ?? null;
  context.progress.step(`restoring ${unit.name}`, stored, () => progress.doneBytes);
  const bytes = dumpBytes(reading, unit, (sizeBytes) => void (progress.doneBytes += sizeBytes));
  await database.load(bytes, request.signal);
}

async function requireEqual({ context, request }: Restoring, { unit }: DatabaseMove, database: LoadingDatabase): Promise<void> {
  context.progress.step(`comparing ${unit.name}`, null, () => 0);
  const differences = await database.compare(unit, request.compare, request.signal);
  if (differences.length === 0) return;
  throw restoredDiffers(
    unit,
    differences.map(({ table, message }) => `${table}: ${message}`),
  );
}

function preparedDatabase({ restoring, move, database, proven }: Loaded): Prepared<RestoredPart> {
  return {
    what: `database "${databaseOf(move.url) || move.unit.name}" on ${proven.location}`,
    comesLast: database.comesLast,
    async promote(signal) {
      const { name, oldName, remarks, undo, undoCommand } = await database.promote(signal);
      restoring.remarks.push(...remarks);
      const restored = { ...proven, database: name, oldName, schema: null };
      return { result: { databases: [restored] }, kept: oldName === null ? null : `"${oldName}"`, undo, undoCommands: [undoCommand] };
    },
  };
}

function preparedTables(loaded: Loaded, tables: readonly TableName[]): Prepared<RestoredPart> {
  const { move, proven } = loaded;
  const database = databaseOf(move.url) || move.unit.name;
  return {
    what: `tables of database "${database}" on ${proven.location}`,
    async promote(signal) {
      const { schema, undo, undoCommand } = await loaded.database.transplant(tables, signal);
      const restored = { ...proven, database, oldName: null, schema };
      return { result: { databases: [restored] }, kept: null, undo, undoCommands: [undoCommand] };
    },
  };
}

function countsOf({ unit, tables }: DatabaseMove): Pick<RestoredDatabase, 'tables' | 'rows' | 'withoutRows'> {
  return {
    tables: unit.dump.tables.length,
    rows: unit.dump.tables.reduce((sum, table) => sum + table.rows, 0),
    withoutRows: tables === null ? emptiedBy(unit) : [],
  };
}
