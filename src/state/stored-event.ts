import type { HoldfastEvent } from '../domain/events.ts';

/** An event as text, and back: its instants are dates again. */
export function eventText(event: HoldfastEvent): string {
  return JSON.stringify(event);
}

export function eventOf(text: string): HoldfastEvent {
  const event = JSON.parse(text) as Omit<HoldfastEvent, 'at' | 'atRiskSince'> & {
    readonly at: string;
    readonly atRiskSince: string | null;
  };
  return { ...event, at: new Date(event.at), atRiskSince: event.atRiskSince === null ? null : new Date(event.atRiskSince) };
}
