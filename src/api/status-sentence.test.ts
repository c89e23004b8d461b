import { expect, test } from 'vitest';
import type { PlanStatus } from './contract.ts';
import { sentenceOf, worstHealth } from './status-sentence.ts';

const now = new Date('2026-11-21T12:00:00Z');

function plan(name: string, health: PlanStatus['health'], provenAt = '2026-11-21T09:00:00.000Z') {
  const reasons = health === 'healthy' ? [] : [{ severity: health, code: 'x', message: `something about ${name}`, action: 'Do it' }];
  return { name, health, reasons, provenAt };
}

test.each([
  [[], 'Nothing is backed up: no plan is configured'],
  [[plan('home', 'healthy')], 'Your data is safe: the newest proven backup was made 3 h ago'],
  [
    [plan('home', 'healthy'), plan('shop', 'healthy', '2026-11-21T07:00:00.000Z')],
    'All 2 plans are safe: the oldest of their proven backups was made 5 h ago',
  ],
  [[plan('home', 'critical')], 'Your data is not safe: something about home'],
  [[plan('home', 'critical'), plan('shop', 'warning')], 'Plan "home" is not safe: something about home'],
  [[plan('home', 'critical'), plan('shop', 'critical'), plan('x', 'healthy')], '2 of 3 plans are not safe: home, shop'],
  [[plan('home', 'warning')], 'Your data is backed up, but this needs attention: something about home'],
  [
    [plan('home', 'warning'), plan('shop', 'healthy')],
    'Your data is backed up, but plan "home" is in need of attention: something about home',
  ],
])('%j', (plans, sentence) => {
  expect(sentenceOf(plans, 'ok', now)).toBe(sentence);
});

test('a history that cannot be reached makes every answer doubtful, and says so', () => {
  expect(sentenceOf([plan('home', 'healthy')], 'unreachable', now)).toMatch(
    /; the history cannot be reached, so this may be out of date$/u,
  );
});

test('the whole is as bad as its worst plan', () => {
  expect(worstHealth([plan('a', 'healthy'), plan('b', 'warning')])).toBe('warning');
  expect(worstHealth([plan('a', 'critical'), plan('b', 'warning')])).toBe('critical');
  expect(worstHealth([])).toBe('healthy');
});
