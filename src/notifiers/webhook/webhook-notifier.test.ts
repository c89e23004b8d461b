import { describe, expect, test } from 'vitest';
import { describeContract } from '../../../test/contracts/contract.ts';
import { notifierClauses, sampleMessage } from '../../../test/contracts/notifier.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { httpChannel } from '../../../test/fixtures/http-channel.ts';
import { httpReceiver } from '../../../test/fixtures/http-receiver.ts';
import { HoldfastError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Notifier } from '../../ports/notifier.ts';
import { webhookFormats } from './formats.ts';
import { webhookConfig } from './webhook-config.ts';
import { webhookNotifier } from './webhook-notifier.ts';

const never = new AbortController().signal;
const token = 'tk_bE7kq0-secret-token';

function openAt(url: string, more: Readonly<Record<string, unknown>> = {}): Notifier {
  const written = { url: new Secret(url, 'literal'), ...('token' in more ? { token: new Secret(String(more['token']), 'literal') } : {}) };
  const config = webhookConfig.parse({ ...more, ...written });
  return webhookNotifier.open(config, { clock: systemClock, log: keptLog(), environment: {} });
}

for (const format of webhookFormats.filter((each) => each !== 'json')) {
  const more = format === 'ntfy' || format === 'gotify' ? { token } : {};
  const clauses = notifierClauses.filter(({ name }) => name.startsWith('what was sent') || name.startsWith('no payload'));
  describeContract(`a webhook of ${format}`, {
    // Escapes differ; what is said does not.
    clauses,
    make: async () => {
      const subject = await httpChannel(
        (url) => openAt(`${url}/services/T00/b0tt0m-secret`, { format, ...more }),
        ['b0tt0m-secret', token],
      );
      return { ...subject, taken: () => subject.taken().map((text) => text.replaceAll(/\\+(?=[-_.()])/gu, '')) };
    },
  });
}

describeContract('a webhook of JSON', {
  clauses: notifierClauses,
  make: () =>
    httpChannel(
      (url) => openAt(`${url.replace('//', '//ada:pa55word@')}/hook/b0tt0m-secret?key=qu3ry-secret`, { token }),
      ['b0tt0m-secret', 'qu3ry-secret', 'pa55word', token],
    ),
});

describe('a webhook', () => {
  test('waits as long as a busy server asks for', async () => {
    await using receiver = await httpReceiver();
    receiver.answer = { status: 429, headers: { 'retry-after': '90' }, body: 'slow down' };
    await expect(openAt(receiver.url).send(sampleMessage(), never)).rejects.toMatchObject({
      code: 'NOTIFY_FAILED',
      message: `Cannot notify by ${new URL(receiver.url).host}: it answered 429 (slow down)`,
      retry: { kind: 'after', delayMs: 90_000 },
    });
  });

  test('follows no redirection, which could lead anywhere', async () => {
    await using receiver = await httpReceiver();
    await using elsewhere = await httpReceiver();
    receiver.answer = { status: 307, headers: { location: elsewhere.url } };
    await expect(openAt(receiver.url).send(sampleMessage(), never)).rejects.toMatchObject({ code: 'NOTIFY_REJECTED' });
    expect(elsewhere.received).toEqual([]);
  });

  test('reads a little of a reply that never ends', async () => {
    await using receiver = await httpReceiver();
    receiver.answer = { status: 400, body: 'x'.repeat(10_000_000) };
    const error = await openAt(receiver.url)
      .send(sampleMessage(), never)
      .catch((thrown: unknown) => thrown);
    expect((error as HoldfastError).message.length).toBeLessThan(300);
  });

  test('carries its token where each format wants it', async () => {
    await using receiver = await httpReceiver();
    for (const format of ['ntfy', 'gotify', 'json']) await openAt(receiver.url, { format, token }).send(sampleMessage(), never);
    expect(receiver.received.map(({ headers }) => [headers.authorization, headers['x-gotify-key']])).toEqual([
      [`Bearer ${token}`, undefined],
      [undefined, token],
      [`Bearer ${token}`, undefined],
    ]);
  });

  test('logs in with the user of its address', async () => {
    await using receiver = await httpReceiver();
    await openAt(receiver.url.replace('//', '//ada:p%40ss@'), { format: 'ntfy' }).send(sampleMessage(), never);
    expect(receiver.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ada:p@ss').toString('base64')}`);
  });
});

describe('the configuration of a webhook', () => {
  const problemsOf = (input: Readonly<Record<string, unknown>>) =>
    webhookConfig.safeParse(input).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
  const at = (url: string) => ({ url: new Secret(url, 'literal') });

  test('takes https, and http to this machine alone unless it is allowed', () => {
    for (const url of ['https://example.org/x', 'http://localhost:8080/x', 'http://127.0.0.1/x', 'http://[::1]/x'])
      expect(problemsOf(at(url))).toEqual([]);
    for (const url of ['http://example.org/x', 'http://127.0.0.1.example.org/', 'http://localhost.example.org/'])
      expect(problemsOf(at(url))).toEqual(['url is http, which anybody on the way can read; use https, or say allowHttp: true']);
    expect(problemsOf({ ...at('http://example.org/x'), allowHttp: true })).toEqual([]);
    for (const url of ['ftp://example.org', 'example.org', '', 'file:///etc/passwd'])
      expect(problemsOf(at(url))).toEqual(['url must be an address that begins with https://']);
  });

  test('accepts an address that cannot be had yet', () => {
    const missing = new HoldfastError('SECRET_MISSING', 'HOOK is not set', { hint: 'Set it' });
    expect(problemsOf({ url: new Secret(missing, 'env:HOOK') })).toEqual([]);
  });

  test('refuses a token that would have no effect, and Gotify without one', () => {
    expect(problemsOf({ ...at('https://hooks.slack.com/services/x'), token: new Secret(token, 'literal') })).toEqual([
      'token has no effect: slack takes none',
    ]);
    expect(problemsOf({ ...at('https://example.org'), format: 'gotify' })).toEqual([
      'token is missing: gotify wants the token of an application',
    ]);
  });

  test('is told by its host alone', () => {
    const config = webhookConfig.parse(at('https://ada:pass@hooks.slack.com/services/T0/B0/secret'));
    expect(webhookNotifier.place(config)).toBe('hooks.slack.com');
  });
});
