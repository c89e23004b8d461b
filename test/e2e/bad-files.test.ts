import { appendFile, chmod, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Issue, Manifest } from '../../src/domain/manifest.ts';
import { type Ended, type Installation, install, type Listed, type Report, wrappers } from './holdfast.ts';
import { lookIntoStore } from './store-state.ts';

interface Protected extends AsyncDisposable {
  readonly installation: Installation;
  readonly tree: string;
}

async function protectedTree(options = ''): Promise<Protected> {
  const installation = await install();
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: ["${tree}"]${options} }]
    compression: none
    stores: [{ kind: local, path: "${installation.store}", keep: { last: 2 } }]
`);
  return { installation, tree, [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose]() };
}

/** Exit 3, and a snapshot that says of itself that it is not whole; it is readable to the end all the same. */
async function expectDegraded(installation: Installation, ended: Ended): Promise<readonly Issue[]> {
  expect(ended.exitCode, ended.stdout + ended.stderr).toBe(3);
  const report = ended.json<Report<{ issues: Issue[] }>>();
  expect(report.outcome).toBe('degraded');
  const [listed] = await installation.json<Listed[]>(['list']);
  expect(listed).toMatchObject({ id: report.snapshotId, outcome: 'degraded', verification: { kind: 'passed', depth: 'readable' } });
  const shown = await installation.json<Manifest>(['show', report.snapshotId]);
  expect(shown.issues).toEqual(report.details.issues);
  return report.details.issues;
}

describe('files that do not hold still', () => {
  it.each([
    { name: 'grew', change: (path: string) => appendFile(path, 'more') },
    { name: 'shrank', change: (path: string) => truncate(path, 1000) },
  ])('degrade the snapshot, each listed with what happened to it: $name, vanished', async ({ name, change }) => {
    await using home = await protectedTree();
    const { installation, tree } = home;
    // Read first, and for long enough that the others change before their turn.
    await writeFile(join(tree, 'a-large'), randomBytes(96 << 20));
    for (const small of ['b-shrinks', 'x-vanishes']) await writeFile(join(tree, small), `content of ${small}\n`.repeat(1000));

    const running = installation.start(['backup', '--json']);
    await untilReading(installation.store);
    running.kill('SIGSTOP');
    await change(join(tree, 'a-large'));
    // Nothing is opened beyond a large file before that was read: this one is read as it is by then, and is whole.
    await truncate(join(tree, 'b-shrinks'), 1000);
    await rm(join(tree, 'x-vanishes'));
    running.kill('SIGCONT');

    const issues = await expectDegraded(installation, await running.ended);
    const told = issues.map(({ subject, problem, severity }) => `${severity} ${problem} ${subject.split('/').at(-1)}`);
    expect(told).toEqual([`loss ${name} a-large`, 'loss vanished x-vanishes']);
  });

  it('are told from those that were gone before their directory was read', async () => {
    await using home = await protectedTree();
    const { installation, tree } = home;
    await writeFile(join(tree, 'kept'), 'kept');
    await installation.json(['backup']);
    await rm(join(tree, 'kept'));
    await writeFile(join(tree, 'other'), 'other');
    expect(await installation.json<Report>(['backup'])).toMatchObject({ outcome: 'succeeded' });
  });
});

describe('files that cannot be read', () => {
  it('degrade the snapshot, are listed, and let retention remove nothing', async () => {
    await using home = await protectedTree();
    const { installation, tree } = home;
    await writeFile(join(tree, 'letter'), 'Dear Ada');
    const whole = await installation.json<Report>(['backup']);
    await writeFile(join(tree, 'secret'), 'not for you');
    await mkdir(join(tree, 'closed'));
    await chmod(join(tree, 'secret'), 0o000);
    await chmod(join(tree, 'closed'), 0o000);
    for (let run = 0; run < 3; run++) {
      const ended = await installation.run(['backup', '--json'], { wrapper: wrappers.withoutPowerOverModes });
      const issues = await expectDegraded(installation, ended);
      expect(issues.map(({ subject, problem }) => `${problem} ${subject.split('/').at(-1)}`).toSorted()).toEqual([
        'unreadable closed',
        'unreadable secret',
      ]);
    }
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed).toHaveLength(4);
    expect(listed.at(-1)).toMatchObject({ id: whole.snapshotId, outcome: 'succeeded' });
    await chmod(join(tree, 'closed'), 0o700);
  });

  it('sockets and pipes are named, and degrade nothing', async () => {
    await using home = await protectedTree();
    const { installation, tree } = home;
    await writeFile(join(tree, 'letter'), 'Dear Ada');
    const server = createServer().listen(join(tree, 'socket'));
    await once(server, 'listening');
    const report = await installation.json<Report<{ issues: Issue[] }>>(['backup']);
    expect(report.outcome).toBe('succeeded');
    expect(report.details.issues).toEqual([
      expect.objectContaining({ subject: expect.stringContaining('socket'), problem: 'skipped', severity: 'note' }),
    ]);
    server.close();
  });
});

describe('a root without anything in it', () => {
  it('fails the run, for it is often a drive that is not mounted, and leaves the snapshots alone', async () => {
    await using home = await protectedTree();
    const { installation, tree } = home;
    await writeFile(join(tree, 'letter'), 'Dear Ada');
    const { snapshotId } = await installation.json<Report>(['backup']);
    await rm(join(tree, 'letter'));
    const empty = await installation.run(['backup', '--json']);
    expect([empty.exitCode, empty.json<Report>().error?.code]).toEqual([1, 'SOURCE_EMPTY']);
    await rm(tree, { recursive: true });
    const missing = await installation.run(['backup', '--json']);
    expect([missing.exitCode, missing.json<Report>().error?.code]).toEqual([1, 'SOURCE_MISSING']);
    expect(await lookIntoStore(installation.store)).toMatchObject({ manifests: [{ id: snapshotId }], damaged: [], debris: [] });
  });

  it('is backed up when the plan says that it may be empty', async () => {
    await using home = await protectedTree(', allowEmpty: true');
    expect(await home.installation.json<Report>(['backup'])).toMatchObject({ outcome: 'succeeded' });
  });
});

/** Until the archive has begun to grow: its first file is being read. */
async function untilReading(store: string): Promise<void> {
  for (let attempt = 0; attempt < 3000; attempt++) {
    const [partial] = (await readdir(store).catch(() => [])).filter((name) => name.endsWith('.partial') && name.includes('.tar'));
    const found = partial === undefined ? undefined : await stat(join(store, partial)).catch(() => undefined);
    if (found !== undefined && found.size > 0) return;
    await wait(2);
  }
  throw new Error(`Nothing was written to ${store}`);
}
