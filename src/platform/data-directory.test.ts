import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectCode } from '../../test/contracts/object-store.ts';
import { dataDirectoryPath, openDataDirectory } from './data-directory.ts';

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-data-'));
  const path = join(directory, 'state', 'holdfast');
  return {
    directory,
    path,
    options: { environment: { HOLDFAST_DATA_DIR: path }, uid: 1000 },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

it.each([
  [{ HOLDFAST_DATA_DIR: '/srv/holdfast', HOME: '/home/me' }, 0, '/srv/holdfast'],
  [{ HOME: '/root' }, 0, '/var/lib/holdfast'],
  [{ XDG_STATE_HOME: '/home/me/state', HOME: '/home/me' }, 1000, '/home/me/state/holdfast'],
  [{ HOLDFAST_DATA_DIR: '', XDG_STATE_HOME: '', HOME: '/home/me' }, 1000, '/home/me/.local/state/holdfast'],
])('dataDirectoryPath(%j) of user %i is %s', (environment, uid, expected) => {
  expect(dataDirectoryPath({ environment, uid })).toBe(expected);
});

it('dataDirectoryPath() asks for a place when nothing tells one', () => {
  expect(() => dataDirectoryPath({ environment: {}, uid: 1000 })).toThrow(/HOME is not set/);
});

it('openDataDirectory() makes it for its owner alone, with an identity that stays', async () => {
  await using place = await scratch();
  const first = await openDataDirectory(place.options);
  expect(first).toEqual({
    path: place.path,
    historyFile: join(place.path, 'history.sqlite'),
    stateFile: join(place.path, 'service.sqlite'),
    locksDirectory: join(place.path, 'locks'),
    installation: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect((await stat(place.path)).mode & 0o777).toBe(0o700);
  expect(await openDataDirectory(place.options)).toEqual(first);
});

it('several that come first at the same moment get one identity', async () => {
  await using place = await scratch();
  const opened = await Promise.all(Array.from({ length: 10 }, () => openDataDirectory(place.options)));
  expect(new Set(opened.map(({ installation }) => installation)).size).toBe(1);
  expect(await readdir(place.path)).toEqual(['installation']);
});

it('an identity that is none is told, not replaced', async () => {
  await using place = await scratch();
  await openDataDirectory(place.options);
  await writeFile(join(place.path, 'installation'), 'nonsense');
  await expectCode('HISTORY_UNREADABLE', openDataDirectory(place.options));
  expect(await readFile(join(place.path, 'installation'), 'utf8')).toBe('nonsense');
});

it.runIf(process.getuid?.() === 0)('a place that may not be written is told as such', async () => {
  await using place = await scratch();
  await chmod(place.directory, 0o755);
  process.seteuid?.(65_534);
  try {
    await expectCode('PERMISSION_DENIED', openDataDirectory(place.options));
  } finally {
    process.seteuid?.(0);
  }
});
