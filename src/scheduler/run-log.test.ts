import { expect, test, vi } from 'vitest';
import { HandHeldLauncher } from '../../test/fakes/hand-held-launcher.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import type { RunRequest, RunTrigger } from '../domain/run-request.ts';
import { logRuns } from './run-log.ts';
import { Runs } from './run-queue.ts';

const due: RunTrigger = { kind: 'schedule', user: '*system', dueAt: '2026-11-21T02:00:00.000Z' };

function logged(request: RunRequest) {
  const [launcher, log] = [new HandHeldLauncher(), keptLog()];
  const runs = new Runs({
    launcher,
    records: { add: () => Promise.resolve(), remove: () => Promise.resolve(), all: () => Promise.resolve([]) },
    clock: { now: () => new Date('2026-11-21T02:00:00Z'), monotonicMs: () => 0 },
    log: keptLog(),
    maxScheduled: 2,
    isHeld: () => Promise.resolve(false),
    processStart: () => null,
    onEvent: () => Promise.resolve(),
    onNotStarted: () => Promise.resolve(),
    onDeath: () => Promise.resolve(),
  });
  logRuns(runs, log);
  runs.submit(request);
  return { run: launcher.run(request.verb), log };
}

test('a scheduled backup is told when it begins and when it has ended, with user, file and size', async () => {
  const { run, log } = logged({ key: 'k', trigger: due, verb: 'backup', plan: 'home', description: null });
  run.end({ durationMs: 1_500, details: { parts: [{ name: 'app_backup_20261121_020000.sql.gz' }], sizeBytes: 4_096 } });
  await vi.waitFor(() => expect(log.lines).toHaveLength(2));
  expect(log.lines[0]).toMatchObject({
    level: 'info',
    message: 'Running scheduled backup',
    fields: { user: '*system', component: 'Backup', plan: 'home' },
  });
  expect(log.lines[1]).toMatchObject({
    level: 'info',
    message: 'Scheduled backup completed',
    fields: {
      user: '*system',
      component: 'Backup',
      plan: 'home',
      file: 'app_backup_20261121_020000.sql.gz',
      sizeBytes: 4_096,
      durationMs: 1_500,
    },
  });
});

test('one that failed is told with its error, the stack and the cause', async () => {
  const { run, log } = logged({ key: 'k', trigger: due, verb: 'backup', plan: 'home', description: null });
  run.say({ kind: 'log', level: 'debug', message: 'backup failed', fields: { stack: 'at a', cause: 'ENOSPC' } });
  run.end({ outcome: 'failed', error: { code: 'STORE_FULL', message: 'no space', hint: 'Free some' } });
  await vi.waitFor(() => expect(log.lines.at(-1)?.message).toBe('Scheduled backup failed'));
  expect(log.lines.at(-1)).toMatchObject({
    level: 'error',
    fields: { error: { code: 'STORE_FULL', message: 'no space', hint: 'Free some', stack: 'at a', cause: 'ENOSPC' } },
  });
});

test('one that lost something is told as an error, also when nothing failed', async () => {
  const { run, log } = logged({ key: 'k', trigger: due, verb: 'backup', plan: 'home', description: null });
  run.end({ outcome: 'degraded' });
  await vi.waitFor(() => expect(log.lines.at(-1)).toMatchObject({ level: 'error', message: 'Scheduled backup completed, degraded' }));
});

test('cleaning up by schedule has its own words', async () => {
  const { run, log } = logged({ key: 'k', trigger: due, verb: 'expire', plan: 'home' });
  run.end();
  await vi.waitFor(() =>
    expect(log.lines.map(({ message }) => message)).toEqual(['Running scheduled backup cleanup', 'Scheduled backup cleanup completed']),
  );
});

test('what a person asked for is told with the name of the person', async () => {
  const trigger: RunTrigger = { kind: 'dashboard', user: 'anna', dueAt: null };
  const { run, log } = logged({ key: 'k', trigger, verb: 'drill', plan: 'home', snapshot: null });
  run.end({ outcome: 'cancelled', error: { code: 'CANCELLED', message: 'Cancelled by anna', hint: 'Again' } });
  await vi.waitFor(() =>
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
      ['info', 'Running drill'],
      ['warn', 'Drill cancelled'],
    ]),
  );
  expect(log.lines[0]?.fields).toMatchObject({ user: 'anna', component: 'Drill' });
});
