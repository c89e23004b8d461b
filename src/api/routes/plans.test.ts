import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, notesPlan, runToItsEnd, serviceOfNotes, type LiveService } from '../../../test/fixtures/live-service.ts';
import {
  confirmation,
  expirePreview,
  nextRun,
  page,
  planStatus,
  problem,
  run,
  runDetail,
  series,
  status,
  storeState,
  type StoreState,
} from '../contract.ts';

type Headers = Readonly<Record<string, string>>;
const runPage = page('RunPage', run);
const storePage = page('StorePage', storeState);

const scheduled = notesPlan({ keep: 'last: 1', keys: 'schedule: { cron: "30 2 * * *", timeZone: Europe/Berlin }' });

async function refusal(response: Response): Promise<[number, string]> {
  const { status: number, code } = problem.parse(await response.json());
  return [number, code];
}

async function get(service: LiveService, path: string, headers: Headers): Promise<unknown> {
  const response = await call(service, `GET ${path}`, { headers });
  expect([path, response.status]).toEqual([path, 200]);
  return await response.json();
}

/** The status as soon as it says so: it is worked out beside requests. */
async function statusWhen(service: LiveService, headers: Headers, isSo: (told: ReturnType<typeof status.parse>) => boolean) {
  return await expect
    .poll(async () => status.parse(await get(service, '/api/v1/status', headers)), { timeout: 30_000 })
    .toSatisfy(isSo)
    .then(async () => status.parse(await get(service, '/api/v1/status', headers)));
}

test('the status tells what each store of a plan holds, and which copies it missed', async () => {
  await using service = await serviceOfNotes(`plans:
  notes:
    sources: [{ kind: files, paths: ["DIR/notes"] }]
    stores:
      - { kind: local, path: "DIR/store", name: first }
      - { kind: local, path: "DIR/usb", name: usb }
`);
  const headers = await service.as('operator');
  const usb = join(service.directory, 'usb');
  await writeFile(usb, 'no directory');
  await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
  const copiesOf = ({ plans }: ReturnType<typeof status.parse>) =>
    plans[0]?.copies.map(({ store, snapshots, missed }) => `${store}: ${snapshots}, missed ${missed}`).join('; ');
  await statusWhen(service, headers, (told) => copiesOf(told) === 'first: 1, missed 0; usb: 0, missed 1');
  await rm(usb);
  await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
  await statusWhen(service, headers, (told) => copiesOf(told) === 'first: 2, missed 0; usb: 2, missed 0');
});

describe('a plan', () => {
  let service: LiveService;
  let headers: Headers;

  beforeAll(async () => {
    service = await serviceOfNotes(scheduled);
    headers = await service.as('operator');
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test('without a snapshot is not safe, and one that was backed up is', async () => {
    const before = await statusWhen(service, headers, ({ health }) => health === 'critical');
    expect(before.sentence).toBe('Your data is not safe: No snapshot yet');
    await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const after = await statusWhen(service, headers, ({ health }) => health === 'healthy');
    expect(after.sentence).toMatch(/^Your data is safe: the newest proven backup was made /u);
    expect(after.plans).toMatchObject([{ name: 'notes', snapshots: 1, lastRun: { outcome: 'succeeded', verb: 'backup' }, running: [] }]);
    const told = planStatus.parse(await get(service, '/api/v1/plans/notes', headers));
    expect(told.lastRun?.file).toMatch(/^notes_backup_/u);
    expect(told.next).toMatchObject([{ verb: 'backup', why: expect.stringContaining('Europe/Berlin') as string }]);
  });

  test('tells its next runs from any moment on', async () => {
    const next = page('NextRunPage', nextRun).parse(
      await get(service, '/api/v1/plans/notes/schedule?from=2026-10-24T12:00:00Z&count=2', headers),
    );
    expect(next.items.map(({ at }) => at)).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });

  test('is drilled when asked, and its charts have both', async () => {
    const drilled = await runToItsEnd(service, 'POST /api/v1/plans/notes/drills', { headers });
    expect(drilled).toMatchObject({ outcome: 'succeeded' });
    const { points } = series.parse(await get(service, '/api/v1/plans/notes/series?days=2', headers));
    expect(points.map(({ sizeBytes, rtoMs }) => [sizeBytes !== null, rtoMs !== null])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  test('shows what would expire without a run, and expires only what was confirmed', async () => {
    await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const runs = runPage.parse(await get(service, '/api/v1/runs?verb=expire', headers));
    const preview = expirePreview.parse(await get(service, '/api/v1/plans/notes/expire', headers));
    expect(preview.stores.map(({ decisions }) => decisions.map(({ keep }) => keep))).toEqual([[true]]);
    expect(runPage.parse(await get(service, '/api/v1/runs?verb=expire', headers))).toEqual(runs);

    const path = 'POST /api/v1/plans/notes/expire';
    const key = (): Headers => ({ ...headers, 'idempotency-key': randomUUID() });
    expect(await refusal(await call(service, path, { headers: key(), body: { confirmation: 'x'.repeat(40) } }))).toEqual([
      409,
      'CONFIRMATION_REJECTED',
    ]);
    const asked = { act: 'expire', target: { plan: 'notes' } };
    const given = confirmation.parse(await (await call(service, 'POST /api/v1/confirmations', { headers, body: asked })).json());
    const body = { confirmation: given.confirmation };
    expect(await runToItsEnd(service, path, { headers: key(), body })).toMatchObject({ outcome: 'succeeded' });
    expect(await refusal(await call(service, path, { headers: key(), body }))).toEqual([409, 'CONFIRMATION_REJECTED']);
  });

  test('that is not there is unknown', async () => {
    for (const path of ['', '/series', '/schedule', '/expire'])
      expect(await refusal(await call(service, `GET /api/v1/plans/nobody${path}`, { headers }))).toEqual([404, 'PLAN_UNKNOWN']);
    expect(await refusal(await call(service, 'POST /api/v1/plans/nobody/backups', { headers, body: {} }))).toEqual([404, 'PLAN_UNKNOWN']);
  });

  test('of somebody else is not told of: not in the status, nor in lists, nor in streams', async () => {
    const bound = await service.as('viewer', ['other']);
    const told = status.parse(await get(service, '/api/v1/status', bound));
    expect([told.plans, told.sentence]).toEqual([[], 'Nothing is backed up: no plan is configured']);
    expect(runPage.parse(await get(service, '/api/v1/runs', bound)).items).toEqual([]);
    expect(storePage.parse(await get(service, '/api/v1/stores', bound)).items).toEqual([]);
    const [first] = runPage.parse(await get(service, '/api/v1/runs', headers)).items;
    expect(await refusal(await call(service, `GET /api/v1/runs/${first?.id}`, { headers: bound }))).toEqual([404, 'RUN_UNKNOWN']);
    expect(await refusal(await call(service, 'GET /api/v1/plans/notes', { headers: bound }))).toEqual([404, 'PLAN_UNKNOWN']);
  });

  test('has runs that are listed page by page', async () => {
    const whole = runPage.parse(await get(service, '/api/v1/runs?plan=notes', headers));
    expect(whole.items.map(({ verb }) => verb)).toEqual(['expire', 'backup', 'drill', 'backup']);
    const paged = [];
    for (let next: string | null = ''; next !== null;) {
      const before = next === '' ? '' : `&before=${next}`;
      const one = runPage.parse(await get(service, `/api/v1/runs?plan=notes&limit=3${before}`, headers));
      paged.push(...one.items);
      next = one.next;
    }
    expect(paged).toEqual(whole.items);
    const drills = runPage.parse(await get(service, '/api/v1/runs?verb=drill&outcome=succeeded', headers));
    expect(drills.items).toMatchObject([{ trigger: { kind: 'api', user: 'operator' } }]);
    const detail = runDetail.parse(await get(service, `/api/v1/runs/${drills.items[0]?.id}`, headers));
    expect(detail.details).toHaveProperty('rtoMs');
    expect(await refusal(await call(service, `POST /api/v1/runs/${detail.id}/cancel`, { headers, body: {} }))).toEqual([409, 'USAGE']);
    expect(await refusal(await call(service, `GET /api/v1/runs/${randomUUID()}`, { headers }))).toEqual([404, 'RUN_UNKNOWN']);
  });
});

describe('a store', () => {
  test('tells its space, and what is wrong once it is gone', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('operator');
    await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const probe = async (): Promise<StoreState> => {
      const name = encodeURIComponent(`local:${join(service.directory, 'store')}`);
      return storeState.parse(await (await call(service, `POST /api/v1/stores/${name}/probe`, { headers, body: {} })).json());
    };
    expect(await probe()).toMatchObject({ reachable: true, problem: null, snapshots: 1, plans: ['notes'], kind: 'local' });
    const [store] = storePage.parse(await get(service, '/api/v1/stores', headers)).items;
    expect(store?.freeBytes).toBeGreaterThan(0);
    await rename(join(service.directory, 'store'), join(service.directory, 'away'));
    await writeFile(join(service.directory, 'store'), 'a file stands in its place');
    const broken = await probe();
    expect([broken.reachable, broken.problem?.hint === '']).toEqual([false, false]);
    expect(await refusal(await call(service, 'POST /api/v1/stores/nowhere/probe', { headers, body: {} }))).toEqual([404, 'NOT_FOUND']);
  });
});

describe('a restore', () => {
  test('is previewed, confirmed, and puts back what was overwritten', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('administrator');
    const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    await writeFile(join(service.directory, 'notes', 'a.txt'), 'overwritten');
    const target = { snapshot: snapshotId, destination: { kind: 'in-place' } };
    const asked = { act: 'restore', target };
    const given = confirmation.parse(await (await call(service, 'POST /api/v1/confirmations', { headers, body: asked })).json());
    expect(given.changes).toMatchObject([{ where: join(service.directory, 'notes') }]);

    const key = (): Headers => ({ ...headers, 'idempotency-key': randomUUID() });
    const elsewhere = { ...target, destination: { kind: 'directory', directory: join(service.directory, 'out') } };
    const forged = { ...elsewhere, confirmation: given.confirmation };
    expect(await refusal(await call(service, 'POST /api/v1/restores', { headers: key(), body: forged }))).toEqual([
      409,
      'CONFIRMATION_REJECTED',
    ]);
    const body = { ...target, confirmation: given.confirmation };
    expect(await refusal(await call(service, 'POST /api/v1/restores', { headers: key(), body }))).toEqual([409, 'CONFIRMATION_REJECTED']);
    expect(await readFile(join(service.directory, 'notes', 'a.txt'), 'utf8')).toBe('overwritten');

    const again = confirmation.parse(await (await call(service, 'POST /api/v1/confirmations', { headers, body: asked })).json());
    const done = await runToItsEnd(service, 'POST /api/v1/restores', {
      headers: key(),
      body: { ...target, confirmation: again.confirmation },
    });
    expect(done).toMatchObject({ outcome: 'succeeded' });
    expect(await readFile(join(service.directory, 'notes', 'a.txt'), 'utf8')).toBe('one');
    const [entry] = await service.context.state.audit.entries({ limit: 1 });
    expect(entry).toMatchObject({ act: 'restore', actor: 'administrator', target: snapshotId, result: 'done' });
  });

  test.each([
    [{ kind: 'directory', directory: 'relative' }, 400, 'REQUEST_INVALID'],
    [{ kind: 'database', reference: 'postgres://user:password@host/db' }, 400, 'REQUEST_INVALID'],
    [{ kind: 'database', reference: '${env:HOLDFAST_TEST_NOT_SET}' }, 400, 'REQUEST_INVALID'],
    [{ kind: 'database', reference: '${env:not a name}' }, 400, 'REQUEST_INVALID'],
    [{ kind: 'database', reference: '${file:/nowhere/at/all}' }, 400, 'REQUEST_INVALID'],
    [{ kind: 'nowhere' }, 400, 'REQUEST_INVALID'],
  ])('to %j is refused', async (destination, ...refused) => {
    await using service = await serviceOfNotes();
    const headers = await service.as('administrator');
    const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const body = { act: 'restore', target: { snapshot: snapshotId, destination } };
    expect(await refusal(await call(service, 'POST /api/v1/confirmations', { headers, body }))).toEqual(refused);
  });
});

describe('a stream', () => {
  test('tells the status, every change of a run and what it logs, until the client goes', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('operator');
    const response = await call(service, 'GET /api/v1/events', { headers });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/u);
    const events = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) {
        const { value, done } = (await events?.read()) ?? { done: true, value: undefined };
        if (done) throw new Error(`the stream ended without ${pattern}: ${text}`);
        text += value;
      }
    };
    await until(/retry: 3000\n\nid: 1\nevent: status\ndata: /u);
    const { id } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    await until(new RegExp(`event: run\\ndata: \\{"id":"${id}"[^\\n]*"state":"ended"`, 'u'));
    await until(/event: status\ndata: [^\n]*"health":"healthy"/u);
    expect(text).toMatch(/event: run\ndata: [^\n]*"progress":\{"label"/u);
    await events?.cancel();
  });

  test('of one run ends with the run', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('operator');
    await rm(join(service.directory, 'notes'), { recursive: true });
    const { id } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const text = await (await call(service, `GET /api/v1/runs/${id}/events`, { headers })).text();
    expect(text).toContain('"outcome":"failed"');
  });

  test('is refused to whoever has twenty open, and given again when one has ended', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('viewer');
    const client = new AbortController();
    const open = () => fetch(`${service.url}/api/v1/events`, { headers, signal: client.signal });
    const replies = await Promise.all(Array.from({ length: 20 }, open));
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]));
    const refused = await open();
    expect([refused.headers.get('retry-after'), ...(await refusal(refused))]).toEqual(['10', 429, 'RATE_LIMITED']);
    await replies[0]?.body?.cancel();
    await expect.poll(async () => (await open()).status).toBe(200);
    client.abort();
  });
});
