import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import { filesIn, type Installation, type Listed, readJson, type Report } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { digestsOf, lookIntoStore } from './store-state.ts';

interface TwoStores {
  readonly notes: ProtectedNotes;
  readonly installation: Installation;
  readonly first: string;
  readonly second: string;
}

/** The plan's snapshots go to the installation's store, and copies of them to another directory. */
async function withTwoStores(): Promise<TwoStores> {
  const notes = await protectNotes();
  const { installation } = notes;
  const second = join(installation.directory, 'usb');
  const file = join(installation.directory, 'cwd', 'holdfast.yaml');
  const yaml = await readFile(file, 'utf8');
  await installation.configure(yaml.replace(/stores: \[(.*)\]/, `stores: [$1, { kind: local, path: "${second}", name: usb }]`));
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

  it('is degraded when the second cannot take its copy, and takes the next one', async () => {
    const { notes, installation, first, second } = await withTwoStores();
    await using _notes = notes;
    await writeFile(second, 'not a directory');
    const ended = await installation.run(['backup', '--json']);
    expect(ended.exitCode, ended.stdout).toBe(3);
    expect(ended.json<Report>()).toMatchObject({ outcome: 'degraded', error: { code: 'STORE_ABSENT' } });
    expect(await lookIntoStore(first)).toMatchObject({ manifests: [{ outcome: 'succeeded' }], damaged: [], debris: [] });
    await rm(second);
    expect(await installation.json<Report>(['backup'])).toMatchObject({ outcome: 'succeeded' });
    expect((await lookIntoStore(second)).manifests).toHaveLength(1);
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
