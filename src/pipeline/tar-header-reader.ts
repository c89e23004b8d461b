import type { TreeEntry } from '../domain/tree-entry.ts';
import { aclFromText } from './posix-acl.ts';
import { aclRecords, headerSum, nameBytes, parseSeconds, typeFlags } from './tar-format.ts';

const typeByFlag = new Map<string, TreeEntry['type']>([
  ...Object.entries(typeFlags).map(([type, flag]) => [flag, type as TreeEntry['type']] as const),
  ['\0', 'file'],
]);

/** What one header block says, before pax records are applied. */
export interface RawHeader {
  readonly typeFlag: string;
  readonly sizeBytes: number;
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly user: string;
  readonly group: string;
}

/** Undefined for the block of zeros that ends an archive. Throws when the checksum does not fit. */
export function decodeHeader(block: Buffer): RawHeader | undefined {
  if (block[0] === 0 && block.every((byte) => byte === 0)) return undefined;
  if (headerSum(block) !== readOctal(block, 148, 8)) throw new Error('a tar header has a wrong checksum');
  return {
    typeFlag: block.toString('latin1', 156, 157),
    sizeBytes: readOctal(block, 124, 12),
    name: cString(block, 0, nameBytes),
    linkName: cString(block, 157, nameBytes),
    mode: readOctal(block, 100, 8),
    uid: readOctal(block, 108, 8),
    gid: readOctal(block, 116, 8),
    mtimeSeconds: readOctal(block, 136, 12),
    user: cString(block, 265, 32).toString(),
    group: cString(block, 297, 32).toString(),
  };
}

function cString(block: Buffer, offset: number, fieldBytes: number): Buffer {
  const end = block.indexOf(0, offset);
  return block.subarray(offset, end === -1 || end > offset + fieldBytes ? offset + fieldBytes : end);
}

function readOctal(block: Buffer, offset: number, fieldBytes: number): number {
  let value = 0;
  for (let position = offset; position < offset + fieldBytes; position++) {
    const digit = block[position]! - 0x30;
    if (digit >= 0 && digit <= 7) value = value * 8 + digit;
    else if (value > 0 || (block[position] !== 0x20 && block[position] !== 0)) break;
  }
  return value;
}

/** Key and raw value of each record of an `x` header. */
export function decodePaxRecords(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let position = 0;
  while (position < bytes.length) {
    const blank = bytes.indexOf(0x20, position);
    const length = Number(bytes.toString('latin1', position, blank));
    const equals = bytes.indexOf(0x3d, blank);
    const end = position + length;
    if (blank === -1 || equals === -1 || !Number.isInteger(length) || end > bytes.length || bytes[end - 1] !== 0x0a || equals >= end)
      throw new Error('a pax header is damaged');
    records.set(bytes.toString('utf8', blank + 1, equals), bytes.subarray(equals + 1, end - 1));
    position = end;
  }
  return records;
}

/** The entry that a header and its pax records describe. A sparse entry's extents follow in its data. */
export function toEntry(
  raw: RawHeader,
  pax: ReadonlyMap<string, Buffer>,
): { readonly entry: TreeEntry; readonly dataBytes: number; readonly isSparse: boolean } {
  const type = typeByFlag.get(raw.typeFlag);
  if (type === undefined) throw new Error(`tar entry type "${raw.typeFlag}" is not one that Holdfast writes`);
  const isSparse = pax.has('GNU.sparse.realsize');
  const dataBytes = numberOf(pax.get('size')) ?? raw.sizeBytes;
  const path = pax.get('GNU.sparse.name') ?? pax.get('path') ?? raw.name;
  const mtime = pax.get('mtime');
  return {
    isSparse,
    dataBytes,
    entry: {
      type,
      path: Buffer.from(path.at(-1) === 0x2f ? path.subarray(0, -1) : path),
      sizeBytes: type === 'file' ? (numberOf(pax.get('GNU.sparse.realsize')) ?? dataBytes) : 0,
      mode: raw.mode & 0o7777,
      uid: numberOf(pax.get('uid')) ?? raw.uid,
      gid: numberOf(pax.get('gid')) ?? raw.gid,
      user: raw.user,
      group: raw.group,
      mtimeNs: mtime === undefined ? BigInt(raw.mtimeSeconds) * 1_000_000_000n : parseSeconds(mtime.toString('latin1')),
      linkTarget: Buffer.from(pax.get('linkpath') ?? raw.linkName),
      xattrs: attributes(pax),
    },
  };
}

function numberOf(value: Buffer | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toString('latin1'));
}

function attributes(pax: ReadonlyMap<string, Buffer>): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of pax)
    if (key.startsWith('SCHILY.xattr.')) found.set(decodeKeyword(key.slice('SCHILY.xattr.'.length)), Buffer.from(value));
  for (const [name, record] of aclRecords) {
    const text = pax.get(record);
    if (text !== undefined) found.set(name, aclFromText(text.toString()));
  }
  return found;
}

function decodeKeyword(name: string): string {
  return name.replaceAll('%3D', '=').replaceAll('%25', '%');
}
