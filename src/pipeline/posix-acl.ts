/**
 * POSIX ACLs in the two forms they travel in: the kernel's extended attribute (`system.posix_acl_*`, version 2, little
 * endian) and the text that star and GNU tar keep in `SCHILY.acl.*`, here always with numeric ids.
 *
 * @see https://man7.org/linux/man-pages/man5/acl.5.html
 * @see linux/include/uapi/linux/posix_acl_xattr.h
 */
const version = 2;
const headerBytes = 4;
const entryBytes = 8;
const noId = 0xffffffff;

const tags: readonly { readonly tag: number; readonly word: string; readonly named: boolean }[] = [
  { tag: 0x01, word: 'user', named: false },
  { tag: 0x02, word: 'user', named: true },
  { tag: 0x04, word: 'group', named: false },
  { tag: 0x08, word: 'group', named: true },
  { tag: 0x10, word: 'mask', named: false },
  { tag: 0x20, word: 'other', named: false },
];

/** `user::rw-,user:1000:r--,…`. Throws on a version or tag that the kernel's header does not know. */
export function aclToText(attribute: Uint8Array): string {
  const view = new DataView(attribute.buffer, attribute.byteOffset, attribute.length);
  if (view.getUint32(0, true) !== version) throw new Error('an ACL has an unknown version');
  const entries: string[] = [];
  for (let position = headerBytes; position + entryBytes <= attribute.length; position += entryBytes) {
    const tag = tags.find((candidate) => candidate.tag === view.getUint16(position, true));
    if (tag === undefined) throw new Error('an ACL has an unknown tag');
    const permissions = view.getUint16(position + 2, true);
    entries.push(`${tag.word}:${tag.named ? view.getUint32(position + 4, true) : ''}:${permissionText(permissions)}`);
  }
  return entries.join(',');
}

/** The inverse of `aclToText`. */
export function aclFromText(text: string): Uint8Array {
  const entries = text.split(/[,\n]/).filter((entry) => entry !== '');
  const attribute = Buffer.alloc(headerBytes + entries.length * entryBytes);
  attribute.writeUInt32LE(version, 0);
  for (const [index, entry] of entries.entries()) {
    const [word, id = '', permissions = ''] = entry.split(':');
    const tag = tags.find((candidate) => candidate.word === word && candidate.named === (id !== ''));
    if (tag === undefined) throw new Error(`"${entry}" is not an ACL entry`);
    const position = headerBytes + index * entryBytes;
    attribute.writeUInt16LE(tag.tag, position);
    attribute.writeUInt16LE(permissionBits(permissions), position + 2);
    attribute.writeUInt32LE(tag.named ? Number(id) : noId, position + 4);
  }
  return attribute;
}

function permissionText(bits: number): string {
  return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`;
}

function permissionBits(text: string): number {
  return (text.includes('r') ? 4 : 0) | (text.includes('w') ? 2 : 0) | (text.includes('x') ? 1 : 0);
}
