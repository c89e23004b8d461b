import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import type { CopyResult, StoreResult } from '../../src/operations/settle.ts';
import { canMount, loopFileSystem } from '../fixtures/loop-file-system.ts';
import { filesIn, type Installation, type Listed, readJson, type Report } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { digestsOf, lookIntoStore } from './store-state.ts';

interface TwoStores {
  readonly notes: ProtectedNotes;
  readonly installation: Installation;
  readonly first: string;
  readonly second: string;
}

interface SecondStore {
  readonly path?: string;
  /** Keys of the second store, after its name. */
  readonly keys?: string;
}

/** The plan's snapshots go to the installation's store, and copies of them to another directory. */
async function withTwoStores({ path, keys = '' }: SecondStore = {}): Promise<TwoStores> {
  const notes = await protectNotes();
  const { installation } = notes;
  const second = path ?? join(installation.directory, 'usb');
  const file = join(installation.directory, 'cwd', 'holdfast.yaml');
  const yaml = await readFile(file, 'utf8');
  await installation.configure(yaml.replace(/stores: \[(.*)\]/, `stores: [$1, { kind: local, path: "${second}", name: usb${keys} }]`));
  return { notes, installation, first: installation.store, second };
}

describe('a plan with two stores', () => {
  it('stores the same files in both, verified in each', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    const report = await installation.json<Report<{ stores: { store: string; outcome: string; verification: { outcome: string } }[] }>>([
      'backup',
    ]);
    expect(report.details.stores).toMatchObject([
      { outcome: 'succeeded', verification: { outcome: 'passed' } },
      { store: 'usb', outcome: 'succeeded', verification: { outcome: 'passed' } },
    ]);
    expect(await digestsOf(second)).toEqual(await digestsOf(first));
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ id, store }) => [id, store])).toEqual([
      [report.snapshotId, `local:${first}`],
      [report.snapshotId, 'usb'],
    ]);
  });

  it('is degraded when the second cannot take its copy, which comes with the next one', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    await writeFile(second, 'not a directory');
    const ended = await installation.run(['backup', '--json']);
    expect(ended.exitCode, ended.stdout).toBe(3);
    expect(ended.json<Report>()).toMatchObject({ outcome: 'degraded', error: { code: 'STORE_ABSENT' } });
    expect(await lookIntoStore(first)).toMatchObject({ manifests: [{ outcome: 'succeeded' }], damaged: [], debris: [] });
    await rm(second);
    expect(await installation.json<Report>(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect((await lookIntoStore(second)).manifests).toHaveLength(2);
  });

  it('restores from the second when the first is gone', async () => {
    const { notes, installation, first } = await withTwoStores();
    await using _notes = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    await rename(first, `${first}.burnt`);
    const directory = join(installation.directory, 'restored');
    const restored = await installation.run(['restore', snapshotId, '--to-directory', directory, '--yes', '--json']);
    expect(restored.exitCode, restored.stdout + restored.stderr).toBe(0);
    expect(await filesIn(join(directory, 'files'))).toEqual(['one', 'three', 'two']);
  });

  it('restores from the second when the snapshot in the first is known to be damaged', async () => {
    const { notes, installation, first } = await withTwoStores();
    await using _notes = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    const { parts } = await readJson<Manifest>(join(first, `${snapshotId}.manifest.json`));
    await truncate(join(first, parts[0]!.name), 10);
    expect((await installation.run(['verify', '--all'])).exitCode).toBe(4);
    const directory = join(installation.directory, 'restored');
    const restored = await installation.run(['restore', snapshotId, '--to-directory', directory, '--yes', '--json']);
    expect(restored.exitCode, restored.stdout + restored.stderr).toBe(0);
  });
});

type CopiedReport = Report<{ readonly stores: readonly StoreResult[] }>;

/** What became of the earlier snapshots that the second store lacked. */
function earlierIn(report: CopiedReport): readonly CopyResult[] {
  return report.details.stores[1]?.earlier ?? [];
}

/** So many runs while the second store is away; it is there again afterwards. Answers with their snapshots. */
async function backUpWithout(second: string, installation: Installation, runs: number): Promise<string[]> {
  await writeFile(second, 'not a directory');
  const ids: string[] = [];
  for (let run = 0; run < runs; run++) ids.push((await installation.run(['backup', '--json'])).json<Report>().snapshotId);
  await rm(second);
  return ids;
}

describe('a second store that was away', () => {
  it('gets every snapshot that it missed, the newest first and then the oldest, each verified', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    const missed = await backUpWithout(second, installation, 3);
    const report = await installation.json<CopiedReport>(['backup']);
    expect(earlierIn(report)).toMatchObject(
      missed.map((snapshotId) => ({ snapshotId, outcome: 'succeeded', verification: { outcome: 'passed', depth: 'readable' } })),
    );
    expect(await digestsOf(second)).toEqual(await digestsOf(first));
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ verification }) => verification.kind)).toEqual(Array.from({ length: 8 }, () => 'passed'));
    expect(earlierIn(await installation.json<CopiedReport>(['backup']))).toEqual([]);
  });

  it('gets only those that its own retention would keep', async () => {
    const { notes, installation, second } = await withTwoStores({ keys: ', keep: { last: 2 }' });
    await using _notes = notes;
    const missed = await backUpWithout(second, installation, 3);
    const report = await installation.json<CopiedReport>(['backup']);
    expect(earlierIn(report).map(({ snapshotId }) => snapshotId)).toEqual(missed.slice(-1));
    expect(report.details.stores[1]?.expired?.removed).toEqual([]);
    expect((await lookIntoStore(second)).manifests).toHaveLength(2);
  });

  it('gets the others although one cannot be copied, and the original of that one is known to be damaged from then on', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    const [damaged, whole] = (await backUpWithout(second, installation, 2)) as [string, string];
    const { parts } = await readJson<Manifest>(join(first, `${damaged}.manifest.json`));
    await truncate(join(first, parts[0]!.name), 10);
    const ended = await installation.run(['backup', '--json']);
    expect(ended.exitCode, ended.stderr).toBe(3);
    const report = ended.json<CopiedReport>();
    expect(report).toMatchObject({ outcome: 'degraded', error: { code: 'LENGTH_MISMATCH' } });
    expect(earlierIn(report)).toMatchObject([
      { snapshotId: damaged, outcome: 'failed', error: { code: 'LENGTH_MISMATCH' } },
      { snapshotId: whole, outcome: 'succeeded' },
    ]);
    expect(await lookIntoStore(second)).toMatchObject({ damaged: [], debris: [] });
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.find(({ id }) => id === damaged)).toMatchObject({ store: `local:${first}`, verification: { kind: 'failed' } });
    const next = await installation.json<CopiedReport>(['backup']);
    expect([next.outcome, earlierIn(next)]).toEqual(['succeeded', []]);
  });

  it.skipIf(!canMount('ext4'))('that is too small for all of them has the newest, and every other failure is told', async () => {
    await using drive = await loopFileSystem('ext4', { sizeMiB: 16 });
    const second = join(drive.path, 'backups');
    const { notes, installation } = await withTwoStores({ path: second });
    await using _notes = notes;
    await writeFile(join(notes.tree, 'photo'), randomBytes(5_000_000));
    const missed = await backUpWithout(second, installation, 4);
    const ended = await installation.run(['backup', '--json']);
    const report = ended.json<CopiedReport>();
    expect([ended.exitCode, report.outcome, report.error?.code]).toEqual([3, 'degraded', 'STORE_FULL']);
    const earlier = earlierIn(report);
    expect(earlier.map(({ snapshotId }) => snapshotId)).toEqual(missed);
    expect(earlier[0]?.outcome).toBe('succeeded');
    expect(earlier.slice(2).map(({ error }) => error?.code)).toEqual(['STORE_FULL', 'STORE_FULL']);
    const { manifests, damaged, debris } = await lookIntoStore(second);
    expect(manifests.map(({ id }) => id)).toContain(report.snapshotId);
    expect({ damaged, debris: debris.filter((name) => name !== 'lost+found') }).toEqual({ damaged: [], debris: [] });
  });
});

describe('verify without an id', () => {
  it('verifies the newest snapshot in every store, each by itself', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    expect(await installation.json<unknown>(['verify', '--latest'])).toMatchObject([
      { snapshotId, store: `local:${first}`, outcome: 'passed' },
      { snapshotId, store: 'usb', outcome: 'passed' },
    ]);
    const { parts } = await readJson<Manifest>(join(second, `${snapshotId}.manifest.json`));
    await truncate(join(second, parts[0]!.name), 10);
    const verified = await installation.run(['verify', '--latest', '--json']);
    expect(verified.exitCode, verified.stderr).toBe(4);
    expect(verified.json<unknown>()).toMatchObject([{ outcome: 'passed' }, { store: 'usb', outcome: 'failed' }]);
  });

  it('says when a store has none', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    const [snapshotId] = await backUpWithout(second, installation, 1);
    await mkdir(second);
    const verified = await installation.run(['verify', '--json']);
    expect(verified.exitCode, verified.stderr).toBe(4);
    expect(verified.json<unknown>()).toMatchObject([
      { snapshotId: null, store: 'usb', error: { code: 'SNAPSHOT_UNKNOWN' } },
      { snapshotId, store: `local:${first}`, outcome: 'passed' },
    ]);
    expect((await installation.run(['verify'])).stderr).toContain('Store "usb" has no snapshot of plan "home"');
  });
});
