import { chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { canMount, loopFileSystem } from '../fixtures/loop-file-system.ts';
import { databaseContent } from './database-content.ts';
import { filesIn, type Report, wrappers } from './holdfast.ts';
import { databasesOf, protectNotes, type NotesOptions, type ProtectedNotes } from './protected-notes.ts';
import { treeContent } from './tree-content.ts';

/** A snapshot of a database and a tree, and a live application that has moved on since. */
async function movedOn(
  options?: NotesOptions,
): Promise<ProtectedNotes & { snapshotId: string; live: unknown; lives: () => Promise<unknown> }> {
  const notes = await protectNotes(options);
  const { cluster, database, tree, installation } = notes;
  const { snapshotId } = await installation.json<Report>(['backup']);
  await cluster.query(database, 'CREATE TABLE newer AS SELECT 1 AS id');
  await writeFile(join(tree, 'newer'), 'written after the backup');
  const beside = async () => (await filesIn(dirname(tree))).filter((name) => /holdfast-|before-restore/.test(name));
  const lives = async () => [
    await databaseContent(cluster, database),
    await databasesOf(cluster, database),
    await treeContent(tree),
    await beside(),
  ];
  return { ...notes, snapshotId, live: await lives(), lives, [Symbol.asyncDispose]: () => notes[Symbol.asyncDispose]() };
}

function restoreAll(snapshotId: string): string[] {
  return ['restore', snapshotId, '--in-place', '--yes', '--json'];
}

it('files that cannot be written leave the database as it is', async () => {
  await using world = await movedOn();
  const { installation, tree, lives, live, snapshotId } = world;
  await chmod(dirname(tree), 0o555);
  const refused = await installation.run(restoreAll(snapshotId), { wrapper: wrappers.withoutPowerOverModes });
  await chmod(dirname(tree), 0o755);
  expect([refused.exitCode, refused.json<Report>().error?.code], refused.stdout).toEqual([1, 'TARGET_FAILED']);
  expect(await lives()).toEqual(live);
});

it.runIf(canMount('ext4'))('a disk without room for the files beside the live ones leaves the database as it is', async () => {
  await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
  await using world = await movedOn({ tree: join(disk.path, 'files'), treeBytes: 9 * 1024 * 1024 });
  const { installation, lives, live, snapshotId } = world;
  const refused = await installation.run(restoreAll(snapshotId));
  expect([refused.exitCode, refused.json<Report>().error?.code], refused.stdout).toEqual([1, 'SPACE_SHORT']);
  expect(await lives()).toEqual(live);
});

it('a database that cannot be swapped in leaves the files as they are', async () => {
  await using world = await movedOn();
  const { installation, cluster, database, lives, live, snapshotId } = world;
  const locker = await cluster.connect('postgres');
  // Renaming a database takes a lock on its entry that this one does not share.
  await locker.query('BEGIN');
  await locker.query(`COMMENT ON DATABASE ${database} IS 'held'`);
  const refused = await installation.run(restoreAll(snapshotId));
  await locker.query('ROLLBACK');
  await locker.end();
  const { error } = refused.json<Report>();
  expect([refused.exitCode, error?.code], refused.stdout).toEqual([1, 'TARGET_FAILED']);
  expect(error?.message).toContain('what was in place by then was put back: files of');
  expect(await lives()).toEqual(live);
});

it('the second of two databases that cannot be swapped in leaves the first as it is', async () => {
  await using world = await movedOn();
  const { installation, cluster, database, tree, lives } = world;
  const second = `${database}_b`;
  await cluster.createDatabase(second);
  await cluster.query(second, 'CREATE TABLE pages AS SELECT 1 AS id');
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "\${env:DATABASE_URL}", databases: [${database}, ${second}] }
      - { kind: files, paths: ["${tree}"] }
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  const { snapshotId } = await installation.json<Report>(['backup']);
  await cluster.query(database, 'CREATE TABLE newest AS SELECT 1 AS id');
  const live = await lives();
  const locker = await cluster.connect('postgres');
  await locker.query('BEGIN');
  await locker.query(`COMMENT ON DATABASE ${second} IS 'held'`);
  const refused = await installation.run(restoreAll(snapshotId));
  await locker.query('ROLLBACK');
  await locker.end();
  const { error } = refused.json<Report>();
  expect([refused.exitCode, error?.code], refused.stdout).toEqual([1, 'TARGET_FAILED']);
  expect(error?.message).toMatch(new RegExp(`put back: files of .*, database "${database}"`));
  expect(await lives()).toEqual(live);

  // Nothing is in the way any more.
  const restored = await installation.json<Report<{ databases: { database: string; compared: string }[] }>>(
    restoreAll(snapshotId).slice(0, -1),
  );
  expect(restored.details.databases).toMatchObject([
    { database, compared: 'counts' },
    { database: second, compared: 'counts' },
  ]);
});
