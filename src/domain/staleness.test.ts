import { describe, expect, it } from 'vitest';
import type { Outcome } from './outcome.ts';
import { assessHealth, type HealthFacts, type HealthReason, type HealthRun, type HealthSnapshot } from './staleness.ts';

const now = new Date('2026-11-21T12:00:00Z');
const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);
const passed = { kind: 'passed', depth: 'readable', at: now } as const;
const damaged = { kind: 'failed', depth: 'readable', at: now, findings: ['"app.sql.gz" has another digest'] } as const;

function snapshot(sequence: number, ageHours: number, parts: Partial<HealthSnapshot> = {}): HealthSnapshot {
  const id = `home-${sequence}`;
  return { id, store: 'disk', sequence, createdAt: hoursAgo(ageHours), outcome: 'succeeded', verification: passed, ...parts };
}

type End = NonNullable<HealthRun['end']>;

function run(verb: string, ageHours: number, outcome: Outcome, parts: Partial<End> = {}): HealthRun {
  return { verb, startedAt: hoursAgo(ageHours), end: { endedAt: hoursAgo(ageHours), outcome, error: null, details: {}, ...parts } };
}

const storeFull = {
  code: 'STORE_FULL',
  message: 'Cannot store a snapshot in "/backups": 1.2 GB free, 4.0 GB needed',
  hint: 'Free space there',
};

const healthy: HealthFacts = {
  plan: 'home',
  objectives: { rpoHours: 26, rtoMinutes: 30 },
  drillEvery: 'week',
  stores: ['disk'],
  snapshots: [snapshot(2, 10), snapshot(1, 34)],
  runs: [run('backup', 10, 'succeeded'), run('drill', 30, 'succeeded', { details: { rtoMs: 60_000 } })],
  isRunning: false,
  dueAt: new Date(now.getTime() + 14 * 3_600_000),
  now,
};

function assess(facts: Partial<HealthFacts>): { kind: string; codes: readonly string[]; reasons: readonly HealthReason[] } {
  const { kind, reasons } = assessHealth({ ...healthy, ...facts });
  return { kind, codes: reasons.map(({ code }) => code), reasons };
}

describe('assessHealth() of snapshots', () => {
  it('finds a plan healthy that keeps all its promises', () => {
    expect(assessHealth(healthy)).toEqual({ kind: 'healthy', reasons: [] });
  });

  it('is critical before the first snapshot, and says what to do', () => {
    expect(assess({ snapshots: [], runs: [], dueAt: null, drillEvery: null }).reasons).toEqual([
      { severity: 'critical', code: 'no-snapshot', message: 'No snapshot yet', action: 'Make one: holdfast backup home' },
    ]);
  });

  it('is critical when no snapshot is whole and verified', () => {
    const unverified = snapshot(1, 10, { verification: { kind: 'unverified' } });
    const { kind, reasons } = assess({ snapshots: [unverified] });
    expect(kind).toBe('critical');
    expect(reasons.map(({ code, action }) => [code, action])).toEqual([['no-verified-snapshot', 'Verify it: holdfast verify home-1']]);
    expect(assess({ snapshots: [snapshot(1, 10, { outcome: 'degraded' })] }).codes).toEqual(['no-verified-snapshot', 'snapshot-degraded']);
  });

  it('is critical when the newest verified snapshot is older than the objective, however new others are', () => {
    const { reasons } = assess({ snapshots: [snapshot(3, 1, { outcome: 'degraded' }), snapshot(2, 27)] });
    expect(reasons.map(({ severity, code, message }) => [severity, code, message])).toEqual([
      ['critical', 'too-old', 'The newest verified snapshot was made 1 d 3 h ago; the objective is 1 d 2 h'],
      ['warning', 'snapshot-degraded', 'The newest snapshot, "home-3", is degraded: something was not backed up as it stood'],
    ]);
    expect(assess({ snapshots: [snapshot(2, 25.9)] }).kind).toBe('healthy');
  });

  it('goes by sequence: an old snapshot dated in the future does not pass for the newest', () => {
    expect(assess({ snapshots: [snapshot(1, -99), snapshot(2, 27)] }).codes).toEqual(['too-old']);
  });

  it('warns after eight days when a plan states neither objective nor schedule', () => {
    const unstated = { objectives: { rpoHours: null, rtoMinutes: null }, dueAt: null, drillEvery: null };
    expect(assess({ ...unstated, snapshots: [snapshot(1, 8 * 24 - 1)] }).codes).toEqual([]);
    expect(assess({ ...unstated, snapshots: [snapshot(1, 8 * 24 + 1)] })).toMatchObject({ kind: 'warning', codes: ['too-old'] });
  });

  it('warns of a newest snapshot that is not verified while an older one is', () => {
    const snapshots = [snapshot(2, 10, { verification: { kind: 'unverified' } }), snapshot(1, 20)];
    expect(assess({ snapshots })).toMatchObject({ kind: 'warning', codes: ['snapshot-unverified'] });
  });

  it('is critical when the newest snapshot is damaged and warns of older ones', () => {
    const newest = assess({ snapshots: [snapshot(2, 10, { verification: damaged }), snapshot(1, 20)] });
    expect(newest).toMatchObject({ kind: 'critical', codes: ['snapshot-damaged'] });
    expect(newest.reasons[0]?.message).toBe('Snapshot "home-2" in "disk" did not pass verification: "app.sql.gz" has another digest');
    const older = assess({ snapshots: [snapshot(2, 10), snapshot(1, 20, { verification: damaged })] });
    expect(older).toMatchObject({ kind: 'warning', codes: ['snapshot-damaged'] });
  });

  it('warns of a store that holds no copy or only an old one', () => {
    const stores = ['disk', 'nas'];
    expect(assess({ stores })).toMatchObject({ kind: 'warning', codes: ['store-behind'] });
    expect(assess({ stores, snapshots: [snapshot(9, 1), snapshot(2, 50, { store: 'nas' })] }).codes).toEqual(['store-behind']);
    expect(assess({ stores, snapshots: [snapshot(9, 1), snapshot(8, 25, { store: 'nas' })] }).codes).toEqual([]);
  });
});

describe('assessHealth() of backups', () => {
  it('warns of a failed run while the objective is met, and is critical after that or without one', () => {
    const runs = [run('backup', 1, 'failed', { error: storeFull }), run('drill', 30, 'succeeded')];
    const met = assess({ runs });
    expect(met).toMatchObject({ kind: 'warning', codes: ['run-failed'] });
    expect(met.reasons[0]).toMatchObject({ message: `The backup begun 1 h ago failed: ${storeFull.message}`, action: 'Free space there' });
    expect(assess({ runs, snapshots: [snapshot(1, 30)] })).toMatchObject({ kind: 'critical', codes: ['too-old', 'run-failed'] });
    expect(assess({ runs, objectives: { rpoHours: null, rtoMinutes: null } }).kind).toBe('critical');
  });

  it('passes over a run that found the lock taken', () => {
    const lockHeld = { code: 'LOCK_HELD', message: 'held', hint: 'Wait' };
    expect(assess({ runs: [run('backup', 1, 'failed', { error: lockHeld }), ...healthy.runs] }).kind).toBe('healthy');
  });

  it('tells a run that goes on from one that died', () => {
    const runs = [{ verb: 'backup', startedAt: hoursAgo(1), end: null }, ...healthy.runs];
    expect(assess({ runs, isRunning: true }).kind).toBe('healthy');
    expect(assess({ runs, isRunning: false }).codes).toEqual(['run-died']);
  });

  it('warns of a cancelled run and of one that could not copy', () => {
    expect(assess({ runs: [run('backup', 1, 'cancelled')], drillEvery: null }).codes).toEqual(['run-failed']);
    expect(assess({ runs: [run('backup', 1, 'degraded', { error: storeFull })], drillEvery: null }).codes).toEqual(['run-degraded']);
  });

  it('says when a due backup did not begin', () => {
    expect(assess({ dueAt: hoursAgo(0.2) }).kind).toBe('healthy');
    expect(assess({ dueAt: hoursAgo(2) })).toMatchObject({ kind: 'warning', codes: ['run-missed'] });
    expect(assess({ dueAt: hoursAgo(2), objectives: { rpoHours: null, rtoMinutes: null } }).kind).toBe('critical');
    expect(assess({ dueAt: hoursAgo(2), isRunning: true }).kind).toBe('healthy');
  });
});

describe('assessHealth() of drills', () => {
  const [backup] = healthy.runs as [HealthRun];

  it('warns of a drill that is overdue or was never held', () => {
    expect(assess({ runs: [backup] })).toMatchObject({ kind: 'warning', codes: ['drill-overdue'] });
    expect(assess({ runs: [backup, run('drill', 24 * 7.5, 'succeeded')] }).kind).toBe('healthy');
    expect(assess({ runs: [backup, run('drill', 24 * 8.5, 'succeeded')] }).codes).toEqual(['drill-overdue']);
    expect(assess({ runs: [backup, run('drill', 24 * 8.5, 'succeeded')], drillEvery: 'month' }).kind).toBe('healthy');
    expect(assess({ runs: [backup], drillEvery: null }).kind).toBe('healthy');
  });

  it('is critical when a drill found differences, until a later one passes', () => {
    const failed = run('drill', 5, 'failed', {
      error: { code: 'DRILL_DIFFERS', message: 'table users: 3 rows missing', hint: 'Back up again' },
    });
    expect(assess({ runs: [backup, failed] })).toMatchObject({ kind: 'critical', codes: ['drill-failed'] });
    expect(assess({ runs: [run('drill', 1, 'succeeded'), backup, failed] }).kind).toBe('healthy');
    expect(assess({ runs: [run('drill', 1, 'cancelled'), backup, failed] }).kind).toBe('critical');
  });

  it('warns when a drill could not be held', () => {
    const failed = run('drill', 5, 'failed', {
      error: { code: 'TOOL_MISSING', message: 'No PostgreSQL server 17', hint: 'apt-get install postgresql-17' },
    });
    expect(assess({ runs: [backup, failed] })).toMatchObject({ kind: 'warning', codes: ['drill-failed'] });
  });

  it('warns when the last restore took longer than the objective', () => {
    const slow = run('drill', 5, 'succeeded', { details: { rtoMs: 45 * 60_000 } });
    const { reasons } = assess({ runs: [backup, slow] });
    expect(reasons.map(({ code, message }) => [code, message])).toEqual([
      ['restore-too-slow', 'Restoring took 45 min in the last drill; the objective is 30 min'],
    ]);
    expect(assess({ runs: [backup, slow], objectives: { rpoHours: 26, rtoMinutes: null } }).kind).toBe('healthy');
  });
});
