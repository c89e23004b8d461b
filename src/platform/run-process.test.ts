import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import type { WorkerMessage } from '../ports/runner.ts';
import { processStart } from './process-start.ts';
import { openRunLauncher } from './run-process.ts';
import { systemClock } from './system-clock.ts';

const program = fileURLToPath(new URL('../../test/fixtures/worker-in-child.ts', import.meta.url));

function launch(plan: string) {
  const heard: WorkerMessage[] = [];
  const launcher = openRunLauncher({ program, file: '/etc/holdfast.yaml', environment: process.env, clock: systemClock, patienceMs: 100 });
  const request = { key: 'a', trigger: { kind: 'api', user: 'anna', dueAt: null }, verb: 'expire', plan } as const;
  const running = launcher.launch(request, (message) => heard.push(message));
  const untilWorking = () => vi.waitFor(() => expect(heard).toContainEqual(expect.objectContaining({ kind: 'log' })), { timeout: 30_000 });
  return { heard, running, untilWorking };
}

test('a worker is handed its work, and its report is the end', async () => {
  const { heard, running } = launch('ends');
  expect(await running.ended).toMatchObject({ outcome: 'succeeded', snapshotId: 'ends' });
  expect(heard).toEqual([{ kind: 'log', level: 'info', message: 'working on ends', fields: { file: '/etc/holdfast.yaml' } }]);
  expect(processStart(running.pid)).toBeNull();
});

test('a worker is as fast as it can be, however small the service is', async () => {
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue(['--max-semi-space-size=8', '--optimize-for-size', '--max-semi-space-size=2']);
  expect(await launch('ends').running.ended).toMatchObject({ details: { reason: '--max-semi-space-size=8' } });
  vi.restoreAllMocks();
});

test('a worker that dies without a word gives a failed run', async () => {
  const { running } = launch('dies');
  expect(await running.ended).toMatchObject({
    outcome: 'failed',
    isDeath: true,
    error: { code: 'INTERNAL', message: 'The process of the run ended before it was done (SIGKILL)' },
  });
});

test('a worker is told why it is not wanted any more', async () => {
  const { running, untilWorking } = launch('waits');
  await untilWorking();
  running.cancel('Cancelled by anna');
  expect(await running.ended).toMatchObject({ snapshotId: 'cancelled', details: { reason: 'Cancelled by anna' } });
});

test('a worker that will not stop is ended', async () => {
  const { running, untilWorking } = launch('stubborn');
  await untilWorking();
  running.cancel('Cancelled by anna');
  expect(await running.ended).toMatchObject({ isDeath: true });
});

test('a program that cannot be started gives a failed run', async () => {
  const launcher = openRunLauncher({ program: '/nowhere/main.ts', file: null, environment: process.env, clock: systemClock });
  const request = { key: 'a', trigger: { kind: 'api', user: 'anna', dueAt: null }, verb: 'expire', plan: 'home' } as const;
  expect(await launcher.launch(request, () => undefined).ended).toMatchObject({ outcome: 'failed', isDeath: true });
});

test('a process has one beginning, and one that is gone has none', () => {
  expect(processStart(process.pid)).toBe(processStart(process.pid));
  expect(processStart(process.pid)).not.toBe(processStart(process.ppid));
  expect(processStart(2 ** 30)).toBeNull();
});
