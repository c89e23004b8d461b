import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesIn, install, type Installation, type Listed, type Report } from '../../test/e2e/holdfast.ts';

interface Stored {
  readonly stores: readonly { readonly expired: { readonly removed: readonly string[] } | null }[];
}

/** A small tree, kept in `one` and copied to `two`, two snapshots in each. */
async function installWithTwoStores(): Promise<Installation & { readonly one: string; readonly two: string }> {
  const installation = await install();
  const [one, two, tree] = ['one', 'two', 'tree'].map((name) => join(installation.directory, name)) as [string, string, string];
  await mkdir(tree);
  await writeFile(join(tree, 'note'), 'kept\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: [${tree}] }]
    stores:
      - { kind: local, path: ${one}, keep: { last: 2 } }
      - { kind: local, path: ${two}, keep: { last: 2 } }
`);
  return Object.assign(installation, { one, two });
}

test('after the first store was replaced, a new snapshot is newer than its copies of old, and retention keeps it', async () => {
  await using installation = await installWithTwoStores();
  for (let run = 0; run < 3; run++) await installation.json(['backup']);
  await rm(installation.one, { recursive: true });
  await installation.json(['rescue', installation.two]);
  await mkdir(installation.one);
  await installation.json(['rescue', installation.one]);

  const report = await installation.json<Report<Stored>>(['backup']);

  expect(report.details.stores.map(({ expired }) => expired?.removed)).toEqual([[], [expect.not.stringContaining(report.snapshotId)]]);
  const listed = await installation.json<Listed[]>(['list']);
  expect(listed.filter(({ id }) => id === report.snapshotId)).toMatchObject([{ sequence: 4 }, { sequence: 4 }]);
});

test('on a new machine with an empty first store, snapshots go on from the copies', async () => {
  await using installation = await installWithTwoStores();
  for (let run = 0; run < 2; run++) await installation.json(['backup']);
  await rm(installation.one, { recursive: true });
  await rm(installation.dataDirectory, { recursive: true });
  const { snapshotId } = await installation.json<Report>(['backup']);
  const [newest] = await installation.json<Listed[]>(['list']);
  expect(newest).toMatchObject({ id: snapshotId, sequence: 3 });
});

/** The first page of one table is overwritten: the file still opens, and what stands in that table is lost. */
async function damageTable({ dataDirectory }: Installation, table: string): Promise<void> {
  const path = join(dataDirectory, 'history.sqlite');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE');
  const { page_size: pageBytes } = database.prepare('PRAGMA page_size').get() as { page_size: number };
  const { rootpage } = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(table) as { rootpage: number };
  database.close();
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(pageBytes, 0xff), 0, pageBytes, (rootpage - 1) * pageBytes);
}

test.each(['snapshots', 'runs'])(
  'a backup is made although the table %s of the history is damaged, and rescue mends that',
  async (table) => {
    await using installation = await installWithTwoStores();
    await installation.json(['backup']);
    await damageTable(installation, table);

    const ended = await installation.run(['backup', '--json']);
    const { outcome, snapshotId } = ended.json<Report>();
    expect([outcome, ended.exitCode]).toEqual(table === 'runs' ? ['succeeded', 0] : ['degraded', 3]);
    expect(ended.stderr).toContain('holdfast rescue');
    expect((await filesIn(installation.two)).filter((name) => name === `${snapshotId}.manifest.json`)).toHaveLength(1);

    await installation.json(['rescue', installation.one]);
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ sequence }) => sequence)).toEqual([2, 2, 1, 1]);
    expect(await installation.json(['backup'])).toMatchObject({ outcome: 'succeeded' });
  },
);
