import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { call, notesPlan, serviceOfNotes } from '../../../test/fixtures/live-service.ts';
import { z } from 'zod';
import { backupsCleanup, backupsDone, backupsEntry } from '../backups-contract.ts';
import { problem } from '../contract.ts';

const list = z.array(backupsEntry);

describe('the calls below /backups', () => {
  test('make, list, tell of, download, restore, and delete an archive, each reply field for field', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('administrator');

    const made = await call(service, 'POST /backups', { headers, body: { description: 'Pre-upgrade backup' } });
    const { filename, timestamp } = backupsDone.parse(await made.json());
    expect(made.status).toBe(201);
    expect(filename).toMatch(/^notes_backup_\d{8}_\d{6}\.tar\.zst$/u);
    expect(made.headers.get('location')).toBe(`backups/${filename}`);

    const [entry, ...others] = list.parse(await (await call(service, 'GET /backups', { headers })).json());
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      filename,
      description: 'Pre-upgrade backup',
      created_at: timestamp,
      database_name: '',
      database_host: '',
    });
    expect(entry?.timestamp).toBe(timestamp.replaceAll(/[-:]/gu, '').replace('T', '_'));
    expect(Object.keys(entry ?? {})).toEqual([
      'filename',
      'timestamp',
      'created_at',
      'description',
      'size_bytes',
      'database_name',
      'database_host',
    ]);
    expect(await (await call(service, `GET /backups/${filename}`, { headers })).json()).toEqual(entry);

    const download = await call(service, `GET /backups/${filename}/download`, { headers });
    const stored = await readFile(join(service.directory, 'store', filename));
    expect(Buffer.from(await download.arrayBuffer()).equals(stored)).toBe(true);
    expect(entry?.size_bytes).toBe(stored.length);

    await writeFile(join(service.directory, 'notes', 'a.txt'), 'overwritten');
    const restored = await call(service, 'POST /backups/restore', { headers, body: { filename } });
    expect(backupsDone.parse(await restored.json())).toMatchObject({ message: 'Archive restored successfully', filename });
    expect(await readFile(join(service.directory, 'notes', 'a.txt'), 'utf8')).toBe('one');

    const deleted = await call(service, `DELETE /backups/${filename}`, { headers });
    expect(backupsDone.parse(await deleted.json())).toMatchObject({ message: 'Backup deleted successfully', filename });
    expect(await (await call(service, 'GET /backups', { headers })).json()).toEqual([]);
    expect((await readdir(join(service.directory, 'store'))).filter((name) => name.startsWith('notes'))).toEqual([]);
    const entries = await service.context.state.audit.entries({ limit: 10 });
    expect(entries.map(({ act, result, target }) => [act, result, target])).toEqual([
      ['delete', 'done', filename],
      ['restore', 'done', filename],
      ['download', 'done', filename],
      ['backup', 'done', filename],
    ]);
    expect(entries[0]?.details).toMatchObject({ newestVerified: true });
  });

  test('a backup that lost something is no success', async () => {
    const aFile = 'path: "DIR/store" }\n      - { kind: local, path: "DIR/notes/a.txt" }';
    await using service = await serviceOfNotes(notesPlan().replace('path: "DIR/store" }', aFile));
    const made = await call(service, 'POST /backups', { headers: await service.as('operator'), body: { description: null } });
    const message = expect.stringMatching(/^Backup created, but degraded: .* is not a directory; see: holdfast show notes-/u);
    expect([made.status, backupsDone.parse(await made.json())]).toMatchObject([201, { status: 'degraded', message }]);
  });

  test('the cleanup removes what the days no longer keep, and says what that was', async () => {
    await using service = await serviceOfNotes(notesPlan({ keep: 'days: 30' }));
    const headers = await service.as('operator');
    await call(service, 'POST /backups', { headers });
    const cleaned = await call(service, 'POST /backups/cleanup', { headers });
    expect(backupsCleanup.parse(await cleaned.json())).toMatchObject({
      deleted_count: 0,
      deleted_files: [],
      total_size_freed: 0,
      retention_days: 30,
    });
  });

  test('the list is not sent again while nothing changed', async () => {
    await using service = await serviceOfNotes();
    const headers = await service.as('operator');
    const etag = (await call(service, 'GET /backups', { headers })).headers.get('etag') ?? '';
    expect((await call(service, 'GET /backups', { headers: { ...headers, 'if-none-match': etag } })).status).toBe(304);
    await call(service, 'POST /backups', { headers });
    const after = await call(service, 'GET /backups', { headers: { ...headers, 'if-none-match': etag } });
    expect(list.parse(await after.json())).toHaveLength(1);
  });

  test('a failed backup is told as what failed', async () => {
    await using service = await serviceOfNotes();
    await rm(join(service.directory, 'notes'), { recursive: true });
    const response = await call(service, 'POST /backups', { headers: await service.as('operator') });
    expect([response.status, problem.parse(await response.json()).code]).toEqual([503, 'SOURCE_MISSING']);
    const [entry] = await service.context.state.audit.entries({ limit: 1 });
    expect(entry).toMatchObject({ act: 'backup' });
    expect(entry?.result).not.toBe('done');
  });

  test.each([
    ['POST /backups', 'viewer'],
    ['POST /backups/cleanup', 'viewer'],
    ['POST /backups/restore', 'operator'],
    ['DELETE /backups/x', 'operator'],
    ['GET /backups/x/download', 'viewer'],
  ] as const)('%s is refused to the role %s', async (asked, role) => {
    await using service = await serviceOfNotes();
    const response = await call(service, asked, { headers: await service.as(role), ...(asked.startsWith('GET') ? {} : { body: {} }) });
    expect([response.status, problem.parse(await response.json()).code]).toEqual([403, 'FORBIDDEN']);
  });

  test.each(['..%2f..%2fetc%2fpasswd', 'notes.manifest.json', 'x'.repeat(400), 'a%20b', '%F0%9F%92%A9'])(
    'a name that is no archive is unknown: %s',
    async (name) => {
      await using service = await serviceOfNotes();
      const headers = await service.as('administrator');
      for (const asked of [`GET /backups/${name}`, `GET /backups/${name}/download`, `DELETE /backups/${name}`]) {
        const response = await call(service, asked, { headers });
        expect([asked, response.status]).toEqual([asked, 404]);
      }
      const body = { filename: decodeURIComponent(name) };
      expect((await call(service, 'POST /backups/restore', { headers, body })).status).toBe(404);
    },
  );

  test('a token of another plan sees no archive, and cannot make one', async () => {
    await using service = await serviceOfNotes();
    const mine = await service.as('administrator');
    const made = await call(service, 'POST /backups', { headers: mine });
    const { filename } = backupsDone.parse(await made.json());
    const headers = await service.as('administrator', ['other']);
    expect(await (await call(service, 'GET /backups', { headers })).json()).toEqual([]);
    expect((await call(service, `GET /backups/${filename}`, { headers })).status).toBe(404);
    expect((await call(service, `DELETE /backups/${filename}`, { headers })).status).toBe(404);
    expect((await call(service, 'POST /backups', { headers })).status).toBe(404);
  });

  test('bodies with other keys are refused', async () => {
    await using service = await serviceOfNotes();
    const response = await call(service, 'POST /backups', { headers: await service.as('operator'), body: { name: 'x' } });
    expect([response.status, problem.parse(await response.json()).code]).toEqual([400, 'REQUEST_INVALID']);
  });
});
