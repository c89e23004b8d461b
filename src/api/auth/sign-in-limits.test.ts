import { expect, it } from 'vitest';
import { expectCode } from '../../../test/contracts/object-store.ts';
import { openTestAccess, type TestAccess } from '../../../test/fixtures/access-context.ts';
import { isHoldfastError } from '../../domain/errors.ts';
import { type Attempt, SignInLimits } from './sign-in-limits.ts';

const second = 1000;
const minute = 60 * second;

function trying(access: TestAccess) {
  const limits = new SignInLimits(access);
  const heard: Attempt[] = [];
  const alarms: number[] = [];
  const attempt = (who: Partial<Attempt>, isRight = false) => {
    const by = { name: 'ada', address: '192.0.2.1', ...who };
    const work = async () => {
      heard.push(by);
      return isRight ? true : undefined;
    };
    return limits.attempt(by, work, async (wrong) => void alarms.push(wrong));
  };
  return { attempt, heard, alarms };
}

/** How long a try has to wait; NaN when it is heard, or fails in another way. */
async function waitOf(tried: Promise<unknown>): Promise<number> {
  const error = await tried.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isHoldfastError(error, 'RATE_LIMITED') && error.retry.kind === 'after' ? error.retry.delayMs : Number.NaN;
}

it('five wrong tries are free, then each waits twice as long as the one before, up to 15 minutes', async () => {
  await using access = await openTestAccess();
  const { attempt, heard } = trying(access);
  for (let wrong = 0; wrong < 5; wrong++) expect(await attempt({})).toBeUndefined();
  const waits: number[] = [];
  for (let wrong = 0; wrong < 6; wrong++) {
    const wait = await waitOf(attempt({}, true));
    waits.push(wait / second);
    access.pass(wait - 1);
    expect(await waitOf(attempt({}, true))).toBe(1);
    access.pass(1);
    expect(await attempt({})).toBeUndefined();
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32]);
  expect(heard).toHaveLength(11);
  for (let wrong = 0; wrong < 20; wrong++) await access.state.accounts.recordFailure('name:ada', access.clock.now());
  expect(await waitOf(attempt({}))).toBe(15 * minute);
});

it('the right one clears the name, in any case, and not the address', async () => {
  await using access = await openTestAccess();
  const { attempt } = trying(access);
  for (let wrong = 0; wrong < 4; wrong++) await attempt({ name: 'Ada' });
  expect(await attempt({ name: 'ADA' }, true)).toBe(true);
  expect(await access.state.accounts.failures('name:ada', new Date(0))).toEqual([]);
  expect(await access.state.accounts.failures('address:192.0.2.1', new Date(0))).toHaveLength(4);
});

it('what is 15 minutes ago is forgiven', async () => {
  await using access = await openTestAccess();
  const { attempt } = trying(access);
  for (let wrong = 0; wrong < 5; wrong++) await attempt({});
  expect(await waitOf(attempt({}))).toBe(second);
  access.pass(15 * minute + 1);
  for (let wrong = 0; wrong < 5; wrong++) expect(await attempt({})).toBeUndefined();
});

it('one name is not another; one address that tries many names is made to wait', async () => {
  await using access = await openTestAccess();
  const { attempt } = trying(access);
  for (let number = 0; number < 50; number++) expect(await attempt({ name: `name-${number}` })).toBeUndefined();
  await expectCode('RATE_LIMITED', attempt({ name: 'fresh' }));
  await expectCode('RATE_LIMITED', attempt({ name: null }));
  expect(await attempt({ name: 'fresh', address: '192.0.2.2' })).toBeUndefined();
});

it('an IPv6 address stands for its /64', async () => {
  await using access = await openTestAccess();
  const { attempt } = trying(access);
  for (let number = 0; number < 50; number++) await attempt({ name: `name-${number}`, address: `2001:db8:0:1::${number.toString(16)}` });
  await expectCode('RATE_LIMITED', attempt({ name: null, address: '2001:DB8::1:dead:beef:0:1' }));
  await expectCode('RATE_LIMITED', attempt({ name: null, address: '2001:0db8:0000:0001:1:2:3:4' }));
  expect(await attempt({ name: null, address: '2001:db8:0:2::1' })).toBeUndefined();
  expect(await attempt({ name: null, address: '::1' })).toBeUndefined();
});

it('of many at once five are heard', async () => {
  await using access = await openTestAccess();
  const { attempt, heard } = trying(access);
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => attempt({})));
  expect(heard.length).toBeLessThanOrEqual(5);
  expect(answers.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(95);
  access.pass(15 * minute + 1);
  expect(await attempt({}, true)).toBe(true);
});

it('an alarm is raised at every twentieth wrong try of a day', async () => {
  await using access = await openTestAccess();
  const { attempt, alarms } = trying(access);
  for (let wrong = 0; wrong < 41; wrong++) {
    await attempt({});
    access.pass(16 * minute);
  }
  expect(alarms).toEqual([20, 40]);
});

it('what fails for another reason is no wrong try', async () => {
  await using access = await openTestAccess();
  const limits = new SignInLimits(access);
  const work = () => Promise.reject(new Error('the drive is gone'));
  const tried = limits.attempt({ name: 'ada', address: '192.0.2.1' }, work, async () => undefined);
  await expect(tried).rejects.toThrow('the drive is gone');
  expect(await access.state.accounts.failures('name:ada', new Date(0))).toEqual([]);
});
