import { randomUUID } from 'node:crypto';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, runToItsEnd, serviceOfNotes, type LiveService } from '../../../test/fixtures/live-service.ts';
import { confirmation, contentsPage, page, problem, run, snapshotDetail, snapshotSummary, type ApiSnapshotDetail } from '../contract.ts';

const snapshotPage = page('SnapshotPage', snapshotSummary);
type Headers = Readonly<Record<string, string>>;

const twoStores = `plans:
  notes:
    sources: [{ kind: files, paths: ["DIR/notes"] }]
    stores:
      - { kind: local, path: "DIR/store", name: first }
      - { kind: local, path: "DIR/usb", name: usb }
  other:
    sources: [{ kind: files, paths: ["DIR/notes"] }]
    stores: [{ kind: local, path: "DIR/store", name: first }]
`;

async function detailOf(service: LiveService, headers: Headers, id: string): Promise<ApiSnapshotDetail> {
  return snapshotDetail.parse(await (await call(service, `GET /api/v1/snapshots/${id}`, { headers })).json());
}

async function refusal(response: Response): Promise<[number, string]> {
  const { status, code } = problem.parse(await response.json());
  return [status, code];
}

describe('snapshots that are there', () => {
  let service: LiveService;
  let headers: Headers;
  let id: string;

  beforeAll(async () => {
    service = await serviceOfNotes(twoStores);
    headers = await service.as('operator');
    id = (await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers, body: { description: 'two notes' } })).snapshotId ?? '';
    await runToItsEnd(service, 'POST /api/v1/plans/other/backups', { headers });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test('are listed page by page, newest first, one for each copy', async () => {
    const whole = snapshotPage.parse(await (await call(service, 'GET /api/v1/snapshots', { headers })).json());
    expect(whole.items.map(({ plan, store }) => `${plan} in ${store}`).toSorted()).toEqual([
      'notes in first',
      'notes in usb',
      'other in first',
    ]);
    expect(whole.items.map(({ createdAt }) => createdAt)).toEqual(
      whole.items
        .map(({ createdAt }) => createdAt)
        .toSorted()
        .toReversed(),
    );
    const paged = [];
    for (let next: string | null = ''; next !== null;) {
      const before = next === '' ? '' : `&before=${next}`;
      const one = snapshotPage.parse(await (await call(service, `GET /api/v1/snapshots?limit=1${before}`, { headers })).json());
      paged.push(...one.items);
      next = one.next;
    }
    expect(paged).toEqual(whole.items);
  });

  test('are filtered by plan and store', async () => {
    const ofPlan = snapshotPage.parse(await (await call(service, 'GET /api/v1/snapshots?plan=notes&store=usb', { headers })).json());
    expect(ofPlan.items.map(({ id: listed, store }) => [listed, store])).toEqual([[id, 'usb']]);
  });

  const withNul = JSON.stringify({ createdAt: '2026-01-01T00:00:00.000Z', id: '\0', store: 'first' });
  test.each(['nonsense', 'e30', ...['{"createdAt":1}', withNul].map((text) => Buffer.from(text).toString('base64url'))])(
    'a cursor that no page gave is refused: %s',
    async (cursor) => {
      expect(await refusal(await call(service, `GET /api/v1/snapshots?before=${cursor}`, { headers }))).toEqual([400, 'REQUEST_INVALID']);
    },
  );

  test('tell what is in them, where their copies are, and how to restore them without Holdfast', async () => {
    const detail = await detailOf(service, headers, id);
    expect(detail).toMatchObject({ plan: 'notes', description: 'two notes', encrypted: false, verification: { kind: 'passed' } });
    expect(detail.stores.map(({ store }) => store)).toEqual(['first', 'usb']);
    expect(detail.units).toMatchObject([{ content: 'tree', files: 2 }]);
    expect(detail.restore.join('\n')).toContain('tar');
  });

  test('are browsed folder by folder, and page by page', async () => {
    const look = async (query: string) =>
      contentsPage.parse(await (await call(service, `GET /api/v1/snapshots/${id}/contents${query}`, { headers })).json());
    const [top] = (await look('')).entries;
    expect(top).toMatchObject({ type: 'directory' });
    const inside = await look(`?path=${encodeURIComponent(top?.path ?? '')}`);
    expect(inside.entries.map(({ name, type, sizeBytes }) => [name, type, sizeBytes])).toEqual([
      ['deep', 'directory', null],
      ['a.txt', 'file', 3],
    ]);
    const first = await look(`?path=${encodeURIComponent(top?.path ?? '')}&limit=1`);
    const second = await look(`?path=${encodeURIComponent(top?.path ?? '')}&limit=1&before=${first.next}`);
    expect([...first.entries, ...second.entries]).toEqual(inside.entries);
    expect(second.next).toBeNull();
  });

  test.each(['nothing/here', '../../etc', '/etc/passwd', 'a'.repeat(4000)])('nothing is at a path that is not in it: %s', async (path) => {
    const response = await call(service, `GET /api/v1/snapshots/${id}/contents?path=${encodeURIComponent(path)}`, { headers });
    expect(await refusal(response)).toEqual([404, 'NOT_FOUND']);
  });

  test('their files are downloaded in parts, resumed, and asked for again only when they changed', async () => {
    const part = (await detailOf(service, headers, id)).parts.find(({ role }) => role === 'archive');
    const stored = await readFile(join(service.directory, 'usb', part?.name ?? ''));
    const path = `GET /api/v1/snapshots/${id}/files/${part?.name}?store=usb`;
    const whole = await call(service, path, { headers });
    expect(whole.headers.get('content-length')).toBe(String(stored.length));
    expect(Buffer.from(await whole.arrayBuffer()).equals(stored)).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    expect(etag).toBe(`"${part?.sha256}"`);
    const rest = await call(service, path, { headers: { ...headers, range: 'bytes=10-', 'if-range': etag } });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([206, `bytes 10-${stored.length - 1}/${stored.length}`]);
    expect(Buffer.from(await rest.arrayBuffer()).equals(stored.subarray(10))).toBe(true);
    const other = await call(service, path, { headers: { ...headers, range: 'bytes=10-', 'if-range': '"another"' } });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, stored.length]);
    const beyond = await call(service, path, { headers: { ...headers, range: `bytes=${stored.length}-` } });
    expect([beyond.headers.get('content-range'), ...(await refusal(beyond))]).toEqual([`bytes */${stored.length}`, 416, 'RANGE_INVALID']);
    expect((await call(service, path, { headers: { ...headers, 'if-none-match': etag } })).status).toBe(304);
    const head = await fetch(`${service.url}${path.slice(4)}`, { method: 'HEAD', headers });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(stored.length)]);
  });

  test.each(['..%2f..%2fetc%2fpasswd', '%2fetc%2fpasswd', 'notes.manifest.json', 'x'.repeat(300)])(
    'no file is downloaded that the snapshot does not name: %s',
    async (name) => {
      expect(await refusal(await call(service, `GET /api/v1/snapshots/${id}/files/${name}`, { headers }))).toEqual([404, 'NOT_FOUND']);
    },
  );

  test('are verified, and copied to a store that is named', async () => {
    expect(await runToItsEnd(service, `POST /api/v1/snapshots/${id}/verify`, { headers, body: { depth: 'readable' } })).toMatchObject({
      outcome: 'succeeded',
    });
    const ofOther = snapshotPage.parse(await (await call(service, 'GET /api/v1/snapshots?plan=other', { headers })).json()).items[0]?.id;
    for (const [snapshot, to] of [
      [id, 'nowhere'],
      [ofOther, 'usb'],
    ]) {
      const response = await call(service, `POST /api/v1/snapshots/${snapshot}/copies`, { headers, body: { to } });
      expect(await refusal(response)).toEqual([404, 'NOT_FOUND']);
    }
  });

  test('are drilled for their own plan alone', async () => {
    const response = await call(service, 'POST /api/v1/plans/other/drills', { headers, body: { snapshot: id } });
    expect(await refusal(response)).toEqual([404, 'SNAPSHOT_UNKNOWN']);
  });

  test('of other plans do not exist for a token that is bound to one', async () => {
    const bound = await service.as('administrator', ['other']);
    const listed = snapshotPage.parse(await (await call(service, 'GET /api/v1/snapshots', { headers: bound })).json());
    expect(listed.items.map(({ plan }) => plan)).toEqual(['other']);
    for (const asked of [`GET /api/v1/snapshots/${id}`, `GET /api/v1/snapshots/${id}/contents`, `GET /api/v1/snapshots/${id}/files/x`])
      expect(await refusal(await call(service, asked, { headers: bound }))).toEqual([404, 'SNAPSHOT_UNKNOWN']);
    const filtered = snapshotPage.parse(await (await call(service, 'GET /api/v1/snapshots?plan=notes', { headers: bound })).json());
    expect(filtered.items).toEqual([]);
  });
});

describe('a damaged archive', () => {
  test('never arrives as a whole file, and counts as damaged from then on', async () => {
    await using service = await serviceOfNotes(twoStores);
    const headers = await service.as('operator');
    const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const part = (await detailOf(service, headers, snapshotId ?? '')).parts.find(({ role }) => role === 'archive');
    const file = join(service.directory, 'store', part?.name ?? '');
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(file, bytes);
    const path = `GET /api/v1/snapshots/${snapshotId}/files/${part?.name}?store=first`;
    const response = await call(service, path, { headers }).catch(() => null);
    if (response?.ok === true) await expect(response.arrayBuffer()).rejects.toThrow();
    const detail = await detailOf(service, headers, snapshotId ?? '');
    expect(detail.stores).toMatchObject([
      { store: 'first', verification: { kind: 'failed' } },
      { store: 'usb', verification: { kind: 'passed' } },
    ]);
    expect((await call(service, path.replace('?store=first', ''), { headers })).status).toBe(200);
    await truncate(file, 5);
    expect((await call(service, path, { headers })).status).toBe(500);
  });
});

describe('deleting a snapshot', () => {
  test('takes a confirmation that was given for just this, once', async () => {
    await using service = await serviceOfNotes(twoStores);
    const headers = await service.as('administrator');
    const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const second = (await runToItsEnd(service, 'POST /api/v1/plans/other/backups', { headers })).snapshotId ?? '';
    const asked = { act: 'delete', target: { snapshot: snapshotId } };
    const given = confirmation.parse(await (await call(service, 'POST /api/v1/confirmations', { headers, body: asked })).json());
    expect(given.changes.map(({ where, effect }) => [where, effect])).toEqual([
      ['first', expect.stringContaining('newest verified snapshot')],
      ['usb', expect.stringContaining('newest verified snapshot')],
    ]);
    const path = `DELETE /api/v1/snapshots/${snapshotId}`;
    const body = { snapshot: snapshotId, confirmation: given.confirmation };
    const key = (): Headers => ({ ...headers, 'idempotency-key': randomUUID() });

    expect(await refusal(await call(service, path, { headers, body }))).toEqual([400, 'REQUEST_INVALID']);
    expect((await call(service, path, { headers: key(), body: { snapshot: snapshotId } })).status).toBe(400);
    expect((await call(service, `DELETE /api/v1/snapshots/${second}`, { headers: key(), body })).status).toBe(400);
    const once = key();
    const done = run.parse(await (await call(service, path, { headers: once, body })).json());
    expect(done).toMatchObject({ verb: 'delete', plan: 'notes', trigger: { user: 'administrator' } });
    expect(await service.queue.whenEnded(done.id)).toMatchObject({ outcome: 'succeeded' });
    expect((await readdir(join(service.directory, 'usb'))).filter((name) => name.startsWith('notes'))).toEqual([]);

    const again = await call(service, path, { headers: once, body });
    expect([again.status, again.headers.get('idempotency-replayed'), run.parse(await again.json()).id]).toEqual([202, 'true', done.id]);
    const target = { act: 'delete', target: { snapshot: second } };
    const other = confirmation.parse(await (await call(service, 'POST /api/v1/confirmations', { headers, body: target })).json());
    const somebody = { ...(await service.as('administrator')), 'idempotency-key': randomUUID() };
    const forged = { snapshot: second, confirmation: other.confirmation };
    expect(await refusal(await call(service, `DELETE /api/v1/snapshots/${second}`, { headers: somebody, body: forged }))).toEqual([
      409,
      'CONFIRMATION_REJECTED',
    ]);
    expect(await refusal(await call(service, `DELETE /api/v1/snapshots/${second}`, { headers: key(), body: forged }))).toEqual([
      409,
      'CONFIRMATION_REJECTED',
    ]);
  });

  test('and asking to confirm it, is for administrators', async () => {
    await using service = await serviceOfNotes(twoStores);
    const headers = await service.as('operator');
    const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
    const asked = { act: 'delete', target: { snapshot: snapshotId } };
    expect(await refusal(await call(service, 'POST /api/v1/confirmations', { headers, body: asked }))).toEqual([403, 'FORBIDDEN']);
  });
});

test('a snapshot that nobody made is unknown', async () => {
  await using service = await serviceOfNotes(twoStores);
  await expect(
    call(service, 'GET /api/v1/snapshots/notes-20260101-000000', { headers: await service.as('viewer') }).then(refusal),
  ).resolves.toEqual([404, 'SNAPSHOT_UNKNOWN']);
});
