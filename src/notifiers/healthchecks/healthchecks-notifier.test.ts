import { describe, expect, test } from 'vitest';
import { describeContract } from '../../../test/contracts/contract.ts';
import { notifierClauses, sampleEvent, sampleMessage } from '../../../test/contracts/notifier.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { httpChannel } from '../../../test/fixtures/http-channel.ts';
import { httpReceiver } from '../../../test/fixtures/http-receiver.ts';
import type { EventKind } from '../../domain/events.ts';
import { Secret } from '../../domain/secret.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { healthchecksConfig } from './healthchecks-config.ts';
import { healthchecksNotifier } from './healthchecks-notifier.ts';

const check = '7c3e6f0e-1111-4e0b-9a55-0e6d3f1c2b4a';

function openAt(url: string) {
  const config = healthchecksConfig.parse({ url: new Secret(`${url}/${check}`, 'literal') });
  return healthchecksNotifier.open(config, { clock: systemClock, log: keptLog(), environment: {} });
}

describeContract('pings', { clauses: notifierClauses, make: () => httpChannel(openAt, [check]) });

describe('a ping', () => {
  test('says by its address what happened, and to which run', async () => {
    await using receiver = await httpReceiver();
    const pathOf = async (kind: EventKind, run = sampleEvent().run) => {
      await openAt(receiver.url).send(sampleMessage({ event: sampleEvent({ kind, run }) }), new AbortController().signal);
      return receiver.received.at(-1)?.path;
    };
    const rid = `?rid=${sampleEvent().run?.key}`;
    expect(await pathOf('backup-started')).toBe(`/${check}/start${rid}`);
    expect(await pathOf('backup-succeeded')).toBe(`/${check}${rid}`);
    expect(await pathOf('backup-failed')).toBe(`/${check}/fail${rid}`);
    expect(await pathOf('backup-degraded')).toBe(`/${check}/fail${rid}`);
    expect(await pathOf('overdue', null)).toBe(`/${check}/log`);
    expect(await pathOf('backup-failed', { ...sampleEvent().run!, key: 'n-12' })).toBe(`/${check}/fail`);
  });

  test('has no more than 10 kB to say', async () => {
    await using receiver = await httpReceiver();
    const event = sampleEvent({ message: '💾'.repeat(10_000) });
    await openAt(receiver.url).send(sampleMessage({ event }), new AbortController().signal);
    expect(Buffer.byteLength(receiver.received[0]?.body ?? '')).toBeLessThanOrEqual(10_000);
  });
});
