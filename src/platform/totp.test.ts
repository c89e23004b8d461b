import { expect, it } from 'vitest';
import { oneTimeCodes } from './totp.ts';

/** Of RFC 6238, appendix B, whose codes have eight digits: the last six are ours. */
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const at = (seconds: number) => new Date(seconds * 1000);
const step = (code: string, seconds: number, usedStep: number | null = null) =>
  oneTimeCodes.step({ secret, code, now: at(seconds), usedStep });

it.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('gives the codes of RFC 6238 at %d s', (seconds, code) => {
  expect(step(code, seconds)).toBe(Math.floor(seconds / 30));
});

it('takes a code one step early or late, and not two', () => {
  expect([0, 29, 30, 89, 90, 119].map((seconds) => step('287082', seconds))).toEqual([1, 1, 1, 1, null, null]);
});

it('takes a code once', () => {
  expect([step('287082', 59, 0), step('287082', 59, 1), step('287082', 59, 2)]).toEqual([1, null, null]);
});

it.each(['287083', '', '28708', '2870820', 'ünïcøde', '94287082'])('refuses %j', (code) => {
  expect(step(code, 59)).toBeNull();
});

it('makes secrets of 160 bits, and the address that an app reads', () => {
  const fresh = oneTimeCodes.newSecret();
  expect(fresh).toMatch(/^[A-Z2-7]{32}$/u);
  expect(oneTimeCodes.newSecret()).not.toBe(fresh);
  expect(oneTimeCodes.uri(secret, 'Ada & Bob')).toBe(
    `otpauth://totp/Holdfast:Ada%20%26%20Bob?secret=${secret}&issuer=Holdfast&algorithm=SHA1&digits=6&period=30`,
  );
});
