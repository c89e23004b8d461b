import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { databaseContent } from './database-content.ts';
import { filesIn, install, type Installation, type Listed, type Report } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { digestsOf } from './store-state.ts';

interface Decided {
  readonly stores: readonly {
    readonly removed: readonly string[];
    readonly decisions: readonly { readonly keep: boolean; readonly reasons: readonly string[] }[];
  }[];
}

/** Three verified snapshots under a plan that keeps all three, until `keepOne` says otherwise. */
async function threeSnapshots(): Promise<ProtectedNotes> {
  const notes = await protectNotes({ keep: '{ last: 3 }' });
  for (let run = 0; run < 3; run++) await notes.installation.json(['backup']);
  return notes;
}

async function keepOne({ installation }: ProtectedNotes): Promise<void> {
  const file = join(installation.directory, 'cwd', 'holdfast.yaml');
  await installation.configure((await readFile(file, 'utf8')).replace('last: 3', 'last: 1'));
}

async function historyFiles({ dataDirectory }: Installation): Promise<string[]> {
  return (await filesIn(dataDirectory)).filter((name) => name.startsWith('history'));
}

const losses = {
  lost: async (installation: Installation) => {
    for (const name of await historyFiles(installation)) await rm(join(installation.dataDirectory, name));
  },
  'overwritten with garbage': async (installation: Installation) => {
    for (const name of await historyFiles(installation))
      await writeFile(join(installation.dataDirectory, name), 'not a database'.repeat(1000));
  },
  'damaged in the middle': async (installation: Installation) => {
    const file = join(installation.dataDirectory, 'history.sqlite');
    const bytes = await readFile(file);
    bytes.fill(0xff, 4096, Math.min(bytes.length, 40_960));
    await writeFile(file, bytes);
  },
  emptied: async (installation: Installation) => writeFile(join(installation.dataDirectory, 'history.sqlite'), ''),
} as const;

describe.each(Object.keys(losses) as (keyof typeof losses)[])('a history that was %s', (loss) => {
  it('is built again from the store; nothing is removed before it is verified anew', async () => {
    await using notes = await threeSnapshots();
    const { installation } = notes;
    const digests = await digestsOf(installation.store);
    await losses[loss](installation);

    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ sequence, verification }) => [sequence, verification.kind])).toEqual(
      [3, 2, 1].map((sequence) => [sequence, 'unverified']),
    );
    const status = await installation.run(['status', '--json']);
    expect([status.exitCode, status.json()]).toMatchObject([
      1,
      { plans: [{ health: 'critical', reasons: [{ code: 'no-verified-snapshot' }] }] },
    ]);
    await keepOne(notes);
    const expired = await installation.json<Decided>(['expire']);
    expect(expired.stores.map(({ removed }) => removed)).toEqual([[]]);
    expect(await digestsOf(installation.store)).toEqual(digests);

    const verified = await installation.json<{ outcome: string }[]>(['verify', '--all']);
    expect(verified.map(({ outcome }) => outcome)).toEqual(['passed', 'passed', 'passed']);
    const dryRun = await installation.json<Decided>(['expire', '--dry-run']);
    expect(dryRun.stores[0]?.decisions.map(({ keep }) => keep)).toEqual([true, false, false]);
    expect(dryRun.stores[0]?.decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
    expect(await digestsOf(installation.store)).toEqual(digests);
    expect((await installation.json<Decided>(['expire'])).stores[0]?.removed).toHaveLength(2);
    expect(await installation.json<Listed[]>(['list'])).toMatchObject([{ sequence: 3, verification: { kind: 'passed' } }]);
  });
});

describe('a machine with nothing but a store', () => {
  let notes: ProtectedNotes;

  beforeEach(async () => {
    notes = await protectNotes();
    return () => notes[Symbol.asyncDispose]();
  });

  it('learns by rescue what can be restored, and restores it', async () => {
    const { snapshotId } = await notes.installation.json<Report>(['backup']);
    const before = await databaseContent(notes.cluster, notes.database);
    await using machine = await install();
    const store = join(machine.directory, 'usb');
    await mkdir(store);
    for (const name of await filesIn(notes.installation.store)) await copyFile(join(notes.installation.store, name), join(store, name));

    const rescued = await machine.json<Report<{ snapshots: { id: string; restore: string[] }[] }>>(['rescue', store]);
    expect(rescued.details.snapshots).toMatchObject([
      { id: snapshotId, restore: [expect.stringContaining('psql'), expect.stringContaining('tar')] },
    ]);
    expect(await machine.json<Listed[]>(['list', '--store', store])).toMatchObject([
      { id: snapshotId, verification: { kind: 'unverified' } },
    ]);
    expect(await machine.json(['verify', snapshotId, '--store', store])).toMatchObject({ outcome: 'passed', depth: 'readable' });

    const directory = join(machine.directory, 'files');
    await machine.json(['restore', snapshotId, '--store', store, '--to-directory', directory, '--yes']);
    expect((await filesIn(join(directory, 'files'))).toSorted()).toEqual(['one', 'three', 'two']);
    const copy = `${notes.database}_rescued`;
    await machine.json(['restore', snapshotId, '--store', store, '--to-database', notes.cluster.url(copy), '--yes']);
    expect(await databaseContent(notes.cluster, copy)).toBe(before);
  });

  it('is told when a store holds no snapshot, or is not there', async () => {
    await using machine = await install();
    const empty = join(machine.directory, 'empty');
    await mkdir(empty);
    expect(await machine.json(['rescue', empty])).toMatchObject({ details: { snapshots: [] } });
    const absent = await machine.run(['rescue', join(machine.directory, 'absent'), '--json']);
    expect([absent.exitCode, absent.json<Report>().error?.code]).toEqual([1, 'STORE_ABSENT']);
  });
});
