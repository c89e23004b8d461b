/** PostgreSQL cuts longer names short without an error, so two of them could meet. */
const maxNameBytes = 63;

/** `base` with the suffix, shortened at a character's boundary so that the whole fits. */
export function nameWithSuffix(base: string, suffix: string): string {
  const room = maxNameBytes - Buffer.byteLength(suffix);
  let kept = '';
  let size = 0;
  for (const character of base) {
    size += Buffer.byteLength(character);
    if (size > room) break;
    kept += character;
  }
  return kept + suffix;
}

/** `20261121_023400`, UTC. */
export function timeLabel(at: Date): string {
  return at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
}
