import { formatAge } from '../domain/duration.ts';
import type { PlanStatus, Status } from './contract.ts';

type Judged = Pick<PlanStatus, 'name' | 'health' | 'reasons' | 'provenAt'>;

/** As bad as the worst plan. */
export function worstHealth(plans: readonly Judged[]): Status['health'] {
  const kinds = plans.map(({ health }) => health);
  return kinds.includes('critical') ? 'critical' : kinds.includes('warning') ? 'warning' : 'healthy';
}

/** Whether the data is safe, in one sentence that somebody understands who knows nothing of backups. */
export function sentenceOf(plans: readonly Judged[], history: Status['history'], now: Date): string {
  if (plans.length === 0) return 'Nothing is backed up: no plan is configured';
  const sentence = told(plans, now);
  return history === 'ok' ? sentence : `${sentence}; the history cannot be reached, so this may be out of date`;
}

function told(plans: readonly Judged[], now: Date): string {
  const bad = plans.filter(({ health }) => health === 'critical');
  const doubtful = plans.filter(({ health }) => health === 'warning');
  if (bad.length > 0) return `${capitalised(subject(bad, plans))} not safe: ${why(bad)}`;
  if (doubtful.length > 0)
    return plans.length === 1
      ? `Your data is backed up, but this needs attention: ${why(doubtful)}`
      : `Your data is backed up, but ${subject(doubtful, plans)} in need of attention: ${why(doubtful)}`;
  const oldest = plans.flatMap(({ provenAt }) => provenAt ?? []).toSorted()[0];
  const age = oldest === undefined ? '' : formatAge(new Date(oldest), now);
  if (plans.length === 1) return age === '' ? 'Your data is safe' : `Your data is safe: the newest proven backup was made ${age}`;
  return age === ''
    ? `All ${plans.length} plans are safe`
    : `All ${plans.length} plans are safe: the oldest of their proven backups was made ${age}`;
}

function subject(some: readonly Judged[], all: readonly Judged[]): string {
  if (some.length === 1) return all.length === 1 ? 'your data is' : `plan "${some[0]?.name}" is`;
  return `${some.length} of ${all.length} plans are`;
}

function why(some: readonly Judged[]): string {
  const [first] = some;
  if (some.length === 1 && first?.reasons[0] !== undefined) return first.reasons[0].message;
  return some.map(({ name }) => name).join(', ');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
