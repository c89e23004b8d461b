import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canMount, loopFileSystem } from '../fixtures/loop-file-system.ts';
import { filesIn, type Listed, type Report, type StartOptions, wrappers } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { digestsOf, lookIntoStore } from './store-state.ts';

async function failedBackup({ installation }: ProtectedNotes, options?: StartOptions): Promise<[number | null, string | undefined]> {
  const ended = await installation.run(['backup', '--json'], options);
  return [ended.exitCode, ended.json<Report>().error?.code];
}

describe.runIf(canMount('ext4'))('a store on a small disk', () => {
  it('that is full keeps the snapshot it has, and has room again after the failed run', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    const store = join(disk.path, 'store');
    await using notes = await protectNotes({ store, plan: 'compression: none' });
    const { snapshotId } = await notes.installation.json<Report>(['backup']);
    const digests = await digestsOf(store);
    await writeFile(join(notes.tree, 'large'), Buffer.alloc(32 << 20, 'x'));
    expect(await failedBackup(notes)).toEqual([1, 'STORE_FULL']);
    expect(await lookIntoStore(store)).toMatchObject({ manifests: [{ id: snapshotId }], damaged: [], debris: [] });
    expect(await digestsOf(store)).toEqual(digests);

    await rm(join(notes.tree, 'large'));
    expect(await notes.installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
  });

  it('that turns read-only says so, and its snapshots can still be proven and restored', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    await using notes = await protectNotes({ store: join(disk.path, 'store') });
    const { snapshotId } = await notes.installation.json<Report>(['backup']);
    await disk.remount('remount,ro');
    expect(await failedBackup(notes)).toEqual([1, 'STORE_FAILED']);
    expect(await notes.installation.json(['verify', snapshotId])).toMatchObject({ outcome: 'passed' });
    const directory = join(notes.installation.directory, 'restored');
    expect(await notes.installation.json(['restore', snapshotId, '--to-directory', directory, '--yes'])).toMatchObject({
      outcome: 'succeeded',
    });
    await disk.remount('remount,rw');
  });

  it('that is not mounted is not taken for an empty one: nothing lands on the mount point, nothing is forgotten', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    await using notes = await protectNotes({ store: disk.path });
    const { installation } = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    await disk.unmount('clean');
    expect(await failedBackup(notes)).toEqual([1, 'STORE_ABSENT']);
    expect(await filesIn(disk.path)).toEqual([]);
    const listed = await installation.run(['list', '--json']);
    expect([listed.exitCode, listed.json<Listed[]>().map(({ id }) => id)]).toEqual([1, [snapshotId]]);
    expect((await installation.run(['status', '--json'])).exitCode).toBe(1);

    await disk.mountAgain();
    expect(await installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect(await installation.json<Listed[]>(['list'])).toMatchObject([
      { sequence: 2 },
      { id: snapshotId, verification: { kind: 'passed' } },
    ]);
  });

  it('that is pulled in the middle of a run fails that run, and nothing lands on the mount point', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 64 });
    const store = join(disk.path, 'store');
    await using notes = await protectNotes({ store, plan: 'compression: none' });
    await notes.installation.json(['backup']);
    const holder = await notes.cluster.connect(notes.database);
    await holder.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
    const running = notes.installation.start(['backup']);
    await running.untilSaid(/^asking|^reading/m);
    await disk.unmount('lazy');
    await holder.query('ROLLBACK');
    await holder.end();
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('STORE_ABSENT');
    expect(await filesIn(disk.path)).toEqual([]);
    await disk.mountAgain();
    expect(await notes.installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect(await lookIntoStore(store)).toMatchObject({ damaged: [], debris: [] });
  });
});

describe('a store', () => {
  it('whose directory became unreadable fails the run, is told by status, and is whole when it is readable again', async () => {
    await using notes = await protectNotes();
    const { installation } = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    const options = { wrapper: wrappers.withoutPowerOverModes };
    await chmod(installation.store, 0o000);
    expect(await failedBackup(notes, options)).toEqual([1, 'STORE_UNREADABLE']);
    const status = await installation.run(['status', '--json'], options);
    expect(status.exitCode).toBe(1);
    expect(status.json()).toMatchObject({ trouble: [{ message: expect.stringContaining(installation.store) }] });
    const listed = await installation.run(['list', '--json'], options);
    expect([listed.exitCode, listed.json<Listed[]>().map(({ id }) => id)]).toEqual([1, [snapshotId]]);

    await chmod(installation.store, 0o700);
    expect(await installation.json(['backup'], options)).toMatchObject({ outcome: 'succeeded' });
    expect(await installation.json<Listed[]>(['list'])).toMatchObject([
      { sequence: 2 },
      { id: snapshotId, verification: { kind: 'passed' } },
    ]);
  });

  it('with a file in its place fails the run, and the file stays', async () => {
    await using notes = await protectNotes();
    await writeFile(notes.installation.store, 'a letter');
    expect(await failedBackup(notes)).toEqual([1, 'STORE_ABSENT']);
    expect(await readFile(notes.installation.store, 'utf8')).toBe('a letter');
  });

  it('whose directory is gone does not make its snapshots forgotten: they are there again with it', async () => {
    await using notes = await protectNotes();
    const { installation } = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    await rename(installation.store, `${installation.store}.away`);
    const listed = await installation.run(['list', '--json']);
    expect([listed.exitCode, listed.json<Listed[]>().map(({ id }) => id)]).toEqual([1, [snapshotId]]);
    expect((await installation.run(['status', '--json'])).exitCode).toBe(1);
    await rename(`${installation.store}.away`, installation.store);
    expect(await installation.json<Listed[]>(['list'])).toMatchObject([{ id: snapshotId, verification: { kind: 'passed' } }]);
  });

  it('that was emptied on its own drive is used again at once', async () => {
    await using notes = await protectNotes();
    const { installation } = notes;
    await installation.json(['backup']);
    for (const name of await filesIn(installation.store)) await rm(join(installation.store, name));
    const again = await installation.json<Report>(['backup']);
    expect(again).toMatchObject({
      outcome: 'succeeded',
      details: { warnings: [expect.stringContaining('are gone, and not by Holdfast')] },
    });
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
    await rm(installation.store, { recursive: true });
    expect(await installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
  });

  it('in a directory of a drive that is not mounted is not made anew on the mount point', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    await using notes = await protectNotes({ store: join(disk.path, 'backups') });
    await notes.installation.json(['backup']);
    await disk.unmount('clean');
    expect(await failedBackup(notes)).toEqual([1, 'STORE_ABSENT']);
    const probed = await notes.installation.run(['probe', '--json']);
    expect([probed.exitCode, probed.stdout]).toEqual([1, expect.stringContaining('STORE_ABSENT')]);
    expect(await filesIn(disk.path)).toEqual([]);
    await disk.mountAgain();
    expect(await notes.installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
  });

  it('whose drive was replaced by an empty one is used again after a rescue', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    await using notes = await protectNotes({ store: disk.path });
    const { installation } = notes;
    await installation.json(['backup']);
    await disk.unmount('clean');
    const refused = await installation.run(['backup', '--json']);
    expect(refused.json<Report>().error).toMatchObject({
      code: 'STORE_ABSENT',
      hint: expect.stringContaining(`holdfast rescue ${disk.path}`),
    });
    await installation.json(['rescue', disk.path]);
    expect(await installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
    for (const name of await filesIn(disk.path)) await rm(join(disk.path, name));
  });

  it('holds files of other people, which no run touches', async () => {
    await using notes = await protectNotes({ keep: '{ last: 1 }' });
    const { installation } = notes;
    const others = [
      'holiday.jpg',
      'home_backup_20200101_000000.tar.gz',
      'other-20200101-000000.intent.json',
      'folder/home-20200101-000000.manifest.json',
      '.hidden.partial',
    ];
    await mkdir(join(installation.store, 'folder'), { recursive: true });
    for (const name of others) await writeFile(join(installation.store, name), `${name} is not Holdfast's`);
    const before = await textsOf(installation.store, others);
    for (let run = 0; run < 3; run++) await installation.json(['backup']);
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
    expect(await textsOf(installation.store, others)).toEqual(before);
  });
});

async function textsOf(directory: string, names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
}
