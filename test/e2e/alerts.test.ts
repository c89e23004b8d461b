import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type HttpReceiver, httpReceiver } from '../fixtures/http-receiver.ts';
import { mailServer } from '../fixtures/mail-server.ts';
import type { Role } from '../../src/domain/principal.ts';
import { type Installation, install, type Report } from './holdfast.ts';
import { serve, type Service } from './service.ts';

interface Told {
  readonly kind: string;
  readonly plan: string | null;
  readonly count: number;
  readonly run: { readonly key: string; readonly verb: string } | null;
  readonly host: string;
}

const told = ({ received }: HttpReceiver): Told[] => received.map(({ body }) => JSON.parse(body) as Told);
const kinds = (receiver: HttpReceiver): string[] => told(receiver).map(({ kind }) => kind);

interface Machine extends AsyncDisposable {
  readonly holdfast: Installation;
  readonly files: string;
}

/** A plan of some files, with these channels. */
async function machine(channels: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const holdfast = await install(env);
  const files = join(holdfast.directory, 'files');
  await mkdir(files);
  await writeFile(join(files, 'letter.txt'), 'Dear Ada');
  await holdfast.configure(
    [
      'plans:',
      '  home:',
      `    sources: [{ kind: files, paths: [${files}] }]`,
      `    stores: [{ kind: local, path: ${holdfast.store} }]`,
      '    notify:',
      ...channels.map((channel) => `      - ${channel}`),
      '',
    ].join('\n'),
  );
  return { holdfast, files, [Symbol.asyncDispose]: () => holdfast[Symbol.asyncDispose]() };
}

describe('a command', () => {
  test('tells of a failure once, not again the same day, and that it is over', async () => {
    await using receiver = await httpReceiver();
    await using at = await machine(['{ kind: webhook, name: hook, url: "${env:HOOK}" }'], { HOOK: `${receiver.url}/secret-path` });
    await rename(at.files, `${at.files}.away`);
    expect((await at.holdfast.run(['backup'])).exitCode).toBe(1);
    expect((await at.holdfast.run(['backup'])).exitCode).toBe(1);
    expect(told(receiver)).toMatchObject([{ kind: 'backup-failed', plan: 'home', count: 1, run: { verb: 'backup' } }]);
    await rename(`${at.files}.away`, at.files);
    await at.holdfast.json<Report>(['backup']);
    expect(told(receiver)).toMatchObject([{ kind: 'backup-failed' }, { kind: 'recovered', count: 2 }]);
    await at.holdfast.json<Report>(['backup']);
    expect(kinds(receiver)).toEqual(['backup-failed', 'recovered']);
  });

  test('pings at the start and the end of a backup, by the key of its run', async () => {
    await using receiver = await httpReceiver();
    const check = '/7c3e6f0e-1111-4e0b-9a55-0e6d3f1c2b4a';
    await using at = await machine(['{ kind: healthchecks, url: "${env:CHECK}" }'], { CHECK: receiver.url + check });
    await at.holdfast.json<Report>(['backup']);
    const [start = '', end] = receiver.received.map(({ path }) => path);
    expect(receiver.received).toHaveLength(2);
    expect(start).toMatch(new RegExp(`^${check}/start\\?rid=[0-9a-f-]{36}$`, 'u'));
    expect(end).toBe(start.replace('/start', ''));
  });

  test('does not fail because nobody can be told, says so, and the next command sends what waited', async () => {
    await using receiver = await httpReceiver();
    receiver.answer = { status: 503 };
    await using at = await machine(['{ kind: webhook, name: hook, url: "${env:HOOK}", events: [successes] }'], {
      HOOK: `${receiver.url}/secret-path`,
    });
    const ended = await at.holdfast.run(['backup']);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain('A notification could not be delivered');
    expect(ended.stderr + ended.stdout).not.toContain('secret-path');
    receiver.answer = { status: 200 };
    // It is tried again after half a minute.
    const later = await at.holdfast.run(['backup'], { wrapper: ['faketime', '-m', '-f', '+2m'] });
    expect(later.exitCode, later.stderr).toBe(0);
    expect(kinds(receiver)).toEqual(['backup-succeeded', 'backup-succeeded', 'backup-succeeded']);
    expect(new Set(told(receiver).map(({ run }) => run?.key)).size).toBe(2);
  });

  test('tries channels by hand, one or all, and fails when one does', async () => {
    await using receiver = await httpReceiver();
    await using mail = await mailServer();
    const channels = [
      '{ kind: webhook, name: hook, url: "${env:HOOK}" }',
      '{ kind: email, name: mail, to: [ada@example.org], smtp: "${env:SMTP}" }',
    ];
    await using at = await machine(channels, { HOOK: receiver.url, SMTP: `smtp://127.0.0.1:${mail.port}` });
    expect(await at.holdfast.json(['notify', 'test'])).toEqual({
      plan: 'home',
      results: [
        { channel: 'hook', error: null },
        { channel: 'mail', error: null },
      ],
    });
    expect(kinds(receiver)).toEqual(['test']);
    expect(mail.mails.map(({ to }) => to)).toEqual([['ada@example.org']]);
    mail.answer = () => ({ code: 550, words: 'no such user' });
    const failed = await at.holdfast.run(['notify', 'test', '--channel', 'mail']);
    expect([failed.exitCode, receiver.received.length]).toEqual([1, 1]);
    expect(failed.stdout).toContain('it answered 550');
    const unknown = await at.holdfast.run(['notify', 'test', '--channel', 'pager']);
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('Name one of: hook, mail')]);
  });

  test('knows its channels from the environment alone', async () => {
    await using receiver = await httpReceiver();
    await using holdfast = await install();
    await mkdir(join(holdfast.directory, 'files'));
    const env = {
      BACKUP_FILES: join(holdfast.directory, 'files'),
      BACKUP_DIR: holdfast.store,
      BACKUP_ALERT_WEBHOOK_URL: receiver.url,
      BACKUP_ALERT_ON: 'starts',
    };
    await writeFile(join(holdfast.directory, 'files', 'letter.txt'), 'Dear Ada');
    await holdfast.json<Report>(['backup'], { env });
    expect(kinds(receiver)).toEqual(['backup-started']);
  });
});

interface Page<T> {
  readonly items: readonly T[];
}

async function get<T>(service: Service, path: string, role: Role = 'viewer'): Promise<T> {
  const response = await fetch(`${service.url}/api/v1/${path}`, { headers: await service.as(role) });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

describe('the service', () => {
  test('tells of the runs of its workers, shows what is wrong and whom it told, and tries channels', async () => {
    await using receiver = await httpReceiver();
    await using at = await machine(['{ kind: webhook, name: hook, url: "${env:HOOK}", events: [all] }'], {
      HOOK: `${receiver.url}/secret-path`,
    });
    await rename(at.files, `${at.files}.away`);
    await using service = await serve(at.holdfast);
    const act = async (path: string): Promise<{ readonly status: number; readonly body: unknown }> => {
      const headers = { ...(await service.as('operator')), 'content-type': 'application/json' };
      const response = await fetch(`${service.url}/api/v1/${path}`, { method: 'POST', headers, body: '{}' });
      return { status: response.status, body: await response.json() };
    };
    expect((await act('plans/home/backups')).status).toBe(202);
    await receiver.until(2);
    expect(kinds(receiver)).toEqual(['backup-started', 'backup-failed']);
    expect(await get<Page<object>>(service, 'alerts')).toMatchObject({
      items: [{ plan: 'home', subject: 'backup', severity: 'critical', count: 1, action: expect.any(String) as string }],
    });
    await rename(`${at.files}.away`, at.files);
    expect((await act('plans/home/backups')).status).toBe(202);
    await receiver.until(5);
    expect(kinds(receiver).slice(2).toSorted()).toEqual(['backup-started', 'backup-succeeded', 'recovered']);
    expect(await get<Page<object>>(service, 'alerts')).toEqual({ items: [], next: null });

    expect(await act('plans/home/notifications/test')).toEqual({ status: 200, body: { results: [{ channel: 'hook', error: null }] } });
    receiver.answer = { status: 404 };
    const refused = await act('plans/home/notifications/test');
    expect(refused).toMatchObject({
      status: 200,
      body: { results: [{ channel: 'hook', error: expect.stringContaining('404') as string }] },
    });
    const channels = await get<Page<object>>(service, 'channels');
    expect(channels).toMatchObject({ items: [{ plan: 'home', name: 'hook', kind: 'webhook', lastError: null, waiting: 0 }] });
    const deliveries = await get<Page<{ readonly state: string }>>(service, 'deliveries?limit=3');
    expect(deliveries.items.map(({ state }) => state)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(JSON.stringify([channels, deliveries, refused])).not.toContain('secret-path');
    const runs = await get<Page<{ readonly id: string }>>(service, 'runs?verb=backup');
    expect(told(receiver).map(({ run }) => run?.key)).toContain(runs.items[0]?.id);
  });

  test('that is stopped while a channel does not answer ends all the same, says what waits, and sends it after the next start', async () => {
    await using receiver = await httpReceiver();
    receiver.answer = null;
    await using at = await machine(['{ kind: webhook, name: hook, url: "${env:HOOK}", events: [backup-failed] }'], { HOOK: receiver.url });
    await rename(at.files, `${at.files}.away`);
    const service = await serve(at.holdfast);
    const headers = { ...(await service.as('operator')), 'content-type': 'application/json' };
    await fetch(`${service.url}/api/v1/plans/home/backups`, { method: 'POST', headers, body: '{}' });
    await receiver.until(1);
    service.process.kill('SIGTERM');
    const { exitCode, stderr } = await service.process.ended;
    expect([exitCode, stderr]).toEqual([143, expect.stringContaining('Notifications could not be sent before the stop')]);
    receiver.answer = { status: 200 };
    await using _again = await serve(at.holdfast);
    await receiver.until(2);
    expect(kinds(receiver)).toEqual(['backup-failed', 'backup-failed']);
  });
});
