import type { Run } from './shapes.ts';

/** `1.8 GB`: powers of ten, as drives are sold and as people read them. */
export function bytesInWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const shown = unit === 0 || value >= 99.95 ? Math.round(value) : Math.round(value * 10) / 10;
  return `${shown.toLocaleString('en')} ${unit === 0 && shown === 1 ? 'byte' : units[unit]}`;
}

const steps: readonly (readonly [name: string, ms: number])[] = [
  ['year', 365 * 86_400_000],
  ['month', 30 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** The largest unit that fits, in whole numbers: `6 hours`, `less than a minute`. */
export function spanInWords(ms: number): string {
  const step = steps.find(([name, size]) => Math.abs(ms) >= size * (name === 'day' ? 2 : 1));
  if (step === undefined) return 'less than a minute';
  return counted(Math.floor(Math.abs(ms) / step[1]), step[0]);
}

/** `6 hours ago`, `in 3 days`, `just now`. */
export function agoInWords(instant: string, now: Date): string {
  const ms = now.getTime() - Date.parse(instant);
  if (Math.abs(ms) < 60_000) return ms >= 0 ? 'just now' : 'in a moment';
  return ms > 0 ? `${spanInWords(ms)} ago` : `in ${spanInWords(ms)}`;
}

/** How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function durationInWords(ms: number): string {
  if (ms < 9950) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(`${minutes} min`, seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joined(`${hours} h`, minutes % 60, 'min');
  return joined(`${Math.floor(hours / 24)} d`, hours % 24, 'h');
}

function joined(first: string, rest: number, unit: string): string {
  return rest === 0 ? first : `${first} ${rest} ${unit}`;
}

export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? word : plural}`;
}

const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const dayOnly = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const timeOnly = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

export function instantInWords(instant: string): string {
  return dayAndTime.format(new Date(instant));
}

export function fullInstant(instant: string): string {
  return full.format(new Date(instant));
}

export function dayInWords(day: Date): string {
  return dayOnly.format(day);
}

/** As one says it: `today at 02:00`, `tomorrow at 02:00`, `Sunday at 04:00`, else the date. */
export function momentInWords(instant: string, now: Date): string {
  const at = new Date(instant);
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  const time = timeOnly.format(at);
  if (days === 0) return `today at ${time}`;
  if (days === 1) return `tomorrow at ${time}`;
  if (days === -1) return `yesterday at ${time}`;
  if (days > 1 && days < 7) return `${weekday.format(at)} at ${time}`;
  return dayAndTime.format(at);
}

function midnight(instant: Date): number {
  return new Date(instant.getFullYear(), instant.getMonth(), instant.getDate()).getTime();
}

const verbs: Readonly<Record<Run['verb'], string>> = {
  backup: 'Backup',
  verify: 'Verification',
  drill: 'Restore drill',
  restore: 'Restore',
  expire: 'Expiry',
  copy: 'Copy',
  delete: 'Deletion',
  rescue: 'Rescue',
};

export function verbInWords(verb: Run['verb']): string {
  return verbs[verb];
}

/** Who started a run, as a clause: `on schedule`, `by anna`. */
export function startedBy(run: Pick<Run, 'trigger'>): string {
  if (run.trigger === null) return '';
  if (run.trigger.kind === 'schedule') return 'on schedule';
  return run.trigger.kind === 'command' ? `by ${run.trigger.user}, on the command line` : `by ${run.trigger.user}`;
}
