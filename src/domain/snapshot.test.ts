import { expect, it } from 'vitest';
import { settledVerification, verifyDepths } from './snapshot.ts';
import type { VerifyDepth } from './snapshot.ts';

const passed = (depth: VerifyDepth, at: number) => ({ kind: 'passed', depth, at: new Date(at) }) as const;
const failed = (depth: VerifyDepth, at: number) => ({ kind: 'failed', depth, at: new Date(at), findings: ['x'] }) as const;

it('settledVerification() takes the first look, and every failure', () => {
  for (const depth of verifyDepths) {
    expect(settledVerification({ kind: 'unverified' }, passed(depth, 1))).toEqual(passed(depth, 1));
    for (const known of verifyDepths) expect(settledVerification(passed(known, 1), failed(depth, 2))).toEqual(failed(depth, 2));
  }
});

it('settledVerification() lets a pass replace what was found as deep or less deep, never what was found deeper', () => {
  for (const [known, knownDepth] of verifyDepths.entries())
    for (const [next, nextDepth] of verifyDepths.entries())
      for (const before of [passed(knownDepth, 1), failed(knownDepth, 1)])
        expect(settledVerification(before, passed(nextDepth, 2))).toEqual(next >= known ? passed(nextDepth, 2) : before);
});
