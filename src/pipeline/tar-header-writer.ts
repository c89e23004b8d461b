import type { Extent, TreeEntry } from '../domain/tree-entry.ts';
import { aclToText } from './posix-acl.ts';
import { aclRecords, formatSeconds, headerSum, nameBytes, paddingBytes, tarBlockBytes, typeFlags } from './tar-format.ts';

const largestOctal12 = 0o77777777777;
const largestOctal8 = 0o7777777;
const paxHeaderName = Buffer.from('././@PaxHeader');
/** The real name of a sparse file is a pax record; this tells old readers that it is not the plain file. */
const sparseName = Buffer.from('GNUSparseFile.0/sparse');
/** `<length> =\n` around a record's key and value, with room for any length. */
const recordOverheadBytes = 24;

export interface Header {
  /** Valid until the next header is made. */
  readonly header: Uint8Array;
  /** Bytes of content that travel: all extents, or the whole file. */
  readonly dataBytes: number;
}

/** Makes the header blocks of one entry after the other, in memory that is used again for each: most trees are of small files. */
export class HeaderWriter {
  #memory = Buffer.alloc(64 << 10);
  #length = 0;

  /** A sparse map, when there is one, belongs to the header. */
  write(entry: TreeEntry): Header {
    this.#length = 0;
    const sparse = entry.extents === undefined ? undefined : encodeSparseMap(entry.extents, entry.sizeBytes);
    const dataBytes = entry.type === 'file' ? storedBytes(entry) : 0;
    const sizeBytes = dataBytes + (sparse?.length ?? 0);
    this.#writePax(entry, sizeBytes);
    this.#writeBlock(entry, { sizeBytes, typeFlag: typeFlags[entry.type], name: entry.extents === undefined ? entry.path : sparseName });
    if (sparse !== undefined) this.#append(sparse);
    return { header: this.#memory.subarray(0, this.#length), dataBytes };
  }

  /** Records for what ustar cannot say, and the header in front of them; nothing when it can say everything. */
  #writePax(entry: TreeEntry, sizeBytes: number): void {
    this.#length = tarBlockBytes;
    this.#writeRecords(entry, sizeBytes);
    const end = this.#length;
    this.#length = 0;
    if (end === tarBlockBytes) return;
    this.#writeBlock(entry, { sizeBytes: end - tarBlockBytes, typeFlag: 'x', name: paxHeaderName });
    this.#length = end;
    this.#pad();
  }

  #writeRecords(entry: TreeEntry, sizeBytes: number): void {
    const { path, linkTarget, mtimeNs, uid, gid, xattrs, extents } = entry;
    const slashBytes = entry.type === 'directory' ? 1 : 0;
    if (extents === undefined && path.length + slashBytes > nameBytes) this.#record('path', path);
    if (linkTarget.length > nameBytes) this.#record('linkpath', linkTarget);
    if (mtimeNs % 1_000_000_000n !== 0n || mtimeNs < 0n || mtimeNs / 1_000_000_000n > largestOctal12)
      this.#record('mtime', formatSeconds(mtimeNs));
    if (sizeBytes > largestOctal12) this.#record('size', String(sizeBytes));
    if (uid > largestOctal8) this.#record('uid', String(uid));
    if (gid > largestOctal8) this.#record('gid', String(gid));
    for (const [name, value] of xattrs) this.#attribute(name, value);
    if (extents !== undefined) this.#sparseRecords(entry);
  }

  #attribute(name: string, value: Uint8Array): void {
    const aclRecord = aclRecords.get(name);
    if (aclRecord === undefined) this.#record(`SCHILY.xattr.${encodeKeyword(name)}`, value);
    else this.#record(aclRecord, aclToText(value));
  }

  #sparseRecords({ path, sizeBytes }: TreeEntry): void {
    this.#record('GNU.sparse.major', '1');
    this.#record('GNU.sparse.minor', '0');
    this.#record('GNU.sparse.name', path);
    this.#record('GNU.sparse.realsize', String(sizeBytes));
  }

  /** `<length> <key>=<value>\n`, where the length counts its own digits. */
  #record(key: string, value: string | Uint8Array): void {
    const keyBytes = Buffer.byteLength(key);
    const valueBytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    const bare = keyBytes + valueBytes + 3;
    let length = bare + String(bare).length;
    if (String(length).length > String(bare).length) length = bare + String(length).length;
    this.#reserve(keyBytes + valueBytes + recordOverheadBytes);
    this.#text(`${length} ${key}=`);
    if (typeof value === 'string') this.#text(value);
    else this.#append(value);
    this.#text('\n');
  }

  #writeBlock(entry: TreeEntry, fields: HeaderFields): void {
    this.#reserve(tarBlockBytes);
    const block = this.#memory.subarray(this.#length, this.#length + tarBlockBytes);
    writeUstar(block.fill(0), entry, fields);
    this.#length += tarBlockBytes;
  }

  #text(text: string): void {
    this.#length += this.#memory.write(text, this.#length);
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#memory.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #pad(): void {
    const end = this.#length + paddingBytes(this.#length);
    this.#reserve(end - this.#length);
    this.#memory.fill(0, this.#length, end);
    this.#length = end;
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#memory.length) return;
    const larger = Buffer.alloc(2 * (this.#length + sizeBytes));
    this.#memory.copy(larger);
    this.#memory = larger;
  }
}

function storedBytes({ extents, sizeBytes }: Pick<TreeEntry, 'extents' | 'sizeBytes'>): number {
  return extents === undefined ? sizeBytes : extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
}

interface HeaderFields {
  readonly sizeBytes: number;
  readonly typeFlag: string;
  readonly name: Uint8Array;
}

function writeUstar(header: Buffer, entry: TreeEntry, { sizeBytes, typeFlag, name }: HeaderFields): void {
  header.set(name.length > nameBytes ? name.subarray(0, nameBytes) : name, 0);
  if (typeFlag === typeFlags.directory && name.length < nameBytes) header[name.length] = 0x2f;
  writeOctal(header, entry.mode, 100, 8);
  writeOctal(header, entry.uid <= largestOctal8 ? entry.uid : 0, 108, 8);
  writeOctal(header, entry.gid <= largestOctal8 ? entry.gid : 0, 116, 8);
  writeOctal(header, sizeBytes <= largestOctal12 ? sizeBytes : 0, 124, 12);
  writeOctal(header, wholeSeconds(entry.mtimeNs), 136, 12);
  header.write(typeFlag, 156, 'latin1');
  if (typeFlag === typeFlags.hardlink || typeFlag === typeFlags.symlink) header.set(entry.linkTarget.subarray(0, nameBytes), 157);
  header.write('ustar\u000000', 257, 'latin1');
  header.write(entry.user, 265, 31, 'utf8');
  header.write(entry.group, 297, 31, 'utf8');
  writeOctal(header, headerSum(header), 148, 7);
  header[155] = 0x20;
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

/** A record's key ends at its first `=`; GNU tar (xattr_encode_keyword) writes that and `%` so. */
function encodeKeyword(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D');
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
