import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWorld } from '../../src/world.ts';
import { keptLog } from '../fakes/kept-log.ts';
import { canMount, loopFileSystem } from '../fixtures/loop-file-system.ts';
import { filesIn, install, type Listed, type Report } from './holdfast.ts';
import { serve } from './service.ts';
import { lookIntoStore } from './store-state.ts';

/** A small tree whose snapshots go to a disk with space, while the data directory is on one of its own. */
async function withOwnDataDisk(keepLast = 3) {
  const drive = await loopFileSystem('ext4', { sizeMiB: 8 });
  const installation = await install({ HOLDFAST_DATA_DIR: join(drive.path, 'state') });
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'note'), 'kept\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: ["${tree}"] }]
    stores: [{ kind: local, path: "${installation.store}", keep: { last: ${keepLast} } }]
`);
  return {
    drive,
    installation,
    async [Symbol.asyncDispose]() {
      await installation[Symbol.asyncDispose]();
      await drive[Symbol.asyncDispose]();
    },
  };
}

describe.runIf(canMount('ext4'))('when the disk of the data directory is full', () => {
  it('a backup is made and verified, and the warning is loud', async () => {
    await using machine = await withOwnDataDisk();
    const { drive, installation } = machine;
    const { snapshotId: before } = await installation.json<Report>(['backup']);
    await drive.fill();
    const ended = await installation.run(['backup', '--json']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const report = ended.json<Report<{ warnings: string[]; stores: unknown[] }>>();
    expect(report).toMatchObject({ outcome: 'succeeded', runId: null, details: { stores: [{ verification: { outcome: 'passed' } }] } });
    expect(report.details.warnings).toEqual([expect.stringContaining('not recorded')]);
    expect(ended.stderr).toMatch(/no space is left on its drive.*Free space/s);
    const { manifests, damaged, debris } = await lookIntoStore(installation.store);
    expect({ ids: manifests.map(({ id }) => id), damaged, debris }).toEqual({ ids: [before, report.snapshotId], damaged: [], debris: [] });
  });

  it('nothing is let go, since that could not be recorded', async () => {
    await using machine = await withOwnDataDisk(1);
    const { drive, installation } = machine;
    await installation.json(['backup']);
    await drive.fill();
    const ended = await installation.run(['backup', '--json']);
    expect([ended.exitCode, ended.json<Report>()]).toMatchObject([3, { outcome: 'degraded', error: { code: 'HISTORY_UNREADABLE' } }]);
    expect((await lookIntoStore(installation.store)).manifests).toHaveLength(2);
  });

  it('status is critical and says why, and what the store holds can be listed and restored', async () => {
    await using machine = await withOwnDataDisk();
    const { drive, installation } = machine;
    const { snapshotId } = await installation.json<Report>(['backup']);
    await drive.fill();
    const status = await installation.run(['status', '--json']);
    expect([status.exitCode, status.json()]).toMatchObject([
      1,
      { history: { code: 'HISTORY_UNREADABLE', hint: expect.stringContaining('Free space') } },
    ]);
    expect((await installation.json<Listed[]>(['list'])).map(({ id }) => id)).toEqual([snapshotId]);
    const directory = join(installation.directory, 'restored');
    const restored = await installation.run(['restore', snapshotId, '--to-directory', directory, '--yes']);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(await filesIn(directory)).toContain('tree/note');
  });

  it('rescue, which is there to write the history, fails; with space again all is as before', async () => {
    await using machine = await withOwnDataDisk();
    const { drive, installation } = machine;
    await installation.json(['backup']);
    const filling = await drive.fill();
    const rescue = await installation.run(['rescue', installation.store]);
    expect([rescue.exitCode, rescue.stderr]).toEqual([1, expect.stringContaining('Free space')]);
    const { snapshotId } = (await installation.run(['backup', '--json'])).json<Report>();
    await rm(filling);
    expect((await installation.run(['status', '--json'])).json()).toMatchObject({ history: null });
    expect((await installation.json<Listed[]>(['list'])).map(({ id }) => id)).toContain(snapshotId);
    expect(await installation.json<Report>(['backup'])).toMatchObject({ outcome: 'succeeded', details: { warnings: [] } });
  });

  it('a process that stays open says that the history cannot be read, and reads it when there is space again', async () => {
    await using machine = await withOwnDataDisk();
    const { drive, installation } = machine;
    await installation.json(['backup']);
    const filling = await drive.fill();
    let ms = 0;
    const clock = { now: () => new Date(), monotonicMs: () => ms };
    const opening = {
      context: { clock, log: keptLog(), environment: installation.env },
      progress: { step: () => undefined },
      check: false,
      historyUrl: null,
      started: { trigger: { kind: 'api', user: 'ada', dueAt: null }, newRunKey: randomUUID, emit: async () => undefined },
    } as const;
    await using world = await openWorld({ ...opening, staysOpen: true });
    await expect(world.history.runs({})).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE', details: { full: true } });
    const run = { key: randomUUID(), trigger: opening.started.trigger, verb: 'verify', plan: 'home', startedAt: new Date() } as const;
    await expect(world.history.startRun(run)).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE' });
    await rm(filling);
    ms += 60_000;
    expect(await world.history.runs({})).toMatchObject([{ verb: 'backup', end: { outcome: 'succeeded' } }]);
    await world.history.startRun(run);
    expect(await world.history.run(run.key)).toMatchObject({ verb: 'verify', end: null });
  });

  it('a service that has no space for what it must remember says so and ends, for its manager to start it again', async () => {
    await using machine = await withOwnDataDisk();
    const { drive, installation } = machine;
    await (await serve(installation))[Symbol.asyncDispose]();
    const filling = await drive.fill();
    const refused = await installation.run(['serve', '--listen', '127.0.0.1:0']);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(/no space is left on its drive.*Free space/su)]);
    await rm(filling);
    await (await serve(installation))[Symbol.asyncDispose]();
  });

  it('a machine that has no data directory yet says that space is what it needs', async () => {
    await using machine = await withOwnDataDisk();
    await machine.drive.fill();
    const ended = await machine.installation.run(['backup']);
    expect([ended.exitCode, ended.stderr]).toEqual([1, expect.stringContaining('Free space on the drive that holds it')]);
  });
});
