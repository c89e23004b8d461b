import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { install, type Listed, type Report } from './holdfast.ts';
import { protectNotes } from './protected-notes.ts';

describe('two runs of one plan at once', () => {
  it('the second exits with 5 and says who is at work, and the first finishes', async () => {
    await using notes = await protectNotes();
    const { installation, cluster, database } = notes;
    // pg_dump waits for this lock, and so does the first run.
    const holder = await cluster.connect(database);
    await holder.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
    const first = installation.start(['backup', '--json']);
    await waitForLock(holder);

    const second = await installation.run(['backup', '--json']);
    expect(second.exitCode).toBe(5);
    const { outcome, error } = second.json<Report>();
    expect(outcome).toBe('skipped');
    expect(error).toMatchObject({ code: 'LOCK_HELD', message: expect.stringContaining(`process ${first.pid} `) });
    const status = await installation.run(['status', '--json']);
    expect(status.json()).toMatchObject({ plans: [{ running: true }] });
    const expiring = await installation.run(['expire', '--json']);
    expect([expiring.exitCode, expiring.json<Report>().error?.code]).toEqual([5, 'LOCK_HELD']);

    await holder.query('ROLLBACK');
    await holder.end();
    const ended = await first.ended;
    expect([ended.exitCode, ended.json<Report>().outcome], ended.stderr).toEqual([0, 'succeeded']);
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
    expect(await installation.json(['status'])).toMatchObject({ plans: [{ health: 'healthy', running: false }] });
  });

  it('many started in the same second make one snapshot each that begins, none over another', async () => {
    await using notes = await protectNotes();
    const ended = await Promise.all(Array.from({ length: 4 }, () => notes.installation.run(['backup', '--json'])));
    const begun = ended.filter(({ exitCode }) => exitCode === 0).map((each) => each.json<Report>().snapshotId);
    expect(ended.every(({ exitCode }) => exitCode === 0 || exitCode === 5)).toBe(true);
    expect(begun.length).toBeGreaterThan(0);
    const listed = await notes.installation.json<Listed[]>(['list']);
    expect(listed.map(({ id }) => id).toSorted()).toEqual(begun.toSorted());
  });
});

it('plans that share a store, and begin in the same second to make archives of the same name, all succeed', async () => {
  await using installation = await install();
  const tree = join(installation.directory, 'notes');
  await mkdir(tree);
  await writeFile(join(tree, 'a'), 'one');
  const names = ['one', 'two', 'three'];
  const stores = `stores: [{ kind: local, path: "${installation.store}" }]`;
  const plans = names.map((name) => `  ${name}: { sources: [{ kind: files, name: notes, paths: ["${tree}"] }], ${stores} }`);
  await installation.configure(`plans:\n${plans.join('\n')}\n`);
  const ended = await Promise.all(names.map((name) => installation.run(['backup', name, '--json'])));
  expect(ended.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(names.map(() => [0, '']));
  const listed = await installation.json<Listed[]>(['list']);
  expect(new Set(listed.flatMap(({ parts }) => parts)).size).toBe(2 * names.length);
});

async function waitForLock(client: { query(sql: string): Promise<{ rows: { waiting: number }[] }> }): Promise<void> {
  const sql = "SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass";
  for (let attempt = 0; attempt < 600; attempt++) {
    if (((await client.query(sql)).rows[0]?.waiting ?? 0) > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Nobody waits for the table');
}
