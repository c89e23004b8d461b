import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { Status, StoreState } from '../../src/api/contract.ts';
import type { HoldfastEvent } from '../../src/domain/events.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Plan } from '../../src/domain/plan.ts';
import type { History, Verb } from '../../src/ports/history.ts';
import { overriding } from '../fakes/overriding.ts';
import { apiService } from '../fixtures/api-service.ts';
import { sampleManifest } from '../fixtures/sample-manifest.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const run = promisify(execFile);

/** An odd name: what a label must escape. */
const oddChannel = 'webhook:"a\\b"\nc';

const snapshot: Status['plans'][number]['newest'] = {
  id: 'home-20260101-020000',
  plan: 'home',
  store: 'nas',
  createdAt: '2026-01-01T02:00:00Z',
  sequence: 1,
  outcome: 'succeeded',
  sizeBytes: 3000,
  verification: { kind: 'passed', depth: 'readable', at: '2026-01-01T02:05:00Z', findings: [] },
  description: null,
  encrypted: false,
};

const home: Status['plans'][number] = {
  name: 'home',
  health: 'warning',
  reasons: [],
  provenAt: '2026-01-01T02:00:00Z',
  newest: snapshot,
  newestVerified: snapshot,
  lastDrill: { at: '2026-01-01T04:00:00Z', outcome: 'succeeded', rtoMs: 90_000, rpoMs: 3_600_000 },
  lastRun: null,
  running: [],
  next: [
    { plan: 'home', verb: 'backup', at: '2026-01-03T02:00:00Z', why: '' },
    { plan: 'home', verb: 'backup', at: '2026-01-02T02:00:00Z', why: '' },
  ],
  snapshots: 1,
  sizeBytes: 3000,
  stores: ['nas'],
  copies: [],
  sources: [],
  objectives: { rpoMs: 86_400_000, rtoMs: 3_600_000 },
};
const none = { provenAt: null, newest: null, newestVerified: null, lastDrill: null, next: [] };
const fresh: Status['plans'][number] = { ...home, ...none, name: 'fresh', health: 'critical' };

const nas: StoreState = {
  name: 'nas',
  kind: 'local',
  location: '/srv/nas',
  plans: ['home'],
  reachable: true,
  problem: null,
  freeBytes: 1000,
  totalBytes: 4000,
  snapshots: 1,
  sizeBytes: 3000,
  newestAt: null,
  checkedAt: null,
};
const unseen: StoreState = { ...nas, name: 'cloud', reachable: null, freeBytes: null, totalBytes: null };

const board = {
  status: (): Status => ({
    generatedAt: '2026-01-01T12:00:00Z',
    health: 'critical',
    sentence: '',
    plans: [home, fresh],
    alerts: [],
    history: 'ok',
    version: '1.2.3',
  }),
  stores: () => [nas, unseen],
  probe: () => Promise.reject(new Error('there is no store')),
  subscribe: () => () => undefined,
};

async function recordRun(history: History, verb: Verb, outcome: Outcome): Promise<void> {
  const startedAt = new Date('2026-01-01T02:00:00.000Z');
  const trigger = { kind: 'schedule', user: '*system', dueAt: null } as const;
  const id = await history.startRun({ key: randomUUID(), trigger, verb, plan: 'home', startedAt });
  const endedAt = new Date(startedAt.getTime() + 2_500);
  await history.endRun(id, { endedAt, outcome, snapshotId: null, error: null, details: {} });
}

/** The metrics of a service that has seen something of everything. */
async function fullMetrics(change: (history: History) => History = (history) => history): Promise<string> {
  const plans = ['home', 'fresh'].map((name) => ({ name }) as Plan);
  await using service = await apiService({ plans, board, history: change });
  const { history } = service.context.world;
  for (const outcome of ['failed', 'succeeded'] as const) await recordRun(history, 'backup', outcome);
  await recordRun(history, 'verify', 'degraded');
  for (const hour of ['02', '03']) {
    const manifest = sampleManifest(`home-20260101-${hour}0000`, {
      parts: { a: Buffer.alloc(1500) },
      createdAt: `2026-01-01T${hour}:00:00.000Z`,
    });
    await history.recordSnapshot({ manifest, manifestSha256: 'a'.repeat(64), store: 'nas' });
  }
  await failOnce(service.state);
  service.context.queue.submit({
    key: randomUUID(),
    trigger: { kind: 'api', user: 'ada', dueAt: null },
    verb: 'backup',
    plan: 'home',
    description: null,
  });
  await fetch(`${service.url}/api/v1/nothing`);
  const response = await fetch(`${service.url}/metrics`, { headers: await service.as('viewer') });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  service.workers.endAll();
  return await response.text();
}

async function failOnce(state: Awaited<ReturnType<typeof apiService>>['state']): Promise<void> {
  const at = new Date('2026-01-01T02:00:00.000Z');
  const event: HoldfastEvent = {
    kind: 'test',
    plan: 'home',
    at,
    severity: 'info',
    subject: 'test',
    title: 'a',
    message: 'b',
    action: null,
    atRiskSince: null,
    run: null,
  };
  await state.outbox.enqueue({ plan: 'home', channel: oddChannel, event, count: 1, since: at, dueAt: at });
  const [delivery] = await state.outbox.claimDue(new Date(), 1);
  await state.outbox.settle(delivery?.id ?? '', { kind: 'given-up', at, error: 'nobody there' });
}

describe('GET /metrics', () => {
  let text = '';
  beforeAll(async () => {
    text = await fullMetrics();
  });

  test.each([
    'holdfast_build_info{version="1.2.3"} 1',
    'holdfast_plan_health{plan="home"} 1',
    'holdfast_plan_health{plan="fresh"} 2',
    'holdfast_newest_verified_snapshot_timestamp_seconds{plan="home"} 1767232800',
    'holdfast_newest_snapshot_timestamp_seconds{plan="home",store="nas"} 1767236400',
    'holdfast_snapshots{plan="home",store="nas"} 2',
    'holdfast_snapshot_bytes{plan="home",store="nas"} 3000',
    'holdfast_last_snapshot_bytes{plan="home"} 3000',
    'holdfast_rpo_objective_seconds{plan="home"} 86400',
    'holdfast_rto_objective_seconds{plan="home"} 3600',
    'holdfast_last_drill_timestamp_seconds{plan="home"} 1767240000',
    'holdfast_last_drill_success{plan="home"} 1',
    'holdfast_last_drill_rto_seconds{plan="home"} 90',
    'holdfast_next_run_timestamp_seconds{plan="home",verb="backup"} 1767319200',
    'holdfast_last_run_timestamp_seconds{plan="home",verb="backup"} 1767232800',
    'holdfast_last_run_success{plan="home",verb="backup"} 1',
    'holdfast_last_run_success{plan="home",verb="verify"} 0',
    'holdfast_last_run_duration_seconds{plan="home",verb="backup"} 2.5',
    'holdfast_runs_total{plan="home",verb="backup",outcome="failed"} 1',
    'holdfast_runs_total{plan="home",verb="backup",outcome="succeeded"} 1',
    'holdfast_run_duration_seconds_total{plan="home",verb="backup"} 5',
    'holdfast_run_in_progress{plan="home",verb="backup"} 1',
    'holdfast_run_in_progress{plan="home",verb="drill"} 0',
    'holdfast_store_up{store="nas"} 1',
    'holdfast_store_free_bytes{store="nas"} 1000',
    'holdfast_store_size_bytes{store="nas"} 4000',
    'holdfast_history_up 1',
    String.raw`holdfast_notifications_failing{plan="home",channel="webhook:\"a\\b\"\nc"} 1`,
    'holdfast_http_requests_total{method="GET",code="404"} 1',
  ])('tells %s', (line) => {
    expect(text.split('\n')).toContain(line);
  });

  test.each([
    'holdfast_store_up{store="cloud"}',
    'holdfast_store_free_bytes{store="cloud"}',
    'holdfast_newest_verified_snapshot_timestamp_seconds{plan="fresh"}',
  ])('leaves out what is not known: %s', (start) => {
    expect(text.split('\n').filter((line) => line.startsWith(start))).toEqual([]);
  });

  test('satisfies promtool', async (context) => {
    await needPromtool(context);
    expect(await checkMetrics(text)).toEqual({ exitCode: 0, output: '' });
  });

  test('tells when the history cannot be read, and everything else', async () => {
    const without = await fullMetrics((history) => overriding(history, { revision: () => Promise.reject(new Error('gone')) }));
    expect(without.split('\n')).toContain('holdfast_history_up 0');
    expect(without.split('\n')).toContain('holdfast_plan_health{plan="home"} 1');
  });

  test('is for those with a token, unless the settings make it public', async () => {
    await using closed = await apiService();
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(401);
    await using open = await apiService({ settings: { metrics: 'public' } });
    expect((await fetch(`${open.url}/metrics`)).status).toBe(200);
  });
});

describe('what stands on the metrics', () => {
  test('the alert rules satisfy promtool, and fire when they should', async (context) => {
    await needPromtool(context);
    const rules = join(deploy, 'prometheus/holdfast.rules');
    await expect(run('promtool', ['check', 'rules', `${rules}.yml`])).resolves.toMatchObject({ stderr: '' });
    await expect(run('promtool', ['test', 'rules', `${rules}.test.yml`])).resolves.toMatchObject({
      stdout: expect.stringContaining('SUCCESS'),
    });
  });

  test.each(['prometheus/holdfast.rules.yml', 'prometheus/holdfast.rules.test.yml', 'grafana/holdfast.json'])(
    '%s names metrics that exist',
    async (file) => {
      const told = new Set([...(await fullMetrics()).matchAll(/^# TYPE (\w+)/gmu)].map(([, name]) => name));
      const named = [...(await readFile(join(deploy, file), 'utf8')).matchAll(/\bholdfast_\w+/gu)].map(([name]) => name);
      expect(named.length).toBeGreaterThan(5);
      expect([...new Set(named)].filter((name) => !told.has(name))).toEqual([]);
    },
  );

  test('every alert has a test', async () => {
    const read = (file: string): Promise<string> => readFile(join(deploy, 'prometheus', file), 'utf8');
    const alerts = [...(await read('holdfast.rules.yml')).matchAll(/alert: (\w+)/gu)].map(([, name]) => name);
    const tested = [...(await read('holdfast.rules.test.yml')).matchAll(/alertname: (\w+)\n\s+exp_alerts:\n/gu)].map(([, name]) => name);
    expect(new Set(tested)).toEqual(new Set(alerts));
  });
});

async function needPromtool(context: TestContext): Promise<void> {
  const found = await run('promtool', ['--version']).catch((error: NodeJS.ErrnoException) => error);
  if ('code' in found && found.code === 'ENOENT') context.skip('no promtool here');
}

function checkMetrics(text: string): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject).once('close', (exitCode) => resolve({ exitCode, output }));
    child.stdin.end(text);
  });
}
