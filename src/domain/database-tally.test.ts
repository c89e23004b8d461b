import { describe, expect, it } from 'vitest';
import { isEmptied, lossesSince, tallyOf } from './database-tally.ts';
import type { DumpRecord } from './manifest.ts';

/** A dump of the database `app` with so many rows in each of its tables. */
function dumpOf(rows: Readonly<Record<string, number>>): DumpRecord {
  const tables = Object.entries(rows).map(([name, count]) => ({
    schema: 'public',
    name,
    copy: `public.${name} (id)`,
    rows: count,
    sizeBytes: count * 4,
    sha256: 'a'.repeat(64),
  }));
  return {
    content: 'dump',
    name: 'app',
    source: 'postgres',
    sourceName: 'main',
    part: 'app.sql.zst',
    path: null,
    sizeBytes: 1,
    dump: {
      engine: 'postgres',
      scope: 'database',
      database: 'app',
      host: null,
      serverVersion: '15.14',
      tool: 'pg_dump 15.14',
      properties: {},
      definitionsSha256: 'c'.repeat(64),
      tables,
      requires: { roles: [], extensions: [] },
    },
  };
}

const before = tallyOf(dumpOf({ users: 40, events: 20_000, visits: 1001, settings: 1000 }), 'home-1');

describe('lossesSince()', () => {
  it.each([
    ['its tables', {}, 'holds no tables;'],
    ['every row', { users: 0, events: 0 }, 'holds 2 tables with 0 rows;'],
  ])('calls a database that lost %s emptied, says what it held and what to do', (_what, rows, now) => {
    const [issue, ...more] = lossesSince(before, dumpOf(rows), { allowEmpty: false });
    expect(issue).toMatchObject({ unit: 'app', subject: 'app', problem: 'emptied', severity: 'loss' });
    for (const part of [
      now,
      '4 tables with 22041 rows in snapshot "home-1"',
      'holdfast restore home-1',
      'allowEmpty: true for source "main"',
    ])
      expect(issue?.detail).toContain(part);
    expect(more).toEqual([]);
  });

  it('has nothing to say of an empty database that may be empty, or never held anything', () => {
    expect(lossesSince(before, dumpOf({}), { allowEmpty: true })).toEqual([]);
    expect(lossesSince(tallyOf(dumpOf({}), 'home-1'), dumpOf({}), { allowEmpty: false })).toEqual([]);
    expect(lossesSince(tallyOf(dumpOf({ users: 0 }), 'home-1'), dumpOf({ users: 0 }), { allowEmpty: false })).toEqual([]);
  });

  it('notes a table of more than a thousand rows that is gone or has lost more than nine in ten, and no other', () => {
    const issues = lossesSince(before, dumpOf({ users: 1, events: 1999, settings: 0 }), { allowEmpty: false });
    expect(issues.map(({ subject, problem, severity }) => [subject, problem, severity])).toEqual([
      ['public.events', 'shrank', 'note'],
      ['public.visits', 'vanished', 'note'],
    ]);
    expect(lossesSince(before, dumpOf({ events: 2000, visits: 101 }), { allowEmpty: false })).toEqual([]);
  });
});

describe('isEmptied()', () => {
  it('holds on until a tenth of the rows is back', () => {
    const missed = { ...before, isMissed: true };
    expect(isEmptied(before, { tables: 1, rows: 3 })).toBe(false);
    expect(isEmptied(missed, { tables: 1, rows: 2204 })).toBe(true);
    expect(isEmptied(missed, { tables: 1, rows: 2205 })).toBe(false);
  });
});
