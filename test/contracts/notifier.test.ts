import { HoldfastError } from '../../src/domain/errors.ts';
import { alertLines, alertText } from '../../src/domain/alert-text.ts';
import type { NotifierMessage } from '../../src/ports/notifier.ts';
import { describeContractTests, type Factory } from './contract.ts';
import { type Mood, notifierClauses, type NotifierSubject } from './notifier.ts';

interface Breach {
  /** What is thrown in this mood, in place of what should be; null: nothing. */
  readonly throws?: Partial<Record<Mood, HoldfastError | null>>;
  readonly body?: (message: NotifierMessage) => string;
  readonly isDeaf?: boolean;
}

const secret = 'hunter2-hunter2';
const hint = 'Try again';
const rejected = new HoldfastError('NOTIFY_REJECTED', 'no', { hint });
const failed = new HoldfastError('NOTIFY_FAILED', 'not now', { hint, retry: { kind: 'later' } });
const proper: Record<Mood, HoldfastError | null> = {
  takes: null,
  refuses: rejected,
  'is-busy': failed,
  hangs: failed,
  'is-gone': failed,
};

/** A notifier that is right but for one thing. */
function broken({ throws = {}, body, isDeaf = false }: Breach): Factory<NotifierSubject> {
  return () => {
    let mood: Mood = 'takes';
    const texts: string[] = [];
    return Promise.resolve({
      secrets: [secret],
      behave: (next) => {
        mood = next;
        return Promise.resolve();
      },
      taken: () => texts,
      seen: () => texts,
      notifier: {
        send(message, signal) {
          if (signal.aborted && !isDeaf) return Promise.reject(signal.reason as Error);
          const error = mood in throws ? throws[mood] : proper[mood];
          if (error !== null && error !== undefined) return Promise.reject(error);
          const told = alertText(message);
          texts.push(body?.(message) ?? [told.title, ...alertLines(told)].join('\n'));
          return Promise.resolve();
        },
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  };
}

const [taken, never, later, gone, late, abort, error, payload] = notifierClauses.map(({ name }) => name);

describeContractTests('the contract of notifiers', {
  clauses: notifierClauses,
  broken: {
    [taken!]: broken({ body: ({ event }) => event.title }),
    [never!]: broken({ throws: { refuses: failed } }),
    [later!]: broken({ throws: { 'is-busy': rejected } }),
    [gone!]: broken({ throws: { 'is-gone': rejected } }),
    [late!]: broken({ throws: { hangs: rejected } }),
    [abort!]: broken({ isDeaf: true }),
    [error!]: broken({ throws: { refuses: new HoldfastError('NOTIFY_REJECTED', `no: ${secret}`, { hint }) } }),
    [payload!]: broken({ body: () => `${secret} Backup of home failed` }),
  },
});
