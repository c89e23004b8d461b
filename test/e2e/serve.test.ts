import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApiRun, ApiRunDetail } from '../../src/api/contract.ts';
import { type Installation, install, type Listed } from './holdfast.ts';
import { serve, type Service } from './service.ts';

let installation: Installation;
let service: Service;
let environment: Record<string, string>;

beforeAll(async () => {
  installation = await install();
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'letter'), 'Dear all,\n');
  environment = { BACKUP_FILES: tree, BACKUP_DIR: installation.store };
  service = await serve(installation, { env: environment });
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await installation[Symbol.asyncDispose]();
});

async function statusOf(path: string, init?: RequestInit): Promise<number> {
  return (await fetch(`${service.url}${path}`, init)).status;
}

describe('holdfast serve, configured by the environment alone', () => {
  it('is healthy and ready, and closed to everybody who is not signed in', async () => {
    expect([await statusOf('/healthz'), await statusOf('/readyz'), await statusOf('/openapi.json')]).toEqual([200, 200, 200]);
    for (const path of ['/backups', '/api/v1/status', '/api/v1/runs', '/metrics']) expect(await statusOf(path), path).toBe(401);
    expect(await statusOf('/backups', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).toBe(401);
  });

  it('runs a backup in a process of its own, and tells how it went', async () => {
    const headers = await service.as('operator');
    const body = JSON.stringify({ description: 'before the move' });
    const asked = await fetch(`${service.url}/api/v1/plans/default/backups`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    });
    expect(asked.status).toBe(202);
    const { id } = (await asked.json()) as ApiRun;
    const ended = await vi.waitFor(
      async () => {
        const run = (await (await fetch(`${service.url}/api/v1/runs/${id}`, { headers })).json()) as ApiRunDetail;
        expect(run.state).toBe('ended');
        return run;
      },
      { timeout: 60_000, interval: 100 },
    );
    expect(ended).toMatchObject({ outcome: 'succeeded', verb: 'backup', trigger: { user: 'operator' } });
    const [listed] = await installation.json<Listed[]>(['list'], { env: environment });
    expect(listed).toMatchObject({ id: ended.snapshotId, description: 'before the move' });
  });

  it('serves its data directory alone', async () => {
    const second = await installation.run(['serve', '--listen', '127.0.0.1:0', '--json'], { env: environment });
    expect(second.exitCode).toBe(5);
    expect(second.json()).toMatchObject({
      error: { code: 'LOCK_HELD', message: expect.stringContaining(`process ${service.process.pid} `) },
    });
  });

  it('ends when it is told to, and is started again with everything it knew', async () => {
    service.process.kill('SIGTERM');
    expect((await service.process.ended).exitCode).toBe(143);
    service = await serve(installation, { env: environment });
    const list = await fetch(`${service.url}/backups`, { headers: await service.as('viewer') });
    expect(await list.json()).toMatchObject([{ description: 'before the move' }]);
  });

  it('says what is wrong with an address before it does anything', async () => {
    const wrong = await installation.run(['serve', '--listen', 'somewhere', '--json'], { env: environment });
    expect([wrong.exitCode, wrong.json()]).toEqual([2, { error: expect.objectContaining({ code: 'USAGE' }) }]);
  });
});
