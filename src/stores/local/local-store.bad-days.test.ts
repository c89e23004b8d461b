import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { chunked, collect, collectItems, noise, sha256 } from '../../../test/contracts/bytes.ts';
import { describeContract } from '../../../test/contracts/contract.ts';
import { expectCode, objectStoreClauses } from '../../../test/contracts/object-store.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { canMount, loopFileSystem } from '../../../test/fixtures/loop-file-system.ts';
import { LocalObjects } from './local-objects.ts';

const never = new AbortController().signal;
const megabyte = 1_000_000;

function storeIn(path: string): LocalObjects {
  return new LocalObjects(join(path, 'store'), keptLog());
}

function put(objects: LocalObjects, name: string, bytes: Uint8Array = noise(10)) {
  return objects.put(name, chunked(bytes, 1_048_576), never);
}

/** Something happens to the file system while the object is being written. */
async function* meanwhile(event: () => Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  yield noise(3 * megabyte);
  await event();
  yield noise(3 * megabyte);
}

describe.runIf(canMount('ext4'))('on a small disk of its own', () => {
  it('a full disk refuses the object with the figures, and has its space back at once', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 24 });
    const objects = storeIn(disk.path);
    await put(objects, 'kept', noise(2 * megabyte));
    const { freeBytes } = await objects.space(never);
    const storing = put(objects, 'too-large', noise(40 * megabyte));
    await expectCode('STORE_FULL', storing);
    await expect(storing).rejects.toThrow(
      /^Cannot store "too-large" in ".*": no space is left, \d+(\.\d)? MB free, more than \d+(\.\d)? MB needed$/,
    );
    expect(await readdir(join(disk.path, 'store'))).toEqual(['kept']);
    expect((await objects.space(never)).freeBytes).toBeGreaterThan(freeBytes - megabyte);
    expect(sha256(await collect(objects.get('kept', { signal: never })))).toBe(sha256(noise(2 * megabyte)));
    await put(objects, 'small', noise(megabyte));
  });

  it('a full disk closes the body, so that what produces it ends', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield noise(megabyte);
      } finally {
        closed = true;
      }
    }
    await expectCode('STORE_FULL', storeIn(disk.path).put('endless', endless(), never));
    expect(closed).toBe(true);
  });

  it('a disk without a free inode is full', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16, inodes: 32 });
    const objects = storeIn(disk.path);
    const storing = (async () => {
      for (let index = 0; index < 40; index++) await put(objects, `object-${index}`);
    })();
    await expectCode('STORE_FULL', storing);
    expect(await collectItems(objects.unfinished(never))).toEqual([]);
  });

  it('a disk that is mounted read-only can be read, and says so when written', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    const objects = storeIn(disk.path);
    await put(objects, 'object');
    await disk.remount('remount,ro');
    expect(await collect(objects.get('object', { signal: never }))).toEqual(noise(10));
    await expect(put(objects, 'other')).rejects.toMatchObject({ code: 'STORE_FAILED', hint: expect.stringContaining('dmesg') });
    await expectCode('STORE_FAILED', objects.remove('object', never));
    expect(await collectItems(objects.list(never))).toEqual([{ name: 'object', sizeBytes: 10 }]);
  });

  it('a drive that fails in the middle of a put leaves no object', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 32 });
    const objects = storeIn(disk.path);
    await put(objects, 'kept');
    await expectCode(
      'STORE_FAILED',
      objects.put(
        'object',
        meanwhile(() => disk.fail()),
        never,
      ),
    );
    expect(await collectItems(objects.list(never))).toEqual([{ name: 'kept', sizeBytes: 10 }]);
  });

  it('a drive that is pulled in the middle of a put gets nothing written in its place', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 32 });
    const objects = new LocalObjects(disk.path, keptLog());
    await put(objects, 'kept');
    await expectCode(
      'STORE_ABSENT',
      objects.put(
        'object',
        meanwhile(() => disk.unmount('lazy')),
        never,
      ),
    );
    await expectCode('STORE_ABSENT', put(objects, 'after'));
    await expectCode('STORE_ABSENT', collectItems(objects.list(never)));
    expect(await readdir(disk.path)).toEqual([]);
    await disk.mountAgain();
    expect((await collectItems(new LocalObjects(disk.path, keptLog()).list(never))).map(({ name }) => name)).toEqual(['kept']);
  });

  it('another drive mounted in the place of the first is not taken for it', async () => {
    await using first = await loopFileSystem('ext4', { sizeMiB: 16 });
    const objects = storeIn(first.path);
    await put(objects, 'object');
    await first.unmount('clean');
    await mkdir(join(first.path, 'store'));
    await expectCode('STORE_ABSENT', put(objects, 'other'));
    expect(await readdir(join(first.path, 'store'))).toEqual([]);
    await rm(join(first.path, 'store'), { recursive: true });
  });
});

describe.runIf(canMount('exfat'))('on exFAT, which has neither hard links nor modes', () => {
  describeContract('the local store keeps the object store contract', {
    clauses: objectStoreClauses,
    async make() {
      const disk = await loopFileSystem('exfat', { sizeMiB: 64 });
      return {
        open: async () => storeIn(disk.path),
        manyObjects: 40,
        manyBytes: 3_000_001,
        [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
      };
    },
    skips: {
      'odd names are kept as they are': 'exFAT takes a.A and A.a for one name, and drops a dot at the end',
      'of several puts of one name one wins, whole': 'without hard links the check for the name and the rename are two steps',
    },
  });
});

/** Puts objects as fast as it can until it is killed; tells the name of each that was stored. */
const writerProgram = `
  const { LocalObjects } = await import(${JSON.stringify(new URL('./local-objects.ts', import.meta.url).href)});
  const { chunked, noise } = await import(${JSON.stringify(new URL('../../../test/contracts/bytes.ts', import.meta.url).href)});
  const silent = () => {};
  const objects = new LocalObjects(process.argv[1], { debug: silent, info: silent, warn: silent, error: silent });
  console.log('ready');
  for (let index = 0; ; index++) {
    const name = process.argv[2] + '-' + index;
    await objects.put(name, chunked(noise(1_500_000, index), 200_000), new AbortController().signal);
    console.log(name);
  }`;

it('kill -9 at any moment leaves whole objects and what can be told as unfinished, 25 times', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-kill-'));
  const objects = new LocalObjects(directory, keptLog());
  const acknowledged = new Set<string>();
  for (let round = 0; round < 25; round++) {
    for (const name of await killedWriter(directory, { prefix: `round${round}`, afterMs: (round * 37) % 150 })) acknowledged.add(name);
    const names = new Set((await collectItems(objects.list(never))).map(({ name }) => name));
    for (const name of [...names].filter((stored) => stored.startsWith(`round${round}-`)))
      expect(sha256(await collect(objects.get(name, { signal: never })))).toBe(sha256(noise(1_500_000, Number(name.split('-')[1]))));
    expect([...acknowledged].filter((name) => !names.has(name))).toEqual([]);
    for (const name of await collectItems(objects.unfinished(never))) await objects.discardUnfinished(name, never);
    expect((await readdir(directory)).toSorted()).toEqual([...names].toSorted());
  }
  await rm(directory, { recursive: true });
});

async function killedWriter(directory: string, options: { readonly prefix: string; readonly afterMs: number }): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', writerProgram, directory, options.prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    ready.resolve();
  });
  await Promise.race([ready.promise, once(child, 'exit').then(() => Promise.reject(new Error('the writer ended')))]);
  await wait(options.afterMs);
  child.kill('SIGKILL');
  await once(child, 'close');
  return lines.filter((line) => line !== 'ready');
}

it('a limit on file sizes is a full store, and leaves nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-limit-'));
  const program = `
    const { LocalObjects } = await import(${JSON.stringify(new URL('./local-objects.ts', import.meta.url).href)});
    const silent = () => {};
    const objects = new LocalObjects(process.argv[1], { debug: silent, info: silent, warn: silent, error: silent });
    async function* body() { for (let index = 0; index < 20; index++) yield new Uint8Array(1_000_000); }
    await objects.put('object', body(), new AbortController().signal).catch((error) => console.log(error.code, error.details.errno));`;
  const child = spawn('sh', ['-c', 'ulimit -f 8192; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  await once(child, 'close');
  expect(lines).toEqual(['STORE_FULL EFBIG']);
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});
