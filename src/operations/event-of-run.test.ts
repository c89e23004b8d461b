import { describe, expect, test } from 'vitest';
import { eventGroups } from '../domain/events.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Verb } from '../ports/history.ts';
import { eventOfRun, type RunNews } from './event-of-run.ts';

const at = new Date('2026-01-02T02:05:00Z');
const newestVerifiedAt = new Date('2026-01-01T02:00:00Z');
const full = { code: 'STORE_FULL', message: 'Cannot store "x" in "nas":\n1.2 GB free', hint: 'Free space on it' };
const began: RunNews = { key: 'k', verb: 'backup', plan: 'home', at, end: null, newestVerifiedAt };

function ended(verb: Verb, outcome: Outcome, error: typeof full | null = null): RunNews {
  const parts = [
    { name: 'listing', role: 'contents' },
    { name: 'a.tar.zst', role: 'archive' },
  ];
  return { ...began, verb, end: { outcome, snapshotId: 'home-1', error, details: { parts, sizeBytes: 7 }, durationMs: 1200 } };
}

describe('eventOfRun()', () => {
  test.each([
    ['backup', 'succeeded', 'backup-succeeded', 'info'],
    ['backup', 'degraded', 'backup-degraded', 'warning'],
    ['backup', 'failed', 'backup-failed', 'critical'],
    ['backup', 'skipped', 'backup-skipped', 'warning'],
    ['verify', 'succeeded', 'verify-succeeded', 'info'],
    ['verify', 'failed', 'verify-failed', 'critical'],
    ['drill', 'failed', 'drill-failed', 'critical'],
    ['restore', 'succeeded', 'restore-succeeded', 'info'],
    ['expire', 'failed', 'expire-failed', 'critical'],
  ] as const)('%s that %s is %s, %s', (verb, outcome, kind, severity) => {
    expect(eventOfRun(ended(verb, outcome))).toMatchObject({ kind, severity, subject: verb, plan: 'home', at });
  });

  test.each([ended('backup', 'cancelled'), ended('delete', 'failed'), ended('copy', 'failed'), { ...began, verb: 'drill' as const }])(
    'has nothing to tell of what a person ended or asked for',
    (news) => expect(eventOfRun(news)).toBeNull(),
  );

  test('tells of a start', () => {
    expect(eventOfRun(began)).toMatchObject({ kind: 'backup-started', severity: 'info', title: 'Backup of home began', action: null });
  });

  test('says of a failure what, since when data is at risk, and what to do', () => {
    expect(eventOfRun(ended('backup', 'failed', full))).toMatchObject({
      title: 'Backup of home failed: Cannot store "x" in "nas": 1.2 GB free',
      message: full.message,
      action: full.hint,
      atRiskSince: newestVerifiedAt,
      run: { key: 'k', outcome: 'failed', file: 'a.tar.zst', sizeBytes: 7, durationMs: 1200, error: full },
    });
  });

  test('a success puts nothing at risk', () => {
    expect(eventOfRun(ended('backup', 'succeeded'))).toMatchObject({ atRiskSince: null, action: null });
  });

  test('a run that found the plan at work already is skipped, not failed', () => {
    const held = { code: 'LOCK_HELD', message: 'Another run is at work', hint: 'Wait for it' };
    expect(eventOfRun(ended('backup', 'failed', held))).toMatchObject({ kind: 'backup-skipped', severity: 'warning' });
  });

  test('every problem that a run can be is among those that are told by default', () => {
    const kinds = (['backup', 'verify', 'drill', 'restore', 'expire'] as const).map((verb) => eventOfRun(ended(verb, 'failed'))?.kind);
    expect(eventGroups.problems).toEqual(expect.arrayContaining(kinds));
  });
});
