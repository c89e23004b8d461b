import { expect } from 'vitest';
import { type ErrorCode, HoldfastError } from '../../src/domain/errors.ts';
import type { HoldfastEvent } from '../../src/domain/events.ts';
import type { Notifier, NotifierMessage } from '../../src/ports/notifier.ts';
import type { Clause } from './contract.ts';

/** How the other side behaves from now on. */
export type Mood = 'takes' | 'refuses' | 'is-busy' | 'hangs' | 'is-gone';

export interface NotifierSubject {
  readonly notifier: Notifier;
  /** Texts that must stay between the two: passwords, tokens, the path of a URL. */
  readonly secrets: readonly string[];
  /** The other side says in its refusals whatever it was sent. */
  behave(mood: Mood): Promise<void>;
  /** All that the other side took, as text. */
  taken(): readonly string[];
  /** All bodies that reached the other side, whether it took them or not, as text. */
  seen(): readonly string[];
}

const at = new Date('2026-11-21T02:00:07.000Z');

/** A failure that says all that an event can say. */
export function sampleEvent(change: Partial<HoldfastEvent> = {}): HoldfastEvent {
  return {
    kind: 'backup-failed',
    plan: 'home',
    at,
    severity: 'critical',
    subject: 'backup',
    title: 'Backup of home failed: the drive is full',
    message: 'Cannot store snapshot "home_20261121_020000" in "nas": 1.2 GB free, 4.0 GB needed',
    action: 'Free space on the drive, then: holdfast backup home',
    atRiskSince: new Date('2026-11-20T02:00:00.000Z'),
    run: {
      key: '5f0c7c3e-6f0e-4e0b-9a55-0e6d3f1c2b4a',
      verb: 'backup',
      outcome: 'failed',
      snapshotId: null,
      file: null,
      sizeBytes: null,
      durationMs: 7000,
      error: { code: 'STORE_FULL', message: 'the drive is full', hint: 'Free space on the drive' },
    },
    ...change,
  };
}

export function sampleMessage(change: Partial<NotifierMessage> = {}): NotifierMessage {
  return { event: sampleEvent(), count: 1, since: at, host: 'ark', link: null, ...change };
}

const never = () => new AbortController().signal;

/** What a notifier promises (`src/ports/notifier.ts`). */
export const notifierClauses: readonly Clause<NotifierSubject>[] = [
  {
    name: 'what was sent has been taken: what failed, since when data is at risk, what to do',
    async run(subject) {
      await subject.behave('takes');
      await subject.notifier.send(sampleMessage(), never());
      const [text = '', ...others] = subject.taken();
      expect(others).toEqual([]);
      for (const words of ['Backup of home failed', '1.2 GB free', '2026-11-20', 'holdfast backup home']) expect(text).toContain(words);
    },
  },
  {
    name: 'what will never be taken is told as that',
    async run(subject) {
      await subject.behave('refuses');
      expect(await codeOf(subject)).toEqual(['NOTIFY_REJECTED', 'never']);
    },
  },
  {
    name: 'what may be taken later is told as that',
    async run(subject) {
      await subject.behave('is-busy');
      const [code, retry] = await codeOf(subject);
      expect(code).toBe('NOTIFY_FAILED');
      expect(retry).not.toBe('never');
    },
  },
  {
    name: 'nobody there is not a refusal',
    async run(subject) {
      await subject.behave('is-gone');
      expect(await codeOf(subject)).toEqual(['NOTIFY_FAILED', 'later']);
    },
  },
  {
    name: 'no answer is given up after ten seconds, and may come later',
    async run(subject) {
      await subject.behave('hangs');
      expect(await codeOf(subject)).toEqual(['NOTIFY_FAILED', 'later']);
    },
  },
  {
    name: 'a signal ends the wait, and nothing is sent after it',
    async run(subject) {
      await subject.behave('takes');
      const reason = new HoldfastError('CANCELLED', 'Stopped', { hint: 'Start again' });
      await expect(subject.notifier.send(sampleMessage(), AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(subject.seen()).toEqual([]);
    },
  },
  {
    name: 'no error holds a secret, whatever the other side says',
    async run(subject) {
      for (const mood of ['refuses', 'is-busy', 'is-gone'] as const) {
        await subject.behave(mood);
        const error = await failureOf(subject);
        const told = JSON.stringify([error.message, error.hint, error.details]);
        for (const secret of subject.secrets) expect(told).not.toContain(secret);
      }
    },
  },
  {
    name: 'no payload holds a secret',
    async run(subject) {
      await subject.behave('takes');
      await subject.notifier.send(sampleMessage(), never());
      expect(subject.seen()).not.toEqual([]);
      for (const secret of subject.secrets) expect(subject.seen().join('\n')).not.toContain(secret);
    },
  },
];

async function codeOf(subject: NotifierSubject): Promise<[ErrorCode, string]> {
  const error = await failureOf(subject);
  return [error.code, error.retry.kind];
}

async function failureOf({ notifier }: NotifierSubject): Promise<HoldfastError> {
  const error = await notifier.send(sampleMessage(), never()).catch((thrown: unknown) => thrown);
  if (error instanceof HoldfastError) return error;
  throw new Error('it was sent, or failed in a way of its own', { cause: error });
}
