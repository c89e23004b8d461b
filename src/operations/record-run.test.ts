import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { overriding } from '../../test/fakes/overriding.ts';
import { runContext } from '../../test/fixtures/run-context.ts';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { HoldfastEvent } from '../domain/events.ts';
import type { Verb } from '../ports/history.ts';
import type { OperationContext } from './context.ts';
import { closeDeadRuns, failedOutcome, recordRun, tellError } from './record-run.ts';

async function failsTwice(first: Error): Promise<unknown> {
  try {
    await using _closing = { [Symbol.asyncDispose]: () => Promise.reject(new Error('the connection was closed already')) };
    throw first;
  } catch (error) {
    return error;
  }
}

test('when closing fails after a failure, the failure is what is told', async () => {
  const cancelled = new HoldfastError('CANCELLED', 'Stopped by SIGTERM', { hint: 'Run the command again' });
  const thrown = await failsTwice(cancelled);
  expect(thrown).toBeInstanceOf(SuppressedError);
  expect(tellError(thrown)).toEqual({ code: 'CANCELLED', message: 'Stopped by SIGTERM', hint: 'Run the command again' });
  expect(failedOutcome(thrown)).toBe('cancelled');
});

const verbs = ['backup', 'verify', 'restore', 'expire', 'drill', 'rescue'] as const;

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-runs-'));
  const context = await runContext(directory);
  return {
    directory,
    context,
    unended: async () => (await context.history.runs({ unended: true })).map(({ verb }) => verb),
    async [Symbol.asyncDispose]() {
      await context.history[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** A process in the middle of a run of the plan `home`. */
async function runElsewhere(directory: string, verb: Verb): Promise<ChildProcess> {
  const program = new URL('../../test/fixtures/run-in-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, directory, verb], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => Promise.reject(new Error('the run ended')))]);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const planOf = (verb: Verb): string | null => (verb === 'rescue' ? null : 'home');

test.each(verbs)('a %s whose process was killed is closed as failed by whoever looks next, and leaves nothing', async (verb) => {
  await using place = await scratch();
  const { context } = place;
  await kill(await runElsewhere(place.directory, verb));
  expect(await closeDeadRuns(context, planOf(verb))).toMatchObject([{ verb }]);
  const [run] = await context.history.runs({ verb });
  expect(run?.end).toMatchObject({
    outcome: 'failed',
    error: { message: expect.stringContaining('its process ended before it was done') },
  });
  expect(await readdir(join(place.directory, 'locks', 'runs'))).toEqual([]);
});

test.each(verbs)('a %s that is recorded and alive is left alone by somebody who holds the lock that it waits for', async (verb) => {
  await using place = await scratch();
  const { context } = place;
  await using _lock = await context.lock.acquire('home');
  await using _drill = await context.lock.acquire('home.drill');
  const dead = await runElsewhere(place.directory, verb);
  const alive = await runElsewhere(place.directory, verb);
  await kill(dead);
  expect(await closeDeadRuns(context, planOf(verb))).toHaveLength(1);
  expect(await place.unended()).toEqual([verb]);
  await kill(alive);
  expect(await closeDeadRuns(context, planOf(verb))).toHaveLength(1);
  expect(await place.unended()).toEqual([]);
});

test('a run is proven alive until its end is recorded', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  const history = overriding(place.context.history, {
    endRun: async (id, end) => {
      expect(await closeDeadRuns(context, 'home')).toEqual([]);
      await place.context.history.endRun(id, end);
    },
  });
  const body = async () => ({ outcome: 'succeeded' as const, snapshotId: null, details: {} });
  await recordRun({ ...context, history }, { verb: 'backup', plan: 'home', body });
  expect(told.map(({ kind }) => kind)).toEqual(['backup-succeeded']);
});

test('of several who find the same dead run one closes it and tells', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  await kill(await runElsewhere(place.directory, 'backup'));
  const closed = await Promise.all(Array.from({ length: 4 }, () => closeDeadRuns(context, 'home')));
  expect(closed.flat()).toHaveLength(1);
  expect(told.map(({ kind }) => kind)).toEqual(['backup-failed']);
});

test('a run does not close its own record', async () => {
  await using place = await scratch();
  const { context } = place;
  const report = await recordRun(context, {
    verb: 'backup',
    plan: 'home',
    body: async () => {
      await closeDeadRuns(context, 'home');
      expect(await place.unended()).toEqual(['backup']);
      return { outcome: 'succeeded', snapshotId: null, details: {} };
    },
  });
  expect(report).toMatchObject({ outcome: 'succeeded', error: null });
  expect(await place.unended()).toEqual([]);
});

/** The same context, and the events that it was given. */
function listening(context: OperationContext) {
  const told: HoldfastEvent[] = [];
  return { told, context: { ...context, emit: async (event: HoldfastEvent) => void told.push(event) } };
}

const recorded = { verb: 'backup', plan: 'home' } as const;

test('a run is told of when it begins and when it ends, by the key that the history has', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  await recordRun(context, {
    ...recorded,
    body: (begun) => {
      begun();
      return Promise.reject(new Error('the drive is full'));
    },
  });
  const [run] = await context.history.runs({});
  expect(told).toMatchObject([
    { kind: 'backup-started', run: { key: run?.key, outcome: null } },
    { kind: 'backup-failed', run: { key: run?.key, outcome: 'failed' }, message: 'the drive is full', atRiskSince: null },
  ]);
  expect(run?.trigger).toEqual(context.trigger);
});

test('a run that stands back at once never began for those who are told', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  await using _held = await context.lock.acquire('home');
  await recordRun(context, {
    ...recorded,
    body: async (begun) => {
      await using _lock = await context.lock.acquire('home');
      begun();
      return { outcome: 'succeeded', snapshotId: null, details: {} };
    },
  });
  expect(told.map(({ kind }) => kind)).toEqual(['backup-skipped']);
});

test('a failure is told with the time of the newest verified snapshot', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  const at = new Date('2026-01-05T00:00:00Z');
  for (const [sequence, createdAt] of [
    [1, '2026-01-01T02:00:00.000Z'],
    [2, '2026-01-02T02:00:00.000Z'],
    [3, '2026-01-03T02:00:00.000Z'],
  ] as const) {
    const id = `home-2026010${sequence}-020000`;
    await context.history.recordSnapshot({
      store: 'nas',
      manifest: sampleManifest(id, { parts: {}, sequence, createdAt }),
      manifestSha256: 'a'.repeat(64),
    });
    if (sequence < 3) await context.history.recordVerification({ store: 'nas', id }, { kind: 'passed', depth: 'readable', at });
  }
  await recordRun(context, { ...recorded, body: () => Promise.reject(new Error('no')) });
  expect(told.at(-1)?.atRiskSince).toEqual(new Date('2026-01-02T02:00:00Z'));
});

test('a run succeeds although nobody can be told of it', async () => {
  await using place = await scratch();
  const context = { ...place.context, emit: () => Promise.reject(new Error('no route to anybody')) };
  const report = await recordRun(context, { ...recorded, body: async () => ({ outcome: 'succeeded', snapshotId: null, details: {} }) });
  expect(report).toMatchObject({ outcome: 'succeeded', error: null });
});

test('a run that died is told of once, when it is found', async () => {
  await using place = await scratch();
  const { told, context } = listening(place.context);
  const started = { key: randomUUID(), trigger: context.trigger, startedAt: new Date('2026-01-01T02:00:00Z') };
  await context.history.startRun({ ...started, verb: 'drill', plan: 'home' });
  expect(await closeDeadRuns(context, 'home')).toMatchObject([{ key: started.key }]);
  expect(await closeDeadRuns(context, 'home')).toEqual([]);
  expect(told).toMatchObject([{ kind: 'drill-failed', run: { key: started.key, durationMs: null, error: { code: 'CANCELLED' } } }]);
});

test('a run whose service went away has failed; one that a person ended is cancelled', () => {
  const ended = (details: Readonly<Record<string, unknown>>) => new HoldfastError('CANCELLED', 'Ended', { hint: 'Run it again', details });
  expect(failedOutcome(ended({ killed: true }))).toBe('failed');
  expect(failedOutcome(ended({}))).toBe('cancelled');
});

test('a restore is made although its proof of life cannot be written', async () => {
  await using place = await scratch();
  await writeFile(join(place.directory, 'locks'), 'not a directory');
  const body = async () => ({ outcome: 'succeeded' as const, snapshotId: null, details: {} });
  expect(await recordRun(place.context, { verb: 'restore', plan: 'home', body })).toMatchObject({ outcome: 'succeeded' });
});
