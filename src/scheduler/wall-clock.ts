/** What the clock on the wall says at some instant, in a time zone. */
export interface WallTime {
  /** Its digits, as if they were UTC. */
  readonly asUtc: Date;
  /** How much the wall is ahead of UTC. */
  readonly offsetMs: number;
}

export const machineTimeZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Make it once and reuse it: the formatter behind it is what costs. */
export function wallClockIn(timeZone: string): (at: Date) => WallTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN;
    const ms = at.getTime() - Math.floor(at.getTime() / 1000) * 1000;
    const asUtc = new Date(Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'), ms));
    return { asUtc, offsetMs: asUtc.getTime() - at.getTime() };
  };
}

/** `2026-10-25T02:30:00+02:00[Europe/Berlin]` @see RFC 9557 */
export function zonedText({ asUtc, offsetMs }: WallTime, timeZone: string): string {
  const minutes = Math.abs(Math.round(offsetMs / 60_000));
  const digits = (value: number): string => String(value).padStart(2, '0');
  const offset = `${offsetMs < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`;
  return `${asUtc.toISOString().slice(0, 19)}${offset}[${timeZone}]`;
}
