import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { databaseContent } from './database-content.ts';
import { filesIn, type Report } from './holdfast.ts';
import { databasesOf, protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { treeContent } from './tree-content.ts';

/** Rows enough that a load takes long enough to be interrupted. */
const rows = 300_000;

/** A snapshot, and live data that has moved on since: a restore that was interrupted must leave that as it is. */
async function withNewerLiveData(): Promise<{ notes: ProtectedNotes; snapshotId: string; live: string; files: string[] }> {
  const notes = await protectNotes({ rows, plan: 'compression: zstd' });
  const { snapshotId } = await notes.installation.json<Report>(['backup']);
  await notes.cluster.query(notes.database, 'CREATE TABLE newer AS SELECT 1 AS id');
  await writeFile(join(notes.tree, 'newer'), 'written after the backup');
  return { notes, snapshotId, live: await databaseContent(notes.cluster, notes.database), files: await treeContent(notes.tree) };
}

/** What lies beside the live tree and is not of this test. */
async function besideTree({ tree, installation }: ProtectedNotes): Promise<string[]> {
  const own = ['store', 'state', 'scratch', 'home', 'cwd', 'files'].map((name) => join(installation.directory, name));
  return (await filesIn(dirname(tree))).filter((name) => !own.some((path) => join(dirname(tree), name).startsWith(path)));
}

describe.each([
  ['SIGTERM', /^restoring notes_/m, 143],
  ['SIGKILL', /^restoring notes_/m, null],
  ['SIGTERM', /^comparing notes_/m, 143],
  ['SIGKILL', /^comparing notes_/m, null],
  ['SIGTERM', /^verifying/m, 143],
] as const)('a restore of a database in place, interrupted by %s after it said %s', (signal, step, exitCode) => {
  it('leaves the live data as it is, and the next one works and removes what was left', async () => {
    const { notes, snapshotId, live, files } = await withNewerLiveData();
    await using _notes = notes;
    const { installation, cluster, database, tree } = notes;
    const running = installation.start(['restore', snapshotId, '--in-place', '--yes']);
    await running.untilSaid(step);
    await wait(20);
    running.kill(signal);
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(exitCode);
    expect(await databaseContent(cluster, database)).toBe(live);
    expect(await treeContent(tree)).toEqual(files);
    if (signal === 'SIGTERM') expect(await databasesOf(cluster, database)).toEqual([database]);

    const { details } = await installation.json<Report<{ databases: { oldName: string }[] }>>([
      'restore',
      snapshotId,
      '--in-place',
      '--yes',
    ]);
    expect(await databasesOf(cluster, database)).toEqual([database, details.databases[0]!.oldName].toSorted((a, b) => (a < b ? -1 : 1)));
    expect(await cluster.query(database, 'SELECT count(*)::int AS rows FROM notes')).toEqual([{ rows }]);
    expect(await filesIn(tree)).toEqual(['one', 'three', 'two']);
  });
});

describe.each(['SIGTERM', 'SIGKILL'] as const)('a restore of files in place, interrupted by %s', (signal) => {
  it('leaves the live files as they are, and the next one works and removes what was left', async () => {
    const notes = await protectNotes();
    await using _notes = notes;
    const { installation, tree } = notes;
    for (let number = 0; number < 3000; number++) await writeFile(join(tree, `file-${number}`), `content ${number}`);
    const before = await treeContent(tree);
    const { snapshotId } = await installation.json<Report>(['backup']);
    const restoring = ['restore', snapshotId, '--only', tree, '--in-place', '--yes'];
    const running = installation.start(restoring);
    await running.untilSaid(/^restoring files/m);
    await wait(30);
    running.kill(signal);
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(signal === 'SIGTERM' ? 143 : null);
    expect(await treeContent(tree)).toEqual(before);
    if (signal === 'SIGTERM') expect(await besideTree(notes)).toEqual([]);

    if (signal === 'SIGKILL') {
      await installation.json<Report>(['backup']);
      expect(await besideTree(notes)).toEqual([]);
    }

    const again = await installation.run([...restoring, '--json']);
    expect(again.exitCode, again.stdout + again.stderr).toBe(0);
    expect(await treeContent(tree)).toEqual(before);
    const { kept } = again.json<Report<{ files: { places: { kept: string }[] } }>>().details.files.places[0]!;
    expect((await besideTree(notes)).filter((name) => !join(installation.directory, name).startsWith(kept))).toEqual([]);
  });
});
