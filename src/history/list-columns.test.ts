import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { openHistory } from './history.ts';

const secondFormat = `
  CREATE TABLE holdfast_schema (version integer PRIMARY KEY);
  INSERT INTO holdfast_schema VALUES (1), (2);
  CREATE TABLE runs (number integer PRIMARY KEY AUTOINCREMENT, verb text NOT NULL, plan text, started_at text NOT NULL, ended_at text,
    outcome text, snapshot_id text, error text, details text);
  CREATE INDEX runs_by_plan ON runs (plan, number);
  CREATE TABLE snapshots (store text NOT NULL, id text NOT NULL, plan text NOT NULL, manifest_sha256 text NOT NULL, verification text,
    summary text NOT NULL, units blob NOT NULL, CONSTRAINT snapshots_key PRIMARY KEY (store, id));
  CREATE INDEX snapshots_by_id ON snapshots (id);
  CREATE INDEX snapshots_by_plan ON snapshots (plan, store);
  CREATE TABLE deletions (number integer PRIMARY KEY AUTOINCREMENT, store text NOT NULL, snapshot_id text NOT NULL, plan text NOT NULL,
    at text NOT NULL, phase text NOT NULL, reason text NOT NULL);
  CREATE TABLE stores (name text PRIMARY KEY, place text NOT NULL);
  CREATE TABLE database_tallies (plan text NOT NULL, source text NOT NULL, unit text NOT NULL, tally text NOT NULL,
    CONSTRAINT database_tallies_key PRIMARY KEY (plan, source, unit));
  INSERT INTO deletions (store, snapshot_id, plan, at, phase, reason) VALUES ('nas', 'a', 'home', '2026-01-01T00:00:00.000Z', 'done', 'x'),
    ('nas', 'a', 'home', '2026-01-01T00:00:00.000Z', 'done', 'x');
`;

const manifest = {
  ...sampleManifest('home-20260101-020000', { parts: { 'home-20260101-020000.tar': new Uint8Array(10) }, sequence: 4 }),
  description: 'before the move',
};
const passed = { kind: 'passed', depth: 'readable', at: '2026-01-01T03:00:00.000Z' };

/** A history as the program wrote it before there were columns for lists. */
async function oldHistory() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-history-'));
  const file = join(directory, 'history.sqlite');
  const database = new DatabaseSync(file);
  database.exec(secondFormat);
  const { units, ...summary } = manifest;
  const snapshot = database.prepare('INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)');
  const blob = Buffer.from(JSON.stringify(units));
  snapshot.run('nas', manifest.id, 'home', 'a'.repeat(64), JSON.stringify(passed), JSON.stringify(summary), blob);
  snapshot.run('nas', 'home-20260102-020000', 'home', 'b'.repeat(64), null, '{"damaged', blob);
  const run = database.prepare('INSERT INTO runs (verb, plan, started_at, ended_at, outcome, error, details) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const details = JSON.stringify({ parts: manifest.parts, sizeBytes: 10 });
  run.run('backup', 'home', '2026-01-01T02:00:00.000Z', '2026-01-01T02:00:03.400Z', 'succeeded', null, details);
  run.run('backup', 'home', '2026-01-02T02:00:00.000Z', null, null, null, null);
  database.close();
  return { file, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

it('a history of before is brought up to date with all that it knew', async () => {
  await using old = await oldHistory();
  await using history = await openHistory(old.file);
  const verification = { ...passed, at: new Date(passed.at) };
  expect(await history.snapshots({})).toEqual([{ store: 'nas', manifest, manifestSha256: 'a'.repeat(64), verification }]);
  expect(await history.facts({})).toMatchObject([
    {
      id: manifest.id,
      sequence: 4,
      description: 'before the move',
      sizeBytes: 10,
      verification,
      files: [{ database: null, sizeBytes: 10 }],
    },
  ]);
  expect(await history.runs({})).toMatchObject([
    { key: 'n-2', end: null },
    { key: 'n-1', trigger: { kind: 'command' }, end: { outcome: 'succeeded' } },
  ]);
  expect(await history.runTotals()).toEqual([{ plan: 'home', verb: 'backup', outcome: 'succeeded', count: 1, durationMs: 3400 }]);
  expect(await history.deletions({})).toHaveLength(2);
});

it('backup_history shows the runs of before with their archive, size and duration', async () => {
  await using old = await oldHistory();
  await (await openHistory(old.file))[Symbol.asyncDispose]();
  const database = new DatabaseSync(old.file);
  const rows = database.prepare('SELECT * FROM backup_history ORDER BY id').all();
  database.close();
  const both = { usb_copied_at: null, notification_sent: 0, error: null };
  expect(rows).toEqual([
    {
      ...both,
      id: 1,
      filename: 'home-20260101-020000.tar',
      size_bytes: 10,
      status: 'success',
      duration_seconds: 3,
      created_at: '2026-01-01 02:00:00.000',
    },
    { ...both, id: 2, filename: '', size_bytes: 0, status: 'in_progress', duration_seconds: null, created_at: '2026-01-02 02:00:00.000' },
  ]);
});

it('what lists ask for is found by an index, in its order', async () => {
  await using old = await oldHistory();
  await (await openHistory(old.file))[Symbol.asyncDispose]();
  const database = new DatabaseSync(old.file);
  const planOf = (query: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${query}`)
      .all()
      .map((row) => String(row['detail']))
      .join('; ');
  const order = 'ORDER BY created_at DESC, id DESC, store DESC LIMIT 50';
  for (const where of [
    '',
    `WHERE plan = 'home'`,
    `WHERE store = 'nas'`,
    `WHERE plan = 'home' AND (created_at, id, store) < ('2026', 'a', 'b')`,
  ])
    expect(planOf(`SELECT store, id, files FROM snapshots ${where} ${order}`)).toMatch(/^(SCAN|SEARCH) snapshots USING INDEX [^;]*$/);
  const totals = 'SELECT plan, verb, outcome, count(*), sum(duration_ms) FROM runs WHERE outcome IS NOT NULL GROUP BY plan, verb, outcome';
  expect(planOf(totals)).toBe('SCAN runs USING COVERING INDEX runs_totals');
  const runs = 'SELECT * FROM runs WHERE';
  expect(planOf(`${runs} plan = 'home' AND ended_at IS NULL ORDER BY number DESC`)).toBe('SEARCH runs USING INDEX runs_unended (plan=?)');
  for (const where of [`outcome = 'failed'`, `plan = 'home' AND outcome = 'failed'`, `plan = 'home' AND verb = 'backup'`])
    expect(planOf(`${runs} ${where} ORDER BY number DESC LIMIT 50`)).toMatch(/^SEARCH runs USING INDEX runs_by_\w+ \([^;]*$/);
  expect(planOf(`SELECT number FROM runs WHERE key = 'n-1'`)).toContain('runs_by_key');
  expect(planOf(`${runs} verb = 'drill' AND outcome = 'failed' ORDER BY number DESC LIMIT 50`)).toMatch(
    /^SEARCH runs USING INDEX runs_by_verb_and_outcome \(verb=\? AND outcome=\?\)$/,
  );
  const since = `started_at >= '2026'`;
  const series = `SELECT started_at, size_bytes FROM runs WHERE plan = 'home' AND verb IN ('backup', 'drill') AND ${since} AND outcome IS NOT NULL`;
  expect(planOf(series)).toBe('SEARCH runs USING COVERING INDEX runs_series (plan=? AND verb=? AND started_at>?)');
  expect(planOf(`SELECT min(+number) FROM runs WHERE ${since}`)).toBe('SEARCH runs USING COVERING INDEX runs_by_start (started_at>?)');
  database.close();
});
