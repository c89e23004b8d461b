import { readFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { processStart } from '../../src/platform/process-start.ts';
import type { ApiRun, ApiRunDetail, Problem } from '../../src/api/contract.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { serve, type Service } from './service.ts';
import { lookIntoStore } from './store-state.ts';

const patience = { timeout: 90_000, interval: 100 };

/** A backup that the service was asked for, and that waits for a lock in the database that it reads. */
interface HeldBackup extends AsyncDisposable {
  readonly notes: ProtectedNotes;
  readonly service: Service;
  readonly key: string;
  /** Process of the run. */
  readonly worker: number;
  letGo(): Promise<void>;
}

type Ask = (service: Service) => Promise<Pick<ApiRun, 'id'>>;

async function heldBackup(ask: Ask = askForBackup): Promise<HeldBackup> {
  const notes = await protectNotes();
  const holder = await notes.cluster.connect(notes.database);
  await holder.query('BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
  const service = await serve(notes.installation);
  const { id: key } = await ask(service);
  await vi.waitFor(async () => {
    const sql = "SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass";
    expect((await holder.query(sql)).rows[0].waiting).toBeGreaterThan(0);
  }, patience);
  const [worker = 0] = await childrenOf(service.process.pid);
  let isHeld = true;
  const letGo = async (): Promise<void> => {
    if (isHeld) await holder.end();
    isHeld = false;
  };
  return {
    notes,
    service,
    key,
    worker,
    letGo,
    async [Symbol.asyncDispose]() {
      await letGo();
      await service[Symbol.asyncDispose]();
      await notes[Symbol.asyncDispose]();
    },
  };
}

async function askForBackup(service: Service): Promise<ApiRun> {
  const headers = { ...(await service.as('operator')), 'content-type': 'application/json' };
  const reply = await fetch(`${service.url}/api/v1/plans/home/backups`, { method: 'POST', headers, body: '{}' });
  expect(reply.status).toBe(202);
  return (await reply.json()) as ApiRun;
}

/** Asks with a key, by a call that is answered when the backup is done. */
function askAndWait(url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/backups`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: '{}',
  });
}

async function runsOf(service: Service): Promise<readonly ApiRun[]> {
  const reply = await fetch(`${service.url}/api/v1/runs`, { headers: await service.as('viewer') });
  return ((await reply.json()) as { readonly items: readonly ApiRun[] }).items;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}

async function runOf(service: Service, key: string): Promise<ApiRunDetail> {
  const reply = await fetch(`${service.url}/api/v1/runs/${key}`, { headers: await service.as('viewer') });
  return (await reply.json()) as ApiRunDetail;
}

async function endOf(service: Service, key: string): Promise<ApiRunDetail> {
  return await vi.waitFor(async () => {
    const run = await runOf(service, key);
    expect(run.state).toBe('ended');
    return run;
  }, patience);
}

async function expectNextBackupToSucceed(held: HeldBackup, service: Service): Promise<void> {
  await held.letGo();
  const { id } = await askForBackup(service);
  expect((await endOf(service, id)).outcome).toBe('succeeded');
  expect(await lookIntoStore(held.notes.installation.store)).toMatchObject({ manifests: [{}], damaged: [], debris: [] });
}

describe('a service that is killed in a run', () => {
  it('knows the act by its key when it is started again, tells how its run ended, and does not do it twice', async () => {
    let headers: Record<string, string> = {};
    await using held = await heldBackup(async (service) => {
      headers = await service.as('operator');
      void askAndWait(service.url, headers).catch(() => undefined);
      return await vi.waitFor(async () => {
        const [run] = await runsOf(service);
        if (run?.state !== 'running') throw new Error('not yet');
        return run;
      }, patience);
    });
    held.service.process.kill('SIGKILL');
    await using again = await serve(held.notes.installation);
    const told = await vi.waitFor(async () => {
      const problem = (await (await askAndWait(again.url, headers)).json()) as Problem;
      expect(problem.code).toBe('REQUEST_INTERRUPTED');
      return problem;
    }, patience);
    expect(told).toMatchObject({ status: 409, detail: expect.stringContaining(`its run ${held.key} ended as failed`) });
    expect(await runsOf(again)).toHaveLength(1);
  });

  it('has the run end in order, as failed, and goes on when it is started again', async () => {
    await using held = await heldBackup();
    held.service.process.kill('SIGKILL');
    await vi.waitFor(() => expect(processStart(held.worker)).toBeNull(), patience);
    await using again = await serve(held.notes.installation);
    expect(await endOf(again, held.key)).toMatchObject({
      outcome: 'failed',
      error: { code: 'CANCELLED', message: 'The service that ran it was ended' },
    });
    await again.process.untilSaid(/A run of the service before this one was ended with it/);
    await expectNextBackupToSucceed(held, again);
  });

  it('together with the run: the next start closes what is left of it', async () => {
    await using held = await heldBackup();
    held.service.process.kill('SIGKILL');
    process.kill(held.worker, 'SIGKILL');
    await held.service.process.ended;
    await using again = await serve(held.notes.installation);
    // From the first answer on.
    expect(await runOf(again, held.key)).toMatchObject({
      state: 'ended',
      outcome: 'failed',
      error: { code: 'CANCELLED', message: expect.stringContaining('was killed') },
    });
    await expectNextBackupToSucceed(held, again);
  });
});

describe('a run that is killed', () => {
  it('is told as failed by its service at once, which goes on', async () => {
    await using held = await heldBackup();
    process.kill(held.worker, 'SIGKILL');
    expect(await endOf(held.service, held.key)).toMatchObject({ outcome: 'failed' });
    await expectNextBackupToSucceed(held, held.service);
  });
});
