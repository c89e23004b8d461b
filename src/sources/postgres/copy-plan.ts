import type { CatalogRelation } from './catalog.ts';

/** Tables whose rows we copy ourselves, each in pieces that several connections work on at the same time. */
export interface CopyPlan {
  readonly connections: number;
  readonly tables: readonly TableCopy[];
}

export interface TableCopy {
  readonly relation: CatalogRelation;
  /** Queries whose output, one after the other, is what pg_dump would print between COPY and its end. */
  readonly queries: readonly string[];
}

/** Copying smaller tables ourselves would win nothing over pg_dump. */
const smallestTableBytes = 16 * 1024 * 1024;
/** Of the table as it is stored; out-of-line values may make the text larger or smaller. */
const pieceBytes = 2 * 1024 * 1024;
/** What PostgreSQL is compiled with; another size only makes pieces larger or smaller. */
const blockBytes = 8192;
/** Since then a range of row addresses is read without scanning the whole table. */
const tidRangeScanMajor = 14;

/** Null when pg_dump alone does as well: small databases, old servers, one connection. */
export function planCopies(
  relations: readonly CatalogRelation[],
  { connections, serverMajor, encoding }: { readonly connections: number; readonly serverMajor: number; readonly encoding: string },
): CopyPlan | null {
  if (connections < 2 || serverMajor < tidRangeScanMajor) return null;
  const tables = relations
    .filter((relation) => isLarge(relation) && isPlain(relation, encoding))
    .map((relation) => ({ relation, queries: copyQueries(relation) }));
  return tables.length === 0 ? null : { connections, tables };
}

function isLarge({ sizeBytes }: CatalogRelation): boolean {
  return sizeBytes >= smallestTableBytes;
}

/**
 * Row addresses mean blocks in PostgreSQL's own heap only. Names beyond ASCII are sent to the server in UTF-8 and to
 * pg_dump as arguments, which fits only where the database is in UTF-8 too.
 */
function isPlain({ kind, isHeap, persistence, quoted, columns }: CatalogRelation, encoding: string): boolean {
  const representable = encoding === 'UTF8' || /^[\x20-\x7e]*$/.test(quoted + columns);
  return kind === 'r' && isHeap && persistence === 'p' && columns !== null && representable;
}

function copyQueries({ quoted, columns, heapBytes, sizeBytes }: CatalogRelation): string[] {
  const blocks = Math.ceil(heapBytes / blockBytes);
  const pieces = Math.min(blocks, Math.ceil(sizeBytes / pieceBytes));
  if (pieces <= 1) return [`COPY ${quoted} (${columns}) TO STDOUT`];
  const bounds = Array.from({ length: pieces }, (_, index) => Math.floor((index * blocks) / pieces));
  return bounds.map((from, index) => {
    const to = bounds[index + 1];
    // The last piece has no upper bound: rows of the snapshot cannot lie beyond, but if they did they must not be lost.
    const upper = to === undefined ? '' : ` AND ctid < '(${to},0)'`;
    return `COPY (SELECT ${columns} FROM ONLY ${quoted} WHERE ctid >= '(${from},0)'${upper}) TO STDOUT`;
  });
}
