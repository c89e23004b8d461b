import { expect, test } from 'vitest';
import type { Plan, PlanStore } from '../domain/plan.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import { entryOf } from './backups-list.ts';

const facts: Omit<SnapshotFacts, 'files'> = {
  store: 'nas',
  id: 'hoppybrew-20241108-120000',
  plan: 'hoppybrew',
  sequence: 1,
  createdAt: '2024-11-08T12:00:00.123Z',
  outcome: 'succeeded',
  sizeBytes: 1_048_576,
  description: null,
  encrypted: false,
  verification: { kind: 'unverified' },
};

function entry(database: string | null, host: string | null) {
  const file = { name: 'hoppybrew_backup_20241108_120000.sql.gz', sizeBytes: 1_048_576, database, host };
  return entryOf({ plan: {} as Plan, planStore: {} as PlanStore, facts: { ...facts, files: [file] }, file });
}

test('an archive is told with the fields that other programs read', () => {
  expect(JSON.stringify(entry('hoppybrew_db', 'localhost:5432'))).toBe(
    JSON.stringify({
      filename: 'hoppybrew_backup_20241108_120000.sql.gz',
      timestamp: '20241108_120000',
      created_at: '2024-11-08T12:00:00',
      description: '',
      size_bytes: 1_048_576,
      database_name: 'hoppybrew_db',
      database_host: 'localhost',
    }),
  );
});

test.each([
  [null, 'localhost'],
  ['/var/run/postgresql', 'localhost'],
  ['db.example.org', 'db.example.org'],
  ['db.example.org:5433', 'db.example.org'],
  ['[::1]:5432', '::1'],
  ['::1', '::1'],
])('the host %s is told as %s', (host, told) => {
  expect(entry('app', host).database_host).toBe(told);
});

test('a tree has neither database nor host', () => {
  expect(entry(null, null)).toMatchObject({ database_name: '', database_host: '' });
});
