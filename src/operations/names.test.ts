import { expect, test } from 'vitest';
import type { Plan } from '../domain/plan.ts';
import type { DumpUnit } from '../ports/source.ts';
import { snapshotNames } from './names.ts';

const plan: Plan = {
  name: 'home',
  sources: [],
  layout: 'separate',
  compression: { kind: 'gzip', level: 4 },
  encryption: null,
  stores: [],
  fileName: '{prefix}_{name}_{timestamp}',
  schedule: null,
  schedules: { expire: null, verify: null, drill: null },
  verify: 'readable',
  drill: { every: null, server: null },
  objectives: { rpoHours: null, rtoMinutes: null },
  notify: [],
};

function database(name: string): { readonly unit: DumpUnit; readonly source: { readonly name: string; readonly kind: string } } {
  const read = () => Promise.reject(new Error('nothing is read here'));
  return {
    unit: { content: 'dump', name, prefix: 'db', extension: 'sql', folder: 'pgdata', allowEmpty: false, estimatedBytes: null, read },
    source: { name: 'main', kind: 'postgres' },
  };
}

const at = new Date('2026-01-02T03:04:05Z');
const databases = ['a b', 'a_b', 'A_B', 'a_b.2', 'ünï'].map(database);

test('databases whose names are one file name, or differ in case alone, have files of their own', () => {
  const { parts } = snapshotNames(plan, databases, at);
  const stems = ['a_b', 'a_b', 'A_B', 'a_b.2', '_n_'].map((name) => `db_${name}_20260102_030405`);
  expect(parts.map(({ name }) => name)).toEqual([
    `${stems[0]}.sql.gz`,
    `${stems[1]}.2.sql.gz`,
    `${stems[2]}.3.sql.gz`,
    `${stems[3]}.sql.gz`,
    `${stems[4]}.sql.gz`,
  ]);
});

test('in a bundle they have members of their own', () => {
  const { parts } = snapshotNames({ ...plan, layout: 'bundle' }, databases, at);
  const paths = parts.flatMap(({ units }) => units.map(({ path }) => path));
  expect(paths).toEqual(['pgdata/a_b.sql', 'pgdata/a_b.2.sql', 'pgdata/A_B.3.sql', 'pgdata/a_b.2.2.sql', 'pgdata/_n_.sql']);
});
