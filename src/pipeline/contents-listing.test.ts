import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';
import { ListingReader, ListingWriter } from './contents-listing.ts';

const bytesOf = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const listed = fc.record<ListedEntry>({
  type: fc.constantFrom('file', 'directory', 'symlink', 'hardlink'),
  path: fc.oneof(
    bytesOf,
    fc.string({ minLength: 1 }).map((text) => Buffer.from(text.toWellFormed())),
  ),
  sizeBytes: fc.nat(),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtimeNs: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }),
  sha256: fc.constant('a'.repeat(64)),
  linkTarget: fc.oneof(fc.constant(Buffer.alloc(0)), bytesOf),
  damaged: fc.boolean(),
});

async function write(entries: readonly ListedEntry[]) {
  const chunks: Buffer[] = [];
  const sink = {
    write: (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)),
    window: () => Buffer.alloc(1),
    filled: () => undefined,
  };
  const writer = new ListingWriter(sink);
  for (const entry of entries)
    await writer.add(
      { ...entry, uid: 0, gid: 0, user: '', group: '', xattrs: new Map() } satisfies TreeEntry,
      { sha256: entry.sha256 },
      entry.damaged,
    );
  return { ...(await writer.end()), bytes: Buffer.concat(chunks) };
}

async function* inChunks(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < bytes.length; position += sizeBytes) yield bytes.subarray(position, position + sizeBytes);
}

/** What a listing keeps of an entry: size and digest belong to files alone. */
function kept(entry: ListedEntry) {
  const { path, linkTarget, ...rest } = entry;
  const content = entry.type === 'file' ? {} : { sizeBytes: 0, sha256: '' };
  return { ...rest, ...content, path: Buffer.from(path).toString('hex'), linkTarget: Buffer.from(linkTarget).toString('hex') };
}

describe('the contents listing', () => {
  it('comes back as it was, names that are not UTF-8 included, with a digest of its lines', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(listed, { maxLength: 20 }), fc.integer({ min: 1, max: 400 }), async (entries, chunkBytes) => {
        const { bytes, entries: count, listingSha256 } = await write(entries);
        expect(count).toBe(entries.length);
        expect(listingSha256).toBe(createHash('sha256').update(bytes).digest('hex'));
        const reader = new ListingReader(inChunks(bytes, chunkBytes));
        const found: ListedEntry[] = [];
        for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) found.push(entry);
        expect(reader.unitDigest()).toBe(listingSha256);
        expect(found.map(kept)).toEqual(entries.map(kept));
      }),
    );
  });

  it('is one JSON object a line', async () => {
    const { bytes } = await write([
      {
        type: 'file',
        path: Buffer.from('a "b"\n'),
        sizeBytes: 3,
        mode: 0o640,
        mtimeNs: 1_500_000_000n,
        sha256: 'f'.repeat(64),
        linkTarget: Buffer.alloc(0),
        damaged: false,
      },
    ]);
    expect(bytes.toString()).toBe(
      `{"path":"a \\"b\\"\\n","type":"file","mode":"0640","mtime":"1.5","size":3,"sha256":"${'f'.repeat(64)}"}\n`,
    );
  });

  it('is refused when it ends inside a line', async () => {
    const { bytes } = await write([
      {
        type: 'directory',
        path: Buffer.from('a'),
        sizeBytes: 0,
        mode: 0,
        mtimeNs: 0n,
        sha256: '',
        linkTarget: Buffer.alloc(0),
        damaged: false,
      },
    ]);
    const reader = new ListingReader(inChunks(bytes.subarray(0, -1), 7));
    await expect(reader.next()).rejects.toThrow(/middle of a line/);
  });
});
