import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeContract } from '../../test/contracts/contract.ts';
import { expectCode } from '../../test/contracts/object-store.ts';
import { planLockClauses } from '../../test/contracts/plan-lock.ts';
import { canMount, loopFileSystem } from '../../test/fixtures/loop-file-system.ts';
import { openPlanLock } from './plan-lock.ts';
import { systemClock } from './system-clock.ts';

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-lock-'));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describeContract('the plan lock on SQLite keeps the plan lock contract', {
  clauses: planLockClauses,
  async make() {
    const { directory, ...rest } = await scratch();
    return { open: () => openPlanLock(join(directory, 'data', 'locks'), systemClock), ...rest };
  },
});

/** A process that holds the lock until it is ended. */
async function holdElsewhere(directory: string, complaints: 'inherit' | 'ignore' = 'inherit'): Promise<ChildProcess> {
  const program = `
    const { openPlanLock } = await import(${JSON.stringify(new URL('./plan-lock.ts', import.meta.url).href)});
    const { systemClock } = await import(${JSON.stringify(new URL('./system-clock.ts', import.meta.url).href)});
    await openPlanLock(${JSON.stringify(directory)}, systemClock).acquire('home');
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], {
    stdio: ['ignore', 'pipe', complaints],
  });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => Promise.reject(new Error('the holder ended')))]);
  return child;
}

it('acquire() names the process that holds the lock, and gets it the moment that one is killed', async () => {
  await using place = await scratch();
  const lock = openPlanLock(place.directory, systemClock);
  const holder = await holdElsewhere(place.directory);
  await expect(lock.acquire('home')).rejects.toThrow(`process ${holder.pid} on `);
  expect(await lock.isHeld('home')).toBe(true);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(await lock.isHeld('home')).toBe(false);
  await using _held = await lock.acquire('home');
});

it('a holder that is stopped (SIGSTOP) holds the lock still', async () => {
  await using place = await scratch();
  const lock = openPlanLock(place.directory, systemClock);
  const holder = await holdElsewhere(place.directory);
  holder.kill('SIGSTOP');
  await expectCode('LOCK_HELD', lock.acquire('home'));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
});

it('a lock held here is refused to another process', async () => {
  await using place = await scratch();
  await using _held = await openPlanLock(place.directory, systemClock).acquire('home');
  await expect(holdElsewhere(place.directory, 'ignore')).rejects.toThrow('the holder ended');
});

it('lets go of a killed holder again and again, and leaves nothing to clear by hand', async () => {
  await using place = await scratch();
  for (let round = 0; round < 5; round++) {
    const holder = await holdElsewhere(place.directory);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  }
  await using _held = await openPlanLock(place.directory, systemClock).acquire('home');
});

it('isHeld() of a plan that never ran makes no files', async () => {
  await using place = await scratch();
  expect(await openPlanLock(join(place.directory, 'locks'), systemClock).isHeld('home')).toBe(false);
  await expect(stat(join(place.directory, 'locks'))).rejects.toThrow('ENOENT');
});

it('a holder file that says nothing sensible does not hide that the lock is held', async () => {
  await using place = await scratch();
  const lock = openPlanLock(place.directory, systemClock);
  await using _held = await lock.acquire('home');
  for (const text of ['', 'null', '{"pid":"x"}', '{']) {
    await writeFile(join(place.directory, 'home.holder.json'), text);
    await expect(lock.acquire('home')).rejects.toThrow('another process is at work on it');
  }
});

it('the files are for their owner alone', async () => {
  await using place = await scratch();
  await using _held = await openPlanLock(join(place.directory, 'locks'), systemClock).acquire('home');
  expect((await stat(join(place.directory, 'locks'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(place.directory, 'locks', 'home.holder.json'))).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(join(place.directory, 'locks', 'home.holder.json'), 'utf8'))).toMatchObject({ pid: process.pid });
});

it('a directory that cannot be used is told as such', async () => {
  await using place = await scratch();
  await writeFile(join(place.directory, 'file'), '');
  await expectCode('HISTORY_UNREADABLE', openPlanLock(join(place.directory, 'file', 'locks'), systemClock).acquire('home'));
});

it.runIf(canMount('ext4'))('a full disk keeps nobody from the lock, and lets nobody have it twice', async () => {
  await using drive = await loopFileSystem('ext4', { sizeMiB: 8 });
  const lock = openPlanLock(join(drive.path, 'locks'), systemClock);
  await (await lock.acquire('home'))[Symbol.asyncDispose]();
  await writeFile(join(drive.path, 'locks', 'home.holder.json'), JSON.stringify({ pid: 1, host: 'dead', since: '2026-01-01T00:00:00Z' }));
  await drive.fill();
  const held = await lock.acquire('home');
  await expect(lock.acquire('home')).rejects.toThrow('another process is at work on it');
  await held[Symbol.asyncDispose]();
  expect(await lock.isHeld('home')).toBe(false);
});
