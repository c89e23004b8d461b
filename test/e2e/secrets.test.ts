import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startPostgres } from '../fixtures/postgres-cluster.ts';
import { filesIn, type Ended, type Installation, install, type Report, type Running } from './holdfast.ts';

const passphrase = 'tRicky p@ssphrase: "quoted" %41';

/** Command lines of a process and all that descend from it. */
async function commandLines(root: number): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, await parentOf(pid)] as const)));
  const descends = (pid: number): boolean => pid === root || (parents.has(pid) && descends(parents.get(pid)!));
  return Promise.all(pids.filter(descends).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

/** 0 for one that is gone. */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Everything that other users of the machine could have seen while it ran. */
async function watchCommandLines(running: Running): Promise<{ ended: Ended; seen: Set<string> }> {
  const seen = new Set<string>();
  while (running.isRunning) {
    for (const line of await commandLines(running.pid)) seen.add(line);
    await wait(5);
  }
  return { ended: await running.ended, seen };
}

async function contentsOf({ store, dataDirectory }: Installation): Promise<[string, Buffer][]> {
  const lists = [store, dataDirectory].map(async (directory) => (await filesIn(directory)).map((name) => join(directory, name)));
  const paths = (await Promise.all(lists)).flat();
  const read = async (path: string): Promise<[string, Buffer]> => [path, await readFile(path).catch(() => Buffer.alloc(0))];
  return Promise.all(paths.map(read));
}

it('no password and no passphrase is in any output, command line, manifest, log or history, whatever a run comes to', async () => {
  await using cluster = await startPostgres({ auth: 'scram' });
  const password = cluster.password!;
  const wrong = 'also-Secret-Though-Wr0ng';
  await cluster.createDatabase('app');
  await cluster.query('app', 'CREATE TABLE notes AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i');
  await using installation = await install({ DATABASE_URL: cluster.url('app'), BACKUP_AGE_PASSPHRASE: passphrase, HOLDFAST_LOG: 'debug' });
  const env = { BACKUP_DIR: installation.store, BACKUP_GLOBALS: 'true' };
  const outputs: string[] = [];
  const lines = new Set<string>();
  const run = async (args: readonly string[], expected: number, more: Record<string, string> = {}): Promise<Ended> => {
    const { ended, seen } = await watchCommandLines(installation.start(args, { env: { ...env, ...more } }));
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(expected);
    outputs.push(ended.stdout, ended.stderr);
    for (const line of seen) lines.add(line);
    return ended;
  };

  const { snapshotId } = (await run(['backup', '--json'], 0)).json<Report>();
  await run(['show', snapshotId, '--json'], 0);
  await run(['verify', snapshotId], 0);
  await run(['drill'], 0);
  await run(['status'], 0);
  await run(['probe'], 0);
  await run(['config', 'show'], 0);
  await run(['config', 'show', '--json'], 0);
  const target = { HOLDFAST_TARGET_URL: cluster.url('copy') };
  await run(['restore', snapshotId, '--only', 'app', '--yes'], 0, target);
  await run(['backup'], 1, { DATABASE_URL: cluster.url('app', { user: 'postgres', password: wrong }) });
  await run(['backup'], 1, { DATABASE_URL: cluster.url('no such database') });
  await run(['backup'], 2, { DATABASE_URL: `postgres://postgres:${password}@127.0.0.1:port/app` });
  await run(['verify', snapshotId], 1, { BACKUP_AGE_PASSPHRASE: wrong });

  expect([...lines].some((line) => line.includes('pg_dump\0'))).toBe(true);
  const secrets = [password, encodeURIComponent(password), passphrase, JSON.stringify(passphrase).slice(1, -1), wrong];
  const places: [string, string | Buffer][] = [
    ...outputs.map((output, index): [string, string] => [`output ${index}`, output]),
    ...[...lines].map((line): [string, string] => [`command line ${line}`, line]),
    ...(await contentsOf(installation)),
  ];
  for (const [place, content] of places)
    for (const secret of secrets) expect(content.includes(secret), `${secret} in ${place}`).toBe(false);
});

it('a password that stands in the configuration is warned of, and not repeated', async () => {
  await using installation = await install();
  await installation.configure(`
plans:
  home:
    sources:
      - { kind: postgres, url: "postgres://app:s3cret-Literal@127.0.0.1:1/app" }
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  for (const args of [
    ['config', 'check'],
    ['config', 'show'],
    ['backup', '--json'],
    ['probe', '--json'],
  ]) {
    const { stdout, stderr } = await installation.run(args);
    expect(stdout + stderr).not.toContain('s3cret-Literal');
  }
  const checked = await installation.json<{ warnings: string[] }>(['config', 'check']);
  expect(checked.warnings).toEqual([expect.stringMatching(/holdfast\.yaml:5:.*\$\{env:/)]);
});

it('a secret file that every user can read is warned of', async () => {
  await using installation = await install();
  const secret = join(installation.directory, 'password');
  await writeFile(secret, 'x', { mode: 0o644 });
  await installation.configure(`
plans:
  home:
    sources: [{ kind: postgres, host: 127.0.0.1, port: 1, user: app, password: "\${file:${secret}}", database: app }]
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  const { warnings } = await installation.json<{ warnings: string[] }>(['config', 'check']);
  expect(warnings).toEqual([expect.stringContaining(secret)]);
});
