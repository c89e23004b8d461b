import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ApiRun } from '../../src/api/contract.ts';
import { filesIn, type Installation, install } from './holdfast.ts';
import { protectNotes } from './protected-notes.ts';
import { serve, type Service } from './service.ts';

/** Variables that put a service on a clock of its own: the program `faketime` would stand between us and it, and passes no signal on. */
function onClock(offset: string): Readonly<Record<string, string>> {
  return { LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1', FAKETIME: offset };
}

/** A machine on which a service runs now and then, on the clock of then. */
class Machine implements AsyncDisposable {
  readonly #installation: Installation;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(installation: Installation, environment: Readonly<Record<string, string>>) {
    this.#installation = installation;
    this.#environment = environment;
  }

  static async withSchedule(schedule: Readonly<Record<string, string>>): Promise<Machine> {
    const installation = await install();
    const tree = join(installation.directory, 'tree');
    await mkdir(tree);
    await writeFile(join(tree, 'letter'), 'Dear all,\n');
    return new Machine(installation, { BACKUP_FILES: tree, BACKUP_DIR: installation.store, TZ: 'UTC', ...schedule });
  }

  /** Runs the service until it has said something, and ends it. Answers with all that it said. */
  async serveUntil(said: RegExp, offset?: string): Promise<string> {
    await using service = await serve(this.#installation, {
      env: { ...this.#environment, ...(offset === undefined ? {} : onClock(offset)) },
    });
    await service.process.untilSaid(said);
    service.process.kill('SIGTERM');
    return (await service.process.ended).stderr;
  }

  async snapshots(): Promise<number> {
    return (await filesIn(this.#installation.store)).filter((name) => name.endsWith('.manifest.json')).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#installation[Symbol.asyncDispose]();
  }
}

const started = /Backup scheduler started/;

it('a time that was missed while the service was away is made up for once, and never twice', async () => {
  await using machine = await Machine.withSchedule({ BACKUP_SCHEDULE: '30 2 * * *', BACKUP_SCHEDULE_MISSED: 'run-once' });
  expect(await machine.serveUntil(started, '-3d')).not.toContain('Running scheduled backup');
  const said = await machine.serveUntil(/Scheduled backup completed/);
  expect(said).toContain('Scheduled times passed while nobody could run them');
  expect(await machine.snapshots()).toBe(1);
  expect(await machine.serveUntil(started)).not.toContain('Running scheduled backup');
  expect(await machine.snapshots()).toBe(1);
});

it('a scheduled backup that the stop of the service cut short is made after the next start', async () => {
  await using notes = await protectNotes({ plan: 'schedule: { cron: "30 2 * * *", timeZone: UTC, missed: run-once }' });
  const { installation, cluster, database } = notes;
  const stop = async (service: Service): Promise<void> => {
    service.process.kill('SIGTERM');
    await service.process.ended;
  };
  const first = await serve(installation, { env: onClock('-3d') });
  await first.process.untilSaid(started);
  await stop(first);

  // The dump waits for this lock.
  const holder = await cluster.connect(database);
  await holder.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
  const second = await serve(installation);
  await second.process.untilSaid(/Running scheduled backup/);
  await stop(second);
  await holder.end();

  const third = await serve(installation);
  await third.process.untilSaid(/Scheduled backup completed/);
  const reply = await fetch(`${third.url}/api/v1/runs?verb=backup`, { headers: await third.as('viewer') });
  await stop(third);
  const { items } = (await reply.json()) as { readonly items: readonly ApiRun[] };
  const dueAt = items[0]?.trigger?.dueAt;
  expect(dueAt).toMatch(/T02:30:00/u);
  expect(items).toMatchObject([
    { outcome: 'succeeded', trigger: { dueAt } },
    { outcome: 'cancelled', trigger: { dueAt } },
  ]);
});

it('a missed time is left alone when the plan says so, and told', async () => {
  await using machine = await Machine.withSchedule({ BACKUP_SCHEDULE: '30 2 * * *' });
  await machine.serveUntil(started, '-3d');
  const said = await machine.serveUntil(started);
  expect(said).toContain('missed, and the plan says to wait for the next time');
  expect(said).not.toContain('Running scheduled backup');
  expect(await machine.snapshots()).toBe(0);
});

it('a service whose backups are turned off says so, and runs none', async () => {
  await using machine = await Machine.withSchedule({ BACKUP_SCHEDULE: '* * * * *', BACKUP_ENABLED: 'false' });
  const said = await machine.serveUntil(/Automated backups are disabled \(BACKUP_ENABLED=false\)/);
  expect(said).not.toContain('Backup scheduler started');
  expect(await machine.snapshots()).toBe(0);
});
