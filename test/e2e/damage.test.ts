import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import { filesIn, install, readJson, type Report } from './holdfast.ts';
import { databasesOf, protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { sha256 } from './store-state.ts';

let notes: ProtectedNotes;
let older: string;
let id: string;

beforeAll(async () => {
  notes = await protectNotes({ plan: 'compression: gzip' });
  ({ snapshotId: older } = await notes.installation.json<Report>(['backup']));
  ({ snapshotId: id } = await notes.installation.json<Report>(['backup']));
});

afterAll(async () => notes[Symbol.asyncDispose]());

function inStore(name: string): string {
  return join(notes.installation.store, name);
}

async function manifestOf(snapshotId: string): Promise<Manifest> {
  return readJson<Manifest>(inStore(`${snapshotId}.manifest.json`));
}

/** The part must be named, the exit code must be 4, and no restore may begin. */
async function expectRefused(subject: string): Promise<void> {
  const { installation } = notes;
  for (const depth of ['present', 'readable']) {
    const verified = await installation.run(['verify', id, '--depth', depth, '--json']);
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(4);
    const { outcome, findings } = verified.json<{ outcome: string; findings: string[] }>();
    expect([outcome, findings.some((finding) => finding.includes(subject))], findings.join('; ')).toEqual(['failed', true]);
  }
  const directory = join(installation.directory, 'restored');
  await expectNotRestored(['--to-directory', directory]);
  expect(await filesIn(directory)).toEqual([]);
}

async function expectNotRestored(place: readonly string[]): Promise<void> {
  const restored = await notes.installation.run(['restore', id, ...place, '--yes', '--json']);
  expect([restored.exitCode, restored.json<Report>().error?.code], restored.stdout).toEqual([4, 'NOT_VERIFIED']);
}

/** Damages one file of the newest snapshot for as long as the check takes. */
async function whileDamaged(
  name: string,
  damage: (path: string, bytes: Buffer) => Promise<void>,
  check: () => Promise<void>,
): Promise<void> {
  const path = inStore(name);
  const bytes = await readFile(path);
  try {
    await damage(path, bytes);
    await check();
  } finally {
    await writeFile(path, bytes, { mode: 0o600 });
  }
}

async function partOf(kind: 'dump' | 'tree' | 'contents'): Promise<string> {
  const { parts } = await manifestOf(id);
  const extension = { dump: '.sql.gz', tree: '.tar.gz', contents: '.contents.jsonl.gz' }[kind];
  return parts.find(({ name }) => name.endsWith(extension))?.name ?? '';
}

function flip(at: number) {
  return async (path: string, bytes: Buffer): Promise<void> => {
    const flipped = Buffer.from(bytes);
    const offset = at < 0 ? bytes.length + at : Math.floor(bytes.length * at);
    flipped[offset]! ^= 1;
    await writeFile(path, flipped);
  };
}

const damages = {
  'its first byte flipped': flip(0),
  'a byte in the middle flipped': flip(0.5),
  'its last byte flipped': flip(-1),
  'one byte cut off': async (path: string, bytes: Buffer) => truncate(path, bytes.length - 1),
  'one byte added': async (path: string, bytes: Buffer) => writeFile(path, Buffer.concat([bytes, Buffer.from([0])])),
  'all its bytes gone': async (path: string) => truncate(path, 0),
  'the file gone': async (path: string) => rm(path),
} as const;

describe.each(['dump', 'tree', 'contents'] as const)('a %s with', (kind) => {
  it.each(Object.keys(damages) as (keyof typeof damages)[])('%s is named by verify, and never restored', async (how) => {
    const name = await partOf(kind);
    await whileDamaged(name, damages[how], () => expectRefused(name));
  });
});

describe('a manifest that', () => {
  it('was swapped with that of another snapshot is named by verify, and not trusted', async () => {
    const names = [older, id].map((each) => `${each}.manifest.json`) as [string, string];
    await whileDamaged(
      names[1],
      (path) => copyFile(inStore(names[0]), path),
      () => expectRefused(id),
    );
  });

  it('was edited is named by verify, and not trusted', async () => {
    const name = `${id}.manifest.json`;
    await whileDamaged(
      name,
      (path, bytes) => writeFile(path, bytes.toString().replace('"rows": 1000', '"rows": 999')),
      () => expectRefused(id),
    );
  });

  it('is cut short is named by verify, and keeps nobody from the others', async () => {
    const name = `${id}.manifest.json`;
    await whileDamaged(
      name,
      (path, bytes) => truncate(path, bytes.length >> 1),
      () => expectRefused(id),
    );
    const { installation } = notes;
    const fresh = { HOLDFAST_DATA_DIR: join(installation.directory, 'fresh') };
    await whileDamaged(
      name,
      (path, bytes) => truncate(path, bytes.length >> 1),
      async () => {
        const listed = await installation.run(['list', '--json'], { env: fresh });
        expect(listed.json<{ id: string }[]>().map((each) => each.id)).toEqual([older]);
        expect([listed.exitCode, listed.stderr.includes(id)]).toEqual([1, true]);
      },
    );
  });

  it('is gone takes its snapshot with it', async () => {
    const { installation } = notes;
    await whileDamaged(
      `${id}.manifest.json`,
      (path) => rename(path, `${path}.away`),
      async () => {
        const shown = await installation.run(['show', id, '--json']);
        expect([shown.exitCode, shown.json<{ error: { code: string } }>().error.code]).toEqual([2, 'SNAPSHOT_UNKNOWN']);
      },
    );
    await rm(inStore(`${id}.manifest.json.away`));
  });
});

describe('a snapshot that is damaged anywhere', () => {
  it('is restored to no place at all, not even in part', async () => {
    const { cluster, database, tree } = notes;
    const before = [await databasesOf(cluster, database), await filesIn(tree)];
    await whileDamaged(await partOf('tree'), flip(0.5), async () => {
      for (const place of [['--in-place'], ['--in-place', '--only', database], ['--to-database', cluster.url(`${database}_other`)]])
        await expectNotRestored(place);
    });
    expect([await databasesOf(cluster, database), await filesIn(tree)]).toEqual(before);
  });
});

describe('a dump that was cut short', () => {
  it('is never loaded, even when size and digest in the manifest were made to fit', async () => {
    const { installation, cluster, database } = notes;
    const name = await partOf('dump');
    const manifest = await manifestOf(id);
    const store = join(installation.directory, 'forged');
    await mkdir(store);
    for (const file of await filesIn(installation.store)) if (!file.startsWith(older)) await copyFile(inStore(file), join(store, file));
    const dump = gunzipSync(await readFile(inStore(name)));
    // In the middle of the rows: psql would load it, commit half of the table and exit with 0.
    const cut = gzipSync(dump.subarray(0, dump.indexOf('\n700\t')));
    await writeFile(join(store, name), cut);
    const forged = {
      ...manifest,
      parts: manifest.parts.map((part) => (part.name === name ? { ...part, sizeBytes: cut.length, sha256: sha256(cut) } : part)),
    };
    await writeFile(join(store, `${id}.manifest.json`), JSON.stringify(forged));

    await using machine = await install();
    const restored = await machine.run([
      'restore',
      id,
      '--store',
      store,
      '--to-database',
      cluster.url(`${database}_forged`),
      '--yes',
      '--json',
    ]);
    expect([restored.exitCode, restored.json<Report>().error?.code]).toEqual([4, 'NOT_VERIFIED']);
    expect(await databasesOf(cluster, `${database}_forged`)).toEqual([]);
  });
});

describe('after the damage is undone', () => {
  it('the snapshot verifies again', async () => {
    expect(await notes.installation.json(['verify', id])).toMatchObject({ outcome: 'passed', findings: [] });
  });
});
