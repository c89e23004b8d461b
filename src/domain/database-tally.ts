import type { DumpRecord, Issue, TableRecord } from './manifest.ts';

/** How much a database held in the last snapshot in which it was not found emptied. */
export interface DatabaseTally {
  /** Name of its source in the plan. */
  readonly source: string;
  /** Name of its unit. */
  readonly unit: string;
  readonly snapshotId: string;
  readonly tables: number;
  readonly rows: number;
  /** Those with more than a thousand rows. */
  readonly largeTables: readonly Pick<TableRecord, 'schema' | 'name' | 'rows'>[];
  /** True when it was found emptied since, which nobody has accepted. */
  readonly isMissed: boolean;
}

const largeRows = 1000;
/** What is left after a fall that is worth telling. */
const leftShare = 0.1;

/** What tells one database of a plan from another. */
export function tallyKey({ source, unit }: Pick<DatabaseTally, 'source' | 'unit'>): string {
  return JSON.stringify([source, unit]);
}

export function tallyOf(unit: DumpRecord, snapshotId: string): DatabaseTally {
  const { tables, withoutRows = [] } = unit.dump;
  return {
    source: unit.sourceName,
    unit: unit.name,
    snapshotId,
    tables: tables.length + withoutRows.length,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    largeTables: tables.filter(({ rows }) => rows > largeRows).map(({ schema, name, rows }) => ({ schema, name, rows })),
    isMissed: false,
  };
}

/**
 * True when all that the database held is gone: its tables, or every row. Once found emptied it stays so until a tenth of
 * the rows is back: an application that was set up anew writes a few of its own, and those are not the data.
 */
export function isEmptied(last: DatabaseTally, now: Pick<DatabaseTally, 'tables' | 'rows'>): boolean {
  const hasLostAll = (last.tables > 0 && now.tables === 0) || (last.rows > 0 && now.rows === 0);
  return hasLostAll || (last.isMissed && now.rows < last.rows * leftShare);
}

/** What a dump lost since the last snapshot: the whole content is a loss, a large table gone or nearly gone is a note. */
export function lossesSince(last: DatabaseTally, unit: DumpRecord, { allowEmpty }: { readonly allowEmpty: boolean }): Issue[] {
  const now = tallyOf(unit, '');
  if (isEmptied(last, now)) return allowEmpty ? [] : [emptied(last, now)];
  const rowsNow = new Map(unit.dump.tables.map((table) => [tableKey(table), table.rows]));
  const leftOut = new Set(unit.dump.withoutRows?.map(tableKey));
  const expected = last.largeTables.filter((table) => !leftOut.has(tableKey(table)));
  return expected.flatMap((table): Issue[] => {
    const rows = rowsNow.get(tableKey(table));
    const noted = { unit: unit.name, subject: `${table.schema}.${table.name}`, severity: 'note' } as const;
    const before = `${count(table.rows, 'row')} in snapshot "${last.snapshotId}"`;
    if (rows === undefined) return [{ ...noted, problem: 'vanished', detail: `the table is gone; it had ${before}` }];
    if (rows >= table.rows * leftShare) return [];
    return [{ ...noted, problem: 'shrank', detail: `the table has ${count(rows, 'row')}; it had ${before}` }];
  });
}

function emptied(last: DatabaseTally, now: DatabaseTally): Issue {
  const { snapshotId, source, unit } = last;
  return {
    unit,
    subject: unit,
    problem: 'emptied',
    detail:
      `the database holds ${held(now)}; it held ${held(last)} in snapshot "${snapshotId}". Look whether its volume is mounted and the ` +
      `right server answers; holdfast restore ${snapshotId} brings the data back; if it is meant to be empty, set allowEmpty: true for source "${source}"`,
    severity: 'loss',
  };
}

function held({ tables, rows }: Pick<DatabaseTally, 'tables' | 'rows'>): string {
  return tables === 0 ? 'no tables' : `${count(tables, 'table')} with ${count(rows, 'row')}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function tableKey({ schema, name }: Pick<TableRecord, 'schema' | 'name'>): string {
  return JSON.stringify([schema, name]);
}
