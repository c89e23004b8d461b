import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Secret } from '../domain/secret.ts';
import type { TableName } from '../ports/dump-engine.ts';
import type { OperationContext } from './context.ts';
import type { Selection } from './restore-selection.ts';

/** Where restored data goes. */
export type Destination =
  /** A server; the URL names the database that shall hold the data in the end. Files are left out. */
  | { readonly kind: 'database'; readonly url: Secret }
  /** A directory that is absent or empty; dumps are laid into it as plain scripts. */
  | { readonly kind: 'directory'; readonly directory: string }
  /** Everything to where it came from; what stands there is kept beside it. */
  | { readonly kind: 'in-place' };

/** One dump on its way to a server. */
export interface DatabaseMove {
  readonly unit: DumpRecord;
  /** Null for the whole database. */
  readonly tables: readonly TableName[] | null;
  readonly url: Secret;
  /** For people; without secrets. */
  readonly place: string;
}

/** Tables that a restore of this dump makes empty, since their rows were left out on purpose, as `SCHEMA.TABLE`. */
export function emptiedBy({ dump }: DumpRecord): readonly string[] {
  return (dump.withoutRows ?? []).map(({ schema, name }) => `${schema}.${name}`);
}

export interface MoveRequest {
  readonly destination: Destination;
  readonly manifest: Manifest;
  readonly plan: Plan | null;
}

/** Which dump goes to which server, roles before the databases that they own. Throws `USAGE` for what cannot be done as asked. */
export function databaseMoves(
  { destination, manifest, plan }: MoveRequest,
  selection: Selection,
  context: OperationContext,
): DatabaseMove[] {
  if (destination.kind === 'directory') return refuseTables(selection);
  if (destination.kind === 'database') {
    requireDatabase(destination.url);
    return [{ ...onlyOne(manifest, selection, destination.url), url: destination.url, place: 'the database of the given URL' }];
  }
  return wantedOf(selection).map((chosen) => {
    const { unit } = chosen;
    const url = plan === null ? null : context.liveDatabase(plan, { ...unit, database: unit.dump.database });
    if (url === null)
      throw new HoldfastError(
        'USAGE',
        `Cannot restore database "${unit.name}" in place: plan "${manifest.plan}" does not say any more where it is`,
        {
          hint: 'Name the target instead: holdfast restore ID --to-database URL',
        },
      );
    return {
      ...chosen,
      url,
      place: unit.dump.scope === 'globals' ? `the server of "${unit.dump.database}"` : `the live database "${unit.name}"`,
    };
  });
}

/** Without one the server would choose the database that is replaced: that of the user's name. */
function requireDatabase(url: Secret): void {
  const text = url.reveal();
  if (!databaseInUrl.test(text) || databaseOf(url) !== '' || /[?&]dbname=./.test(text)) return;
  throw new HoldfastError('USAGE', 'The target URL does not say which database to restore to', {
    hint: 'Name it at the end: postgres://user@host:5432/DATABASE',
  });
}

type Wanted = Pick<DatabaseMove, 'unit' | 'tables'>;

function wantedOf({ globals, databases, tables }: Selection): Wanted[] {
  return [
    ...[...globals, ...databases].map((unit) => ({ unit, tables: null })),
    ...[...tables].map(([unit, names]) => ({ unit, tables: names })),
  ];
}

function refuseTables({ tables }: Selection): [] {
  const [unit] = tables.keys();
  if (unit === undefined) return [];
  throw new HoldfastError('USAGE', 'Cannot restore a single table to a directory', {
    hint: `Name its whole database (--only ${unit.name}), or put the table beside the live ones with --to-database URL`,
  });
}

/** Nothing that was named is left out; of a whole snapshot the database is taken that the URL names. */
function onlyOne(manifest: Manifest, selection: Selection, url: Secret): Wanted {
  if (selection.paths !== null && selection.paths.length > 0)
    throw new HoldfastError('USAGE', 'Cannot restore files to a database', {
      hint: 'Restore files with --to-directory DIR, in a command of its own',
    });
  const wanted = wantedOf(selection.isEverything ? { ...selection, globals: [] } : selection);
  const [first] = wanted;
  if (wanted.length === 1 && first !== undefined) return first;
  const named = selection.isEverything ? wanted.find(({ unit }) => unit.name === databaseOf(url)) : undefined;
  if (named !== undefined) return named;
  if (first === undefined)
    throw new HoldfastError('USAGE', `Snapshot "${manifest.id}" holds no database`, { hint: 'See what it holds: holdfast show ID' });
  throw new HoldfastError('USAGE', `Cannot restore several databases to one: ${wanted.map(({ unit }) => unit.name).join(', ')}`, {
    hint: 'Say which with --only DATABASE',
  });
}

/** What follows the first slash after the server: as database clients read it, so a password may hold `#` and the like. */
const databaseInUrl = /^[^:/]+:\/\/[^/?]*(?:\/(?<database>[^?]*))?/s;

/** Name of the database in a URL; empty when it has none, and for what is no URL. */
export function databaseOf(url: Secret): string {
  const name = databaseInUrl.exec(url.reveal())?.groups?.['database'] ?? '';
  try {
    return decodeURIComponent(name);
  } catch (error) {
    if (error instanceof URIError) return name;
    throw error;
  }
}
