const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** In decimal units, as disks are sold: `512 B`, `4.0 GB`, `63.5 MB`, `163 MB`. */
export function formatBytes(sizeBytes: number): string {
  let size = Math.abs(sizeBytes);
  let unit = 0;
  // 999.5 of a unit prints as 1.0 of the next, never as 1000.
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const sign = sizeBytes < 0 ? '-' : '';
  return `${sign}${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
