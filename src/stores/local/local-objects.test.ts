import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chunked, collect, collectItems, noise } from '../../../test/contracts/bytes.ts';
import { expectCode } from '../../../test/contracts/object-store.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { objectNamePattern } from '../../ports/object-store.ts';
import { LocalObjects } from './local-objects.ts';

const never = new AbortController().signal;
const isRoot = process.getuid?.() === 0;

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
  const path = join(directory, 'store');
  return { directory, path, objects: new LocalObjects(path, keptLog()), [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

function put(objects: LocalObjects, name: string, bytes: Uint8Array = noise(10)) {
  return objects.put(name, chunked(bytes, 65_536), never);
}

it('put() makes the directory and its parents, and the files, for their owner alone', async () => {
  await using place = await scratch();
  const path = join(place.directory, 'a', 'b', 'store');
  await put(new LocalObjects(path, keptLog()), 'object');
  for (const made of ['a', 'a/b', 'a/b/store']) expect((await stat(join(place.directory, made))).mode & 0o777).toBe(0o700);
  expect((await stat(join(path, 'object'))).mode & 0o777).toBe(0o600);
});

it('put() leaves the mode of a directory that exists as it is', async () => {
  await using place = await scratch();
  await mkdir(place.path);
  await chmod(place.path, 0o755);
  await put(place.objects, 'object');
  expect((await stat(place.path)).mode & 0o777).toBe(0o755);
});

it('a directory that does not exist is absent for everything but put(), and is not made', async () => {
  await using place = await scratch();
  await expectCode('STORE_ABSENT', collectItems(place.objects.list(never)));
  await expectCode('STORE_ABSENT', collectItems(place.objects.unfinished(never)));
  await expectCode('STORE_ABSENT', place.objects.stat('x', never));
  await expectCode('STORE_ABSENT', collect(place.objects.get('x', { signal: never })));
  await expectCode('STORE_ABSENT', place.objects.remove('x', never));
  await expectCode('STORE_ABSENT', place.objects.space(never));
  await expect(stat(place.path)).rejects.toThrow('ENOENT');
});

it('a file in the place of the directory is told as such', async () => {
  await using place = await scratch();
  await writeFile(place.path, '');
  await expectCode('STORE_ABSENT', collectItems(place.objects.list(never)));
  await expect(put(place.objects, 'x')).rejects.toMatchObject({
    code: 'STORE_ABSENT',
    message: expect.stringContaining('it is not a directory'),
  });
});

it('a symbolic link is no object: it is not followed, listed or written through', async () => {
  await using place = await scratch();
  await mkdir(place.path);
  const outside = join(place.directory, 'outside');
  await writeFile(outside, 'secret');
  await symlink(outside, join(place.path, 'link'));
  await symlink(join(place.directory, 'nowhere'), join(place.path, 'dangling'));
  await expectCode('STORE_UNREADABLE', collect(place.objects.get('link', { signal: never })));
  await expectCode('STORE_UNREADABLE', place.objects.stat('link', never));
  await expectCode('NAME_TAKEN', put(place.objects, 'link'));
  await expectCode('NAME_TAKEN', put(place.objects, 'dangling'));
  expect(await collectItems(place.objects.list(never))).toEqual([]);
  await place.objects.remove('link', never);
  expect(await readFile(outside, 'utf8')).toBe('secret');
  expect(await readdir(place.path)).toEqual(['dangling']);
});

it('a pipe or a directory is no object, and nobody waits for it', async () => {
  await using place = await scratch();
  await mkdir(join(place.path, 'folder'), { recursive: true });
  execFileSync('mkfifo', [join(place.path, 'pipe')]);
  for (const name of ['pipe', 'folder']) {
    await expectCode('STORE_UNREADABLE', collect(place.objects.get(name, { signal: never })));
    await expectCode('NAME_TAKEN', put(place.objects, name));
  }
  expect(await collectItems(place.objects.list(never))).toEqual([]);
});

it('list() passes over files whose names no object can have', async () => {
  await using place = await scratch();
  await put(place.objects, 'object');
  for (const name of ['.hidden', 'with space', 'ü', '.object.0123456789abcdef.partial']) await writeFile(join(place.path, name), 'x');
  expect(await collectItems(place.objects.list(never))).toEqual([{ name: 'object', sizeBytes: 10 }]);
});

it("what an interrupted put left is found, in nobody's way, and removed with its object or alone", async () => {
  await using place = await scratch();
  await put(place.objects, 'other');
  const remains = ['.a.0123456789abcdef.partial', '.a.fedcba9876543210.partial', '.a.b.0123456789abcdef.partial'];
  for (const name of remains) await writeFile(join(place.path, name), 'half');
  expect((await collectItems(place.objects.unfinished(never))).toSorted()).toEqual(['a', 'a.b']);
  await put(place.objects, 'a');
  await place.objects.discardUnfinished('a', never);
  expect((await readdir(place.path)).toSorted()).toEqual(['.a.b.0123456789abcdef.partial', 'a', 'other']);
  await place.objects.remove('a.b', never);
  expect((await readdir(place.path)).toSorted()).toEqual(['a', 'other']);
});

it("a body's own system error is not taken for the store's", async () => {
  await using place = await scratch();
  const failure = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  async function* body() {
    yield noise(10);
    throw failure;
  }
  await expect(place.objects.put('object', body(), never)).rejects.toBe(failure);
});

it('put() refuses to go on when the directory was replaced in the middle', async () => {
  await using place = await scratch();
  await put(place.objects, 'before');
  async function* body() {
    yield noise(3_000_000);
    await rename(place.path, join(place.directory, 'moved'));
    await mkdir(place.path);
    yield noise(10);
  }
  await expectCode('STORE_ABSENT', place.objects.put('object', body(), never));
  expect(await readdir(place.path)).toEqual([]);
  await expectCode('STORE_ABSENT', put(place.objects, 'after'));
  await expectCode('STORE_ABSENT', collectItems(place.objects.list(never)));
  expect(await readdir(place.path)).toEqual([]);
});

it('put() refuses to make the directory again once it was there', async () => {
  await using place = await scratch();
  await put(place.objects, 'before');
  await rename(place.path, join(place.directory, 'moved'));
  await expectCode('STORE_ABSENT', put(place.objects, 'after'));
  await expect(stat(place.path)).rejects.toThrow('ENOENT');
});

it('put() fails when somebody removes the file while it is written', async () => {
  await using place = await scratch();
  async function* body() {
    yield noise(3_000_000);
    for (const name of await readdir(place.path)) await rm(join(place.path, name));
  }
  await expectCode('STORE_FAILED', place.objects.put('object', body(), never));
  expect(await readdir(place.path)).toEqual([]);
});

it.runIf(isRoot)('a directory that may not be read or written says so, and what to do', async () => {
  await using place = await scratch();
  await put(place.objects, 'object');
  await chmod(place.directory, 0o755);
  process.seteuid?.(65_534);
  try {
    await expectCode('STORE_UNREADABLE', collectItems(place.objects.list(never)));
    await expectCode('STORE_UNREADABLE', collect(place.objects.get('object', { signal: never })));
    await expectCode('STORE_UNREADABLE', place.objects.stat('object', never));
    await expectCode('STORE_FAILED', put(place.objects, 'other'));
    await expectCode('STORE_UNREADABLE', place.objects.remove('object', never));
  } finally {
    process.seteuid?.(0);
  }
  expect(await collect(place.objects.get('object', { signal: never }))).toEqual(noise(10));
});

it.runIf(isRoot)('one object that may not be read does not hide the others', async () => {
  await using place = await scratch();
  await put(place.objects, 'closed');
  await chmod(place.directory, 0o755);
  await chmod(place.path, 0o755);
  process.seteuid?.(65_534);
  try {
    expect(await collectItems(place.objects.list(never))).toEqual([{ name: 'closed', sizeBytes: 10 }]);
    await expectCode('STORE_UNREADABLE', collect(place.objects.get('closed', { signal: never })));
    await expectCode('STORE_FAILED', place.objects.remove('closed', never));
  } finally {
    process.seteuid?.(0);
  }
});

it('any name is stored as exactly one file of the directory, or refused before anything is touched', async () => {
  await using place = await scratch();
  await put(place.objects, 'witness');
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 250 }),
        fc.stringMatching(objectNamePattern),
        fc.constantFrom('..', 'a/../b', '/x', 'x\0'),
      ),
      async (name) => {
        if (name === 'witness') return;
        const stored = await put(place.objects, name).then(
          () => true,
          () => false,
        );
        expect(stored).toBe(objectNamePattern.test(name));
        expect((await readdir(place.path)).toSorted()).toEqual((stored ? [name, 'witness'] : ['witness']).toSorted());
        if (stored) await place.objects.remove(name, never);
        expect(await readdir(place.directory)).toEqual(['store']);
      },
    ),
    { numRuns: 150 },
  );
});
