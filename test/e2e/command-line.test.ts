import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, filesIn, type Installation, install, type Listed, type Report } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';

const run = promisify(execFile);

let notes: ProtectedNotes;
let installation: Installation;
let id: string;

beforeAll(async () => {
  notes = await protectNotes({ keep: '{ last: 2 }' });
  ({ installation } = notes);
  ({ snapshotId: id } = await installation.json<Report>(['backup', '--description', 'the first']));
});

afterAll(async () => notes[Symbol.asyncDispose]());

const anyReport = { runId: expect.any(String), outcome: 'succeeded', error: null, durationMs: expect.any(Number) };
const anyDigest = expect.stringMatching(/^[0-9a-f]{64}$/);
const anyTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('--json prints', () => {
  it('a report of a backup', async () => {
    const report = await installation.json<Report>(['backup']);
    expect(report).toMatchObject({
      ...anyReport,
      plan: 'home',
      snapshotId: expect.stringMatching(/^home-\d{8}-\d{6}$/),
      details: {
        createdAt: anyTime,
        sizeBytes: expect.any(Number),
        readBytes: expect.any(Number),
        parts: expect.arrayContaining([{ name: expect.any(String), role: 'archive', sizeBytes: expect.any(Number), sha256: anyDigest }]),
        issues: [],
        warnings: [],
        swept: [],
        stores: [
          {
            location: installation.store,
            outcome: 'succeeded',
            error: null,
            verification: { snapshotId: report.snapshotId, outcome: 'passed', depth: 'readable', findings: [], remarks: [] },
            expired: { dryRun: false, removed: [] },
          },
        ],
      },
    });
  });

  it('an array of snapshots, newest first', async () => {
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ sequence }) => sequence)).toEqual([2, 1]);
    expect(listed.at(-1)).toEqual({
      id,
      plan: 'home',
      createdAt: anyTime,
      outcome: 'succeeded',
      sizeBytes: expect.any(Number),
      sequence: 1,
      store: `local:${installation.store}`,
      verification: { kind: 'passed', depth: 'readable', at: anyTime },
      description: 'the first',
      parts: expect.any(Array),
    });
    expect(await installation.json<Listed[]>(['list', 'home'])).toEqual(listed);
  });

  it('a manifest, where it lies and what is known of it, and every file when asked', async () => {
    const shown = await installation.json<{ contents?: object[] }>(['show', id]);
    expect(shown).toMatchObject({
      format: 'holdfast-manifest',
      version: 1,
      id,
      plan: 'home',
      description: 'the first',
      verification: { kind: 'passed' },
      restore: expect.any(Array),
    });
    expect(shown.contents).toBeUndefined();
    const { contents } = await installation.json<{ contents: { path: string; sha256: string }[] }>(['show', id, '--contents']);
    expect(contents.map(({ path }) => path)).toEqual(['files', 'files/one', 'files/three', 'files/two']);
    expect(contents[1]).toMatchObject({ type: 'file', sha256: anyDigest });
  });

  it('what stands in one place of a snapshot, folder by folder and table by table', async () => {
    const top = await installation.json<{ path: string; type: string }[]>(['browse', id]);
    expect(top).toMatchObject([
      { path: notes.database, type: 'database' },
      { path: 'files', type: 'directory' },
    ]);
    expect(await installation.json(['browse', id, notes.database])).toMatchObject([
      { path: `${notes.database}:public.authors`, type: 'table', rows: expect.any(Number), sha256: anyDigest },
      { path: `${notes.database}:public.notes`, type: 'table', rows: 1000 },
    ]);
    expect(await installation.json(['browse', id, 'files'])).toMatchObject(
      ['one', 'three', 'two'].map((name) => ({ name, path: `files/${name}`, type: 'file', modifiedAt: anyTime, sha256: anyDigest })),
    );
    expect((await installation.run(['browse', id, 'files'])).stdout).toMatch(/^files\/one +file /mu);
    expect((await installation.run(['browse', id, 'none'])).exitCode).toBe(2);
  });

  it('the health of every plan, with reasons', async () => {
    expect(await installation.json(['status'])).toMatchObject({
      plans: [
        {
          plan: 'home',
          health: 'healthy',
          reasons: [],
          running: false,
          snapshots: 2,
          newest: { sequence: 2 },
          newestVerified: { sequence: 2 },
          lastRun: { end: { outcome: 'succeeded' } },
        },
      ],
      trouble: [],
    });
  });

  it('one report of a verification, or an array of several', async () => {
    const passed = { outcome: 'passed', findings: [], remarks: [], durationMs: expect.any(Number) };
    expect(await installation.json(['verify', id, '--depth', 'present'])).toMatchObject({ snapshotId: id, depth: 'present', ...passed });
    expect(await installation.json(['verify', '--latest'])).toMatchObject({ depth: 'readable', ...passed });
    expect(await installation.json(['verify', '--all'])).toMatchObject([passed, passed]);
  });

  it('what a drill restored, how long that took and how old the data is', async () => {
    const table = { rows: expect.any(Number), sha256: anyDigest, difference: null };
    expect(await installation.json(['drill', 'home'])).toMatchObject({
      ...anyReport,
      details: {
        rtoMs: expect.any(Number),
        rpoMs: expect.any(Number),
        databases: [
          {
            database: notes.database,
            tables: [
              { table: 'public.authors', ...table },
              { table: 'public.notes', ...table, rows: 1000 },
            ],
            differences: [],
          },
        ],
        trees: { entries: 4, compared: 4, differences: [] },
      },
    });
    expect(await installation.json(['drill', '--snapshot', id])).toMatchObject({ snapshotId: id, outcome: 'succeeded' });
  });

  it('what a restore put where', async () => {
    const directory = join(installation.directory, 'restored');
    expect(await installation.json(['restore', id, '--to-directory', directory, '--yes'])).toMatchObject({
      ...anyReport,
      plan: 'home',
      snapshotId: id,
      details: { databases: [], files: { places: [{ path: directory, kept: null }] } },
    });
  });

  it('each decision of retention with its reason, and removes nothing in a dry run', async () => {
    const decisions = [
      { keep: true, reasons: expect.arrayContaining([expect.any(String)]) },
      { id, keep: true },
    ];
    expect(await installation.json(['expire', '--dry-run'])).toMatchObject({
      ...anyReport,
      stores: [{ dryRun: true, removed: [], freedBytes: 0, decisions }],
    });
    expect(await installation.json<Listed[]>(['list'])).toHaveLength(2);
  });

  it('what each source and store of a plan answers to a probe', async () => {
    const { results } = await installation.json<{ results: object[] }>(['probe']);
    expect(results).toMatchObject([{ error: null }, { error: null }, { error: null }]);
  });
});

describe('mistakes on the command line', () => {
  async function refused(...args: string[]): Promise<Ended> {
    const ended = await installation.run(args);
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(2);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    return ended;
  }

  it('are told with what is meant, and end with 2', async () => {
    expect((await refused('bakcup')).stderr).toContain('backup');
    expect((await refused('backup', '--dryrun')).stderr).toContain('--dryrun');
    expect((await refused('backup', 'no-such-plan')).stderr).toContain('home');
    expect((await refused('show')).stderr).toContain('id');
    expect((await refused('show', 'home-19990101-000000')).stderr).toContain('holdfast list');
    expect((await refused('verify', '--depth', 'deep')).stderr).toContain('readable');
    expect((await refused('restore', id, '--yes')).stderr).toContain('--to-directory');
    expect((await refused('restore', '--in-place', '--yes')).stderr).toContain('holdfast list');
    expect((await refused('restore', id, '--in-place', '--to-directory', '/x', '--yes')).stderr).toContain('one');
    expect((await refused('--config', '/no/such/file.yaml', 'list')).stderr).toContain('/no/such/file.yaml');
  });

  it('a restore without --yes says what it would change, and changes nothing', async () => {
    const ended = await refused('restore', id, '--in-place');
    expect(ended.stderr).toContain(notes.database);
    expect(ended.stderr).toContain(notes.tree);
    expect(ended.stderr).toContain('--yes');
    const asJson = await installation.run(['restore', id, '--in-place', '--json']);
    expect(asJson.json()).toMatchObject({ error: { code: 'CONFIRMATION_NEEDED', details: { changes: [{}, { where: notes.tree }] } } });
  });

  it('a directory that is not empty is not restored to', async () => {
    const directory = join(installation.directory, 'full');
    await mkdir(directory);
    await writeFile(join(directory, 'mine'), 'mine');
    const ended = await installation.run(['restore', id, '--to-directory', directory, '--yes', '--json']);
    expect([ended.exitCode, ended.json<Report>().error?.code]).toEqual([1, 'TARGET_EXISTS']);
    expect(await filesIn(directory)).toEqual(['mine']);
  });
});

describe('config check', () => {
  it('names every mistake with file, line and the nearest key', async () => {
    await using other = await install();
    await other.configure(`plans:
  home:
    sources:
      - { kind: postgrse, url: "\${env:DATABASE_URL}" }
    storse: [{ kind: local, path: ./backups }]
    compression: zip
    schedule: { cron: "0 2 31 2 *" }
`);
    const { exitCode, stderr } = await other.run(['config', 'check']);
    expect(exitCode).toBe(2);
    for (const told of ['holdfast.yaml:4', 'postgres', 'holdfast.yaml:5', 'stores', 'holdfast.yaml:6', 'zstd', 'holdfast.yaml:7'])
      expect(stderr).toContain(told);
  });

  it('names a secret that is missing, and the reference to it', async () => {
    await using other = await install();
    await other.configure(`plans:
  home:
    sources: [{ kind: postgres, url: "\${env:NO_SUCH_VARIABLE}" }]
    stores: [{ kind: local, path: ./backups }]
`);
    const { exitCode, stderr } = await other.run(['config', 'check']);
    expect([exitCode, stderr.includes('holdfast.yaml:3'), stderr.includes('NO_SUCH_VARIABLE')]).toEqual([2, true, true]);
  });

  it('finds nothing wrong with what is right, and says where a configuration is missing', async () => {
    expect(await installation.json(['config', 'check'])).toMatchObject({ plans: ['home'], warnings: [] });
    await using other = await install();
    const missing = await other.run(['backup']);
    expect([missing.exitCode, missing.stderr.includes('CONFIG_NOT_FOUND')]).toEqual([2, true]);
  });

  it('show tells where each value came from, and schema prints a JSON Schema', async () => {
    const shown = await installation.run(['config', 'show']);
    expect([shown.exitCode, shown.stdout.includes('env:DATABASE_URL'), shown.stdout.includes('holdfast.yaml')]).toEqual([0, true, true]);
    expect(await installation.json(['config', 'schema'])).toMatchObject({ $schema: expect.any(String), properties: { plans: {} } });
  });
});

describe('help', () => {
  it('lists every command, and the exit codes', async () => {
    const { exitCode, stdout } = await installation.run(['--help']);
    expect(exitCode).toBe(0);
    for (const command of [
      'backup',
      'list',
      'show',
      'browse',
      'status',
      'verify',
      'drill',
      'restore',
      'expire',
      'rescue',
      'probe',
      'config',
      'completion',
    ])
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(stdout).toContain('Exit status: 0 done');
    expect((await installation.run(['help', 'restore'])).stdout).toContain('--to-database');
  });

  it('--version prints the version and nothing else', async () => {
    const { exitCode, stdout, stderr } = await installation.run(['--version']);
    expect([exitCode, stdout, stderr]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/), '']);
  });
});

describe('a command line that means nothing', () => {
  it.each([
    { args: ['bakup'], message: /^Unknown command 'bakup' \(Did you mean backup\?\)$/ },
    { args: ['backup', '--bogus'], message: /^Unknown option '--bogus'$/ },
    { args: ['schedule'], message: /not complete/ },
    { args: [], message: /not complete/ },
  ])('$args is told to programs as every error is', async ({ args, message }) => {
    const { exitCode, stdout } = await installation.run([...args, '--json']);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([2, { error: { code: 'USAGE', message: expect.stringMatching(message) } }]);
  });

  it('is answered with help where a command is missing, and with the mistake elsewhere', async () => {
    const [bare, misspelt] = [await installation.run([]), await installation.run(['bakup'])];
    expect([bare.exitCode, bare.stdout, bare.stderr.slice(0, 16)]).toEqual([2, '', 'Usage: holdfast ']);
    expect(misspelt.stderr).toBe("error: Unknown command 'bakup' (Did you mean backup?) [USAGE]\n  → See holdfast --help\n");
  });
});

describe('completion', () => {
  it('loads in bash and completes commands', async () => {
    const { stdout } = await installation.run(['completion', 'bash']);
    const file = join(installation.directory, 'completion.bash');
    await writeFile(file, stdout);
    const script =
      'source "$1"; COMP_WORDS=(holdfast dr); COMP_CWORD=1; complete -p holdfast; $(complete -p holdfast | sed -n "s/.*-F \\([^ ]*\\).*/\\1/p") holdfast dr holdfast; echo "${COMPREPLY[@]}"';
    const completed = await run('bash', ['--norc', '-c', script, 'bash', file]);
    expect(completed.stdout.trim().split('\n').at(-1)?.split(' ')).toContain('drill');
  });

  it('is printed for zsh and fish, and refuses other shells', async () => {
    expect((await installation.run(['completion', 'zsh'])).stdout).toContain('#compdef holdfast');
    expect((await installation.run(['completion', 'fish'])).stdout).toContain('complete -c holdfast');
    expect((await installation.run(['completion', 'tcsh'])).exitCode).toBe(2);
  });
});
