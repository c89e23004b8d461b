import type { TreeEntry } from '../domain/tree-entry.ts';

/**
 * The tar format written here: POSIX.1-2001 pax interchange (IEEE Std 1003.1, pax, "pax Interchange Format"), a plain
 * ustar header where it can say everything, preceded by an `x` header where it cannot. Sparse files are GNU's pax 1.0
 * form, extended attributes and ACLs star's `SCHILY.*` records: what GNU tar and libarchive read.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * @see https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
 */
export const tarBlockBytes = 512;

/** Of the field for the path, and of that for a link's target. */
export const nameBytes = 100;

export const typeFlags: Readonly<Record<TreeEntry['type'], string>> = { file: '0', hardlink: '1', symlink: '2', directory: '5' };

/** Names of attributes that have records of their own. */
export const aclRecords: ReadonlyMap<string, string> = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
]);

/** Bytes to add to reach a multiple of 512. */
export function paddingBytes(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

/** The sum of all header bytes with the checksum field read as blanks. */
export function headerSum(header: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let position = 0; position < tarBlockBytes; position++) sum += header[position]!;
  for (let position = 148; position < 156; position++) sum -= header[position]!;
  return sum;
}

/** Decimal seconds with up to nine digits after the point. */
export function formatSeconds(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const absolute = ns < 0n ? -ns : ns;
  const fraction = absolute % 1_000_000_000n;
  const whole = `${sign}${absolute / 1_000_000_000n}`;
  return fraction === 0n ? whole : `${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

/** The inverse of `formatSeconds`; digits beyond nanoseconds are dropped. */
export function parseSeconds(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a time`);
  const ns = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
}
