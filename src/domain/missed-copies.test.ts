import { expect, test } from 'vitest';
import { missedCopies } from './missed-copies.ts';
import type { RetentionCandidate } from './retention.ts';

const now = new Date('2026-11-21T12:00:00Z');
const passed = { kind: 'passed', depth: 'readable', at: now } as const;

function snapshot(sequence: number, given: Partial<RetentionCandidate> = {}): RetentionCandidate {
  const createdAt = new Date(now.getTime() - (10 - sequence) * 86_400_000);
  return { id: `home-${sequence}`, sequence, createdAt, outcome: 'succeeded', verification: passed, sizeBytes: 1, ...given };
}

function missed(first: readonly RetentionCandidate[], here: readonly RetentionCandidate[], last: number | null = null): string[] {
  const keep = last === null ? null : { last };
  return missedCopies({ first, here, keep, verify: 'readable', now }).map(({ id }) => id);
}

test('what the first store has and the other lacks is missed, oldest first', () => {
  expect(missed([snapshot(3), snapshot(2), snapshot(1)], [snapshot(2)])).toEqual(['home-1', 'home-3']);
  expect(missed([snapshot(1)], [snapshot(1)])).toEqual([]);
  expect(missed([], [snapshot(1)])).toEqual([]);
});

test('what the rules of the other store would let go is not missed', () => {
  expect(missed([snapshot(4), snapshot(3), snapshot(2), snapshot(1)], [snapshot(2)], 2)).toEqual(['home-3', 'home-4']);
});

test('a damaged one is not missed: there is nothing in it to copy', () => {
  expect(missed([snapshot(1, { verification: { ...passed, kind: 'failed', findings: ['a byte'] } })], [])).toEqual([]);
});
