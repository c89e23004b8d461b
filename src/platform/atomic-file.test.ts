import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { canMount, loopFileSystem } from '../../test/fixtures/loop-file-system.ts';
import { publishNew, replaceFile, writeNewFile } from './atomic-file.ts';

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-atomic-'));
  return { directory, file: join(directory, 'file'), [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

it('writeNewFile() writes for the owner alone and leaves nothing beside it', async () => {
  await using place = await scratch();
  await writeNewFile(place.file, 'content');
  expect(await readFile(place.file, 'utf8')).toBe('content');
  expect((await stat(place.file)).mode & 0o777).toBe(0o600);
  expect(await readdir(place.directory)).toEqual(['file']);
});

it('writeNewFile() never replaces a file', async () => {
  await using place = await scratch();
  await writeFile(place.file, 'first');
  await expect(writeNewFile(place.file, 'second')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(place.file, 'utf8')).toBe('first');
  expect(await readdir(place.directory)).toEqual(['file']);
});

it('replaceFile() replaces a file as a whole', async () => {
  await using place = await scratch();
  await replaceFile(place.file, 'first');
  await replaceFile(place.file, 'second');
  expect(await readFile(place.file, 'utf8')).toBe('second');
  expect(await readdir(place.directory)).toEqual(['file']);
});

it.runIf(canMount('exfat'))('publishNew() never replaces a file where there are no hard links', async () => {
  await using disk = await loopFileSystem('exfat', { sizeMiB: 16 });
  const [temporary, final] = [join(disk.path, 'temporary'), join(disk.path, 'final')];
  await writeFile(temporary, 'first');
  await publishNew(temporary, final);
  await writeFile(temporary, 'second');
  await expect(publishNew(temporary, final)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(final, 'utf8')).toBe('first');
});
