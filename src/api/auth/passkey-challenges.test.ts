import { expect, it } from 'vitest';
import { expectCode } from '../../../test/contracts/object-store.ts';
import { PasskeyChallenges } from './passkey-challenges.ts';

function challenges() {
  const time = { nowMs: 0 };
  return { time, known: new PasskeyChallenges({ monotonicMs: () => time.nowMs }) };
}

const stranger = { userId: null, address: '192.0.2.1' };

it('a challenge is taken once, in time, by whom it was put to', () => {
  const { time, known } = challenges();
  known.expect('a', stranger);
  known.expect('b', { ...stranger, userId: 'ada' });
  known.expect('c', stranger);
  expect([known.take('a', null), known.take('a', null)]).toEqual([true, false]);
  expect([known.take('b', 'bob'), known.take('b', 'ada')]).toEqual([false, false]);
  time.nowMs = 5 * 60_000;
  expect(known.take('c', null)).toBe(false);
});

it('whoever leaves many unanswered has to wait, by address and network, and nobody else', async () => {
  const { time, known } = challenges();
  const fill = (address: string) => {
    for (let count = 0; count < 50; count++) known.expect(`${address} ${count}`, { userId: null, address });
  };
  fill('192.0.2.1');
  fill('2001:db8::1');
  time.nowMs = 60_000;
  for (const address of ['192.0.2.1', '2001:db8::ffff:2']) {
    const refused = Promise.resolve().then(() => known.expect('more', { userId: null, address }));
    await expectCode('RATE_LIMITED', refused);
    await expect(refused).rejects.toMatchObject({ retry: { kind: 'after', delayMs: 4 * 60_000 } });
  }
  known.expect('other', { userId: null, address: '192.0.2.2' });
  known.expect('own', { userId: 'ada', address: '192.0.2.1' });
  expect([known.take('other', null), known.take('own', 'ada'), known.take('192.0.2.1 0', null)]).toEqual([true, true, true]);
  known.expect('answered ones count no more', stranger);
});

it('when too many wait in all the oldest go', () => {
  const { known } = challenges();
  for (let count = 0; count <= 1000; count++) known.expect(String(count), { userId: null, address: `192.0.${count % 250}.1` });
  expect([known.take('0', null), known.take('1', null), known.take('1000', null)]).toEqual([false, true, true]);
});
