import type { Extent, TreeEntry } from '../domain/tree-entry.ts';
import { aclFromText, aclToText } from './posix-acl.ts';

/**
 * The tar format written here: POSIX.1-2001 pax interchange (IEEE Std 1003.1, pax, "pax Interchange Format"), a plain
 * ustar header where it can say everything, preceded by an `x` header where it cannot. Sparse files are GNU's pax 1.0
 * form, extended attributes and ACLs star's `SCHILY.*` records: what GNU tar and libarchive read.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * @see https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
 */
export const tarBlockBytes = 512;

const nameBytes = 100;
const largestOctal12 = 0o77777777777;
const largestOctal8 = 0o7777777;

const typeFlags: Readonly<Record<TreeEntry['type'], string>> = { file: '0', hardlink: '1', symlink: '2', directory: '5' };
const typeByFlag = new Map<string, TreeEntry['type']>([
  ...Object.entries(typeFlags).map(([type, flag]) => [flag, type as TreeEntry['type']] as const),
  ['\0', 'file'],
]);

const aclRecords: ReadonlyMap<string, string> = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
]);

/** Bytes to add to reach a multiple of 512. */
export function paddingBytes(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

/** Header blocks of one entry, and how many bytes of data (sparse map included) follow them. */
export function encodeHeader(entry: TreeEntry): { readonly header: Uint8Array; readonly dataBytes: number } {
  const sparse = entry.extents === undefined ? undefined : encodeSparseMap(entry.extents, entry.sizeBytes);
  const fileBytes = entry.type === 'file' ? storedBytes(entry) : 0;
  const dataBytes = fileBytes + (sparse?.length ?? 0);
  const pax = paxRecords(entry, dataBytes);
  const main = ustarHeader(entry, { sizeBytes: dataBytes, typeFlag: typeFlags[entry.type], name: pathField(entry) });
  if (pax === undefined) return { header: main, dataBytes: fileBytes };
  const paxHeader = ustarHeader(entry, { sizeBytes: pax.length, typeFlag: 'x', name: paxHeaderName });
  const padding = Buffer.alloc(paddingBytes(pax.length));
  return { header: Buffer.concat([paxHeader, pax, padding, main, sparse ?? emptyBytes]), dataBytes: fileBytes };
}

/** Bytes of content that travel: all extents, or the whole file. */
function storedBytes(entry: Pick<TreeEntry, 'extents' | 'sizeBytes'>): number {
  return entry.extents === undefined ? entry.sizeBytes : entry.extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
}

const emptyBytes = Buffer.alloc(0);
const paxHeaderName = Buffer.from('././@PaxHeader');

/** In a sparse entry the real name is a pax record, and this one tells old readers that it is not the plain file. */
function pathField(entry: TreeEntry): Uint8Array {
  if (entry.extents !== undefined) return Buffer.from('GNUSparseFile.0/sparse');
  return entry.type === 'directory' ? Buffer.concat([entry.path, slash]) : entry.path;
}
const slash = Buffer.from('/');

interface HeaderFields {
  readonly sizeBytes: number;
  readonly typeFlag: string;
  readonly name: Uint8Array;
}

function ustarHeader(entry: TreeEntry, fields: HeaderFields): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  header.set(fields.name.subarray(0, nameBytes), 0);
  writeOctal(header, entry.mode, 100, 8);
  writeOctal(header, entry.uid <= largestOctal8 ? entry.uid : 0, 108, 8);
  writeOctal(header, entry.gid <= largestOctal8 ? entry.gid : 0, 116, 8);
  writeOctal(header, fields.sizeBytes <= largestOctal12 ? fields.sizeBytes : 0, 124, 12);
  writeOctal(header, wholeSeconds(entry.mtimeNs), 136, 12);
  header.write(fields.typeFlag, 156, 'latin1');
  if (fields.typeFlag === '1' || fields.typeFlag === '2') header.set(entry.linkTarget.subarray(0, nameBytes), 157);
  header.write('ustar\u000000', 257, 'latin1');
  header.write(entry.user, 265, 31, 'utf8');
  header.write(entry.group, 297, 31, 'utf8');
  writeChecksum(header);
  return header;
}

/** Zero outside what eleven octal digits hold; the pax record then says the true time. */
function wholeSeconds(mtimeNs: bigint): number {
  const seconds = Number(mtimeNs / 1_000_000_000n);
  return mtimeNs < 0n || seconds > largestOctal12 ? 0 : seconds;
}

function writeOctal(header: Buffer, value: number, offset: number, fieldBytes: number): void {
  let rest = value;
  for (let position = offset + fieldBytes - 2; position >= offset; position--) {
    header[position] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** The sum of all header bytes with the checksum field read as blanks. */
function headerSum(header: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let position = 0; position < tarBlockBytes; position++) sum += header[position]!;
  for (let position = 148; position < 156; position++) sum -= header[position]!;
  return sum;
}

function writeChecksum(header: Buffer): void {
  writeOctal(header, headerSum(header), 148, 7);
  header[155] = 0x20;
}

/** Records for what ustar cannot say; undefined when it can say everything. */
function paxRecords(entry: TreeEntry, dataBytes: number): Buffer | undefined {
  const records: Buffer[] = [];
  const add = (key: string, value: string | Uint8Array): void => {
    records.push(paxRecord(key, typeof value === 'string' ? Buffer.from(value) : value));
  };
  const pathBytes = entry.path.length + (entry.type === 'directory' ? 1 : 0);
  if (entry.extents === undefined && pathBytes > nameBytes) add('path', entry.path);
  if (entry.linkTarget.length > nameBytes) add('linkpath', entry.linkTarget);
  if (entry.mtimeNs % 1_000_000_000n !== 0n || entry.mtimeNs < 0n || entry.mtimeNs / 1_000_000_000n > largestOctal12)
    add('mtime', formatSeconds(entry.mtimeNs));
  if (dataBytes > largestOctal12) add('size', String(dataBytes));
  if (entry.uid > largestOctal8) add('uid', String(entry.uid));
  if (entry.gid > largestOctal8) add('gid', String(entry.gid));
  for (const [name, value] of entry.xattrs) addAttribute(add, name, value);
  if (entry.extents !== undefined) addSparse(add, entry);
  return records.length === 0 ? undefined : Buffer.concat(records);
}

function addAttribute(add: (key: string, value: string | Uint8Array) => void, name: string, value: Uint8Array): void {
  const aclRecord = aclRecords.get(name);
  if (aclRecord === undefined) add(`SCHILY.xattr.${encodeKeyword(name)}`, value);
  else add(aclRecord, aclToText(value));
}

/** A record's key ends at its first `=`; GNU tar (xattr_encode_keyword) writes that and `%` so. */
function encodeKeyword(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D');
}

function decodeKeyword(name: string): string {
  return name.replaceAll('%3D', '=').replaceAll('%25', '%');
}

function addSparse(add: (key: string, value: string | Uint8Array) => void, entry: TreeEntry): void {
  add('GNU.sparse.major', '1');
  add('GNU.sparse.minor', '0');
  add('GNU.sparse.name', entry.path);
  add('GNU.sparse.realsize', String(entry.sizeBytes));
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const bare = Buffer.byteLength(key) + value.length + 3;
  let length = bare + String(bare).length;
  if (String(length).length > String(bare).length) length = bare + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, newline]);
}
const newline = Buffer.from('\n');

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

/** GNU tar pads the data of each extent to whole blocks (sparse.c, sparse_dump_region), so only the last may end inside one. */
function encodeSparseMap(extents: readonly Extent[], sizeBytes: number): Buffer {
  if (extents.slice(0, -1).some((extent) => extent.sizeBytes % tarBlockBytes !== 0))
    throw new Error('an extent is not a multiple of 512 bytes long');
  const last = extents.at(-1);
  // A hole at the end is told by an empty extent there: without it GNU tar makes the file end with its last data.
  const all =
    last !== undefined && last.offset + last.sizeBytes === sizeBytes ? extents : [...extents, { offset: sizeBytes, sizeBytes: 0 }];
  const lines = [all.length, ...all.flatMap((extent) => [extent.offset, extent.sizeBytes])];
  const map = Buffer.from(`${lines.join('\n')}\n`);
  return Buffer.concat([map, Buffer.alloc(paddingBytes(map.length))]);
}

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
