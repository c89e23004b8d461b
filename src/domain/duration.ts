const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof unitMs;

const wholePattern = /^(?:\d+(?:\.\d+)?\s*[smhdw]\s*)+$/;
const termPattern = /(\d+(?:\.\d+)?)\s*([smhdw])/g;

/**
 * Milliseconds in a duration as people write it: `30m`, `26h`, `7d`, `1d 12h`, with the units s, m (minutes), h, d and w. Undefined for
 * everything else, a bare number included, since nobody can tell what it counts.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!wholePattern.test(trimmed)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of trimmed.matchAll(termPattern)) totalMs += Number(amount) * unitMs[unit as Unit];
  return Math.round(totalMs);
}

/** In words, with at most two units: `850 ms`, `4.2 s`, `3 h 20 min`, `5 d 4 h`. The sign is dropped. */
export function formatDuration(durationMs: number): string {
  const ms = Math.abs(durationMs);
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return twoUnits(seconds, 60, 'min', 's');
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1_440) return twoUnits(minutes, 60, 'h', 'min');
  return twoUnits(Math.round(ms / 3_600_000), 24, 'd', 'h');
}

function twoUnits(small: number, perLarge: number, largeName: string, smallName: string): string {
  const rest = small % perLarge;
  const large = `${Math.floor(small / perLarge)} ${largeName}`;
  return rest === 0 ? large : `${large} ${rest} ${smallName}`;
}

/** How long ago an instant was: `3 h 20 min ago`, `just now`, and `in 5 min` for one that is still to come. */
export function formatAge(at: Date, now: Date): string {
  const ageMs = now.getTime() - at.getTime();
  if (Math.abs(ageMs) < 1_000) return 'just now';
  return ageMs < 0 ? `in ${formatDuration(ageMs)}` : `${formatDuration(ageMs)} ago`;
}
