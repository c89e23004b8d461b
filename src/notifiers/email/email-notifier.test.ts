import tls from 'node:tls';
import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import { describeContract } from '../../../test/contracts/contract.ts';
import { type Mood, notifierClauses, type NotifierSubject, sampleEvent, sampleMessage } from '../../../test/contracts/notifier.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { mailServer, selfSigned, silentServer } from '../../../test/fixtures/mail-server.ts';
import { Secret } from '../../domain/secret.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { emailConfig, mailServer as configuredServer } from './email-config.ts';
import { emailNotifier } from './email-notifier.ts';
import { mailOf } from './mail.ts';

const never = new AbortController().signal;
const pass = 'pa55word-secret';

function openAt(smtp: string, more: Readonly<Record<string, unknown>> = {}) {
  const config = emailConfig.parse({ to: ['ada@example.org'], smtp: new Secret(smtp, 'literal'), ...more });
  return emailNotifier.open(config, { clock: systemClock, log: keptLog(), environment: {} });
}

async function channel(): Promise<NotifierSubject & AsyncDisposable> {
  const server = await mailServer({ login: { user: 'ada', pass } });
  const silent = await silentServer();
  const gone = await mailServer();
  await gone[Symbol.asyncDispose]();
  let mood: Mood = 'takes';
  const words = `no: ada ${pass} ${Buffer.from(`\0ada\0${pass}`).toString('base64')}`;
  server.answer = () => (mood === 'refuses' ? { code: 550, words } : mood === 'is-busy' ? { code: 451, words } : null);
  const port = (): number => (mood === 'hangs' ? silent.port : mood === 'is-gone' ? gone.port : server.port);
  const texts = (): string[] => server.mails.map(({ raw }) => raw.replaceAll('=\r\n', ''));
  return {
    secrets: [pass, Buffer.from(`\0ada\0${pass}`).toString('base64')],
    notifier: { send: (message, signal) => openAt(`smtp://ada:${pass}@127.0.0.1:${port()}`).send(message, signal) },
    behave(next) {
      mood = next;
      return Promise.resolve();
    },
    taken: texts,
    seen: texts,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await silent[Symbol.asyncDispose]();
    },
  };
}

describeContract('e-mail', { clauses: notifierClauses, make: channel });

describe('a mail', () => {
  test('has a subject, plain text and HTML that says the same', async () => {
    await using server = await mailServer();
    const event = sampleEvent({ title: 'Backup of <b>Büro</b> failed\r\nBcc: eve@example.org', message: '<img src=x> & "more"' });
    const more = { to: ['ada@example.org', 'bob@example.org'], from: 'backup@example.org' };
    await openAt(`smtp://127.0.0.1:${server.port}`, more).send(
      sampleMessage({ event, link: 'https://backup.example.org/plans/home' }),
      never,
    );
    const [received] = server.mails;
    expect(received).toMatchObject({ from: 'backup@example.org', to: ['ada@example.org', 'bob@example.org'], user: null });
    const mail = await simpleParser(received!.raw);
    expect(mail.subject).toBe('Backup of <b>Büro</b> failed Bcc: eve@example.org');
    expect(mail.bcc).toBeUndefined();
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail.text).toContain('What to do: Free space on the drive');
    expect(mail.html).toContain('&lt;img src=x&gt; &amp; &quot;more&quot;');
    expect(mail.html).toContain('<a href="https://backup.example.org/plans/home">');
  });

  test('of a trouble that goes on, and of its end, answers the first one', () => {
    const first = mailOf(sampleMessage());
    const again = mailOf(sampleMessage({ count: 7 }));
    const over = mailOf(sampleMessage({ event: sampleEvent({ kind: 'recovered', severity: 'info' }) }));
    expect(mailOf(sampleMessage())).toEqual(first);
    expect(first.inReplyTo).toBeNull();
    expect([again.inReplyTo, over.inReplyTo]).toEqual([first.messageId, first.messageId]);
    expect(new Set([first, again, over].map(({ messageId }) => messageId)).size).toBe(3);
    expect(mailOf(sampleMessage({ event: sampleEvent({ plan: 'office' }) })).messageId).not.toBe(first.messageId);
  });

  test('that one of several addresses refuses is told as refused, not sent again to the others', async () => {
    await using server = await mailServer();
    server.answer = (address) => (address.startsWith('bob') ? { code: 550, words: 'no such user' } : null);
    const sending = openAt(`smtp://127.0.0.1:${server.port}`, { to: ['ada@example.org', 'bob@example.org'] }).send(sampleMessage(), never);
    await expect(sending).rejects.toMatchObject({ code: 'NOTIFY_REJECTED', message: expect.stringContaining('1 of 2') as string });
    expect(server.mails.map(({ to }) => to)).toEqual([['ada@example.org']]);
  });

  test('is not handed in with a wrong password, and says so', async () => {
    await using server = await mailServer({ login: { user: 'ada', pass } });
    await expect(openAt(`smtp://ada:wrong-secret@127.0.0.1:${server.port}`).send(sampleMessage(), never)).rejects.toMatchObject({
      code: 'NOTIFY_REJECTED',
      message: 'Cannot mail by 127.0.0.1: it answered 535',
      hint: expect.stringContaining('password') as string,
    });
    expect(server.mails).toEqual([]);
  });
});

describe('TLS', () => {
  test('is required where it was not switched off: a server without it gets neither password nor mail', async () => {
    await using server = await mailServer({ tls: 'none', login: { user: 'ada', pass } });
    const sending = openAt(`smtp://ada:${pass}@localhost:${server.port}`, { startTls: 'required' }).send(sampleMessage(), never);
    await expect(sending).rejects.toMatchObject({ code: 'NOTIFY_FAILED', message: 'Cannot mail by localhost: it does not turn to TLS' });
    expect(server.mails).toEqual([]);
  });

  test.each(['STARTTLS', 'TLS'] as const)(
    '%s is used when its certificate is trusted, and nothing is sent when it is not',
    async (kind) => {
      const certificate = await selfSigned();
      await using server = await mailServer({ tls: kind, certificate, login: { user: 'ada', pass } });
      const scheme = kind === 'TLS' ? 'smtps' : 'smtp';
      const channelTo = openAt(`${scheme}://ada:${pass}@localhost:${server.port}`, { startTls: 'required' });
      await expect(channelTo.send(sampleMessage(), never)).rejects.toMatchObject({
        code: 'NOTIFY_FAILED',
        message: 'Cannot mail by localhost: its certificate is not trusted',
      });
      expect(server.mails).toEqual([]);
      const trusted = tls.getCACertificates('default');
      tls.setDefaultCACertificates([...trusted, certificate.cert]);
      try {
        await channelTo.send(sampleMessage(), never);
      } finally {
        tls.setDefaultCACertificates(trusted);
      }
      expect(server.mails).toMatchObject([{ user: 'ada', isSecure: true }]);
    },
  );
});

describe('the configuration of e-mail', () => {
  const problemsOf = (input: Readonly<Record<string, unknown>>) =>
    emailConfig.safeParse({ to: ['ada@example.org'], ...input }).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ??
    [];
  const at = (smtp: string) => ({ smtp: new Secret(smtp, 'literal') });

  test('tells where mail is handed in, and turns to TLS unless that is this machine', () => {
    expect(configuredServer({})).toEqual({ host: 'localhost', port: 25, tls: 'off', login: null });
    expect(configuredServer(at('smtp://a%40b:p%2Fw@mail.example.org'))).toEqual({
      host: 'mail.example.org',
      port: 587,
      tls: 'required',
      login: { user: 'a@b', pass: 'p/w' },
    });
    expect(configuredServer(at('smtps://[2001:db8::1]'))).toMatchObject({ host: '2001:db8::1', port: 465, tls: 'from-the-start' });
  });

  test('refuses what would send a password readably, and addresses that are none', () => {
    expect(problemsOf({ ...at('smtp://ada:x@mail.example.org'), startTls: 'off' })).toEqual([
      'smtp holds a password, which startTls: off would send readably',
    ]);
    expect(problemsOf(at('http://mail.example.org'))).toEqual(['smtp must be smtp://user:password@host:port or smtps://…']);
    expect(problemsOf(at('smtp://ada:100%@mail.example.org'))).toHaveLength(1);
    for (const to of ['ada', 'ada@x\r\nBcc: eve@x', 'a@b, c@d', 'Ada <a@b>']) expect(problemsOf({ to: [to] })).toHaveLength(1);
  });
});
