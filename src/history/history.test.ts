import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeContract } from '../../test/contracts/contract.ts';
import { historyClauses } from '../../test/contracts/history.ts';
import { expectCode } from '../../test/contracts/object-store.ts';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { NewRun } from '../ports/history.ts';
import { openHistory, setAsideHistory } from './history.ts';

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-history-'));
  return { directory, file: join(directory, 'data', 'history.sqlite'), [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describeContract('the history in SQLite keeps the history contract', {
  clauses: historyClauses,
  async make() {
    const place = await scratch();
    return { open: () => openHistory(place.file), [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  },
});

function run(): NewRun {
  const trigger = { kind: 'command', user: 'ada', dueAt: null } as const;
  return { key: randomUUID(), trigger, verb: 'backup', plan: 'home', startedAt: new Date('2026-01-01T00:00:00Z') };
}

async function recordOne(file: string): Promise<void> {
  await using history = await openHistory(file);
  await history.startRun(run());
  await history.recordSnapshot({
    store: 'nas',
    manifest: sampleManifest('home-20260101-020000', { parts: {} }),
    manifestSha256: 'a'.repeat(64),
  });
}

it('the file and its directory are for their owner alone', async () => {
  await using place = await scratch();
  await using history = await openHistory(place.file);
  await history.startRun(run());
  expect((await stat(join(place.directory, 'data'))).mode & 0o777).toBe(0o700);
  for (const name of await readdir(join(place.directory, 'data')))
    expect((await stat(join(place.directory, 'data', name))).mode & 0o777).toBe(0o600);
});

it('commits survive a power cut: write-ahead log, synchronised in full', async () => {
  await using place = await scratch();
  await recordOne(place.file);
  const database = new DatabaseSync(place.file);
  expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  database.close();
});

it.each([
  ['not a database', (file: string) => writeFile(file, 'this is a text, and a rather long one at that'.repeat(100))],
  ['cut short', (file: string) => truncate(file, 5000)],
])('openHistory() refuses a file that is %s, and names the remedy', async (_, damage) => {
  await using place = await scratch();
  await recordOne(place.file);
  await damage(place.file);
  const opening = (async () => {
    await using history = await openHistory(place.file);
    return await history.snapshots({});
  })();
  await expectCode('HISTORY_UNREADABLE', opening);
  await expect(opening).rejects.toMatchObject({ hint: expect.stringContaining('holdfast rescue'), details: { damaged: true } });
});

it('a record that was damaged is told as such, not as a parser error', async () => {
  await using place = await scratch();
  await recordOne(place.file);
  const database = new DatabaseSync(place.file);
  database.exec(`UPDATE snapshots SET units = x'00ff'`);
  database.close();
  await using history = await openHistory(place.file);
  await expectCode('HISTORY_UNREADABLE', history.snapshots({}));
  expect(await history.summaries({})).toHaveLength(1);
});

it('a history of a newer Holdfast is left alone', async () => {
  await using place = await scratch();
  await recordOne(place.file);
  const database = new DatabaseSync(place.file);
  database.exec('INSERT INTO holdfast_schema VALUES (99)');
  database.close();
  await expect(openHistory(place.file)).rejects.toMatchObject({
    code: 'HISTORY_UNREADABLE',
    hint: expect.stringContaining('Update Holdfast'),
  });
});

it("another program's database is refused, and not changed", async () => {
  await using place = await scratch();
  const foreign = join(place.directory, 'foreign.sqlite');
  const database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE runs (something TEXT)');
  database.close();
  await expectCode('HISTORY_UNREADABLE', openHistory(foreign));
  const after = new DatabaseSync(foreign);
  expect(after.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'runs' }]);
  after.close();
});

it('a directory in the place of the file is told as such', async () => {
  await using place = await scratch();
  await expect(openHistory(place.directory)).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE', details: { damaged: false } });
});

it('a history that another process keeps busy is told as such, and is not damaged', { timeout: 20_000 }, async () => {
  await using place = await scratch();
  await recordOne(place.file);
  const other = new DatabaseSync(place.file);
  other.exec('BEGIN IMMEDIATE');
  await using history = await openHistory(place.file);
  expect(await history.runs({})).toHaveLength(1);
  await expect(history.startRun(run())).rejects.toMatchObject({
    code: 'HISTORY_UNREADABLE',
    retry: { kind: 'later' },
    details: { damaged: false },
  });
  other.close();
});

it('setAsideHistory() makes room for a new history and keeps the old one', async () => {
  await using place = await scratch();
  await recordOne(place.file);
  await writeFile(place.file, 'damaged');
  const aside = await setAsideHistory(place.file, systemClock);
  expect(aside).toContain('history.sqlite.set-aside-');
  await recordOne(place.file);
  expect((await readdir(join(place.directory, 'data'))).filter((name) => name.includes('set-aside'))).not.toEqual([]);
  expect(await setAsideHistory(join(place.directory, 'absent'), systemClock)).toBeUndefined();
});

it('what a process that was killed had committed is there, and the next one writes on', async () => {
  await using place = await scratch();
  const program = `
    const { openHistory } = await import(${JSON.stringify(new URL('./history.ts', import.meta.url).href)});
    const history = await openHistory(${JSON.stringify(place.file)});
    const trigger = { kind: 'command', user: 'ada', dueAt: null };
    for (;;) {
      const key = crypto.randomUUID();
      console.log(await history.startRun({ key, trigger, verb: 'backup', plan: 'home', startedAt: new Date(0) }));
    }`;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const told: string[] = [];
    createInterface(child.stdout).on('line', (line) => told.push(line));
    await once(child.stdout, 'data');
    await wait(15 * round);
    child.kill('SIGKILL');
    await once(child, 'close');
    await using history = await openHistory(place.file);
    const known = new Set((await history.runs({ unended: true })).map(({ id }) => id));
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((id) => !known.has(id))).toEqual([]);
    await history.startRun(run());
  }
});

it('several openers may create it at the same moment', async () => {
  await using place = await scratch();
  const histories = await Promise.all(Array.from({ length: 5 }, () => openHistory(place.file)));
  for (const history of histories) {
    await history.startRun(run());
    await history[Symbol.asyncDispose]();
  }
  await using history = await openHistory(place.file);
  expect(await history.runs({})).toHaveLength(5);
});
