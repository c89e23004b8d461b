import { formatDuration } from './duration.ts';
import type { EventKind, HoldfastEvent } from './events.ts';

/** What is told of an event, whatever the channel. */
export interface AlertText {
  /** One line. */
  readonly title: string;
  /** What went wrong; null when the title says all of it. */
  readonly message: string | null;
  /** Since when data is at risk, how often it was seen; each a line. */
  readonly facts: readonly string[];
  /** What to do; null when nothing needs doing. */
  readonly action: string | null;
}

interface Tidings {
  readonly event: HoldfastEvent;
  readonly count: number;
  readonly since: Date;
}

/** Kinds of trouble in which what was written since the newest verified snapshot is in no snapshot that is proven. */
const atRisk: readonly EventKind[] = ['backup-degraded', 'backup-failed', 'schedule-missed', 'overdue', 'verify-failed', 'drill-failed'];

/** These are found so again and again: how often says nothing. */
const lasting: readonly EventKind[] = ['overdue', 'store-unreachable', 'store-low', 'history-unreachable', 'channel-failing'];

export function alertText({ event, count, since }: Tidings): AlertText {
  const { kind, title, message, action } = event;
  const facts = [
    ...(atRisk.includes(kind) ? [riskOf(event)] : []),
    ...(count > 1 ? [lasting.includes(kind) ? `It is so since ${minuteOf(since)}` : `Seen ${count} times since ${minuteOf(since)}`] : []),
    ...(kind === 'recovered'
      ? [`It had been so since ${minuteOf(since)}, for ${formatDuration(event.at.getTime() - since.getTime())}`]
      : []),
  ];
  return { title, message: message === title ? null : message, facts, action };
}

function riskOf({ atRiskSince }: HoldfastEvent): string {
  return atRiskSince === null
    ? 'Data at risk since the first backup: no snapshot is verified'
    : `Data at risk since ${minuteOf(atRiskSince)}, when the newest verified snapshot was made`;
}

/** The same as lines of plain text, without the title. */
export function alertLines({ message, facts, action }: AlertText): readonly string[] {
  return [...(message === null ? [] : [message]), ...facts, ...(action === null ? [] : [`What to do: ${action}`])];
}

/** `2026-11-21 02:00 UTC`. */
export function minuteOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
