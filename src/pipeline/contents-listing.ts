import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';
import type { ContentDigest } from '../ports/digester.ts';
import type { ByteSink } from '../ports/source.ts';
import { formatSeconds, parseSeconds } from './tar-format.ts';

/** So many lines are written at once. */
const batchLines = 256;

interface PendingLine {
  readonly entry: TreeEntry;
  readonly digest: ContentDigest | null;
  readonly damaged: boolean;
}

/**
 * The contents listing: one JSON object a line for every tree entry, in archive order, as `docs/formats/manifest.md`
 * describes it. A unit's lines have a digest of their own, which the manifest carries.
 */
export class ListingWriter {
  readonly #out: ByteSink;
  readonly #hash = createHash('sha256');
  #pending: PendingLine[] = [];
  #entries = 0;

  constructor(out: ByteSink) {
    this.#out = out;
  }

  /** The digest, null for what has no content, may be known later, when lines that come after this are added. */
  add(entry: TreeEntry, digest: ContentDigest | null, damaged: boolean): void | Promise<void> {
    this.#pending.push({ entry, digest, damaged });
    this.#entries += 1;
    if (this.#pending.length >= batchLines && isKnown(this.#pending[0]!)) return this.#drain();
  }

  /** Writes the lines up to the first whose digest is not known. */
  #drain(): void | Promise<void> {
    const unknown = this.#pending.findIndex((line) => !isKnown(line));
    const known = this.#pending.splice(0, unknown === -1 ? this.#pending.length : unknown);
    const bytes = Buffer.from(known.map(encodeLine).join(''));
    this.#hash.update(bytes);
    return this.#out.write(bytes);
  }

  /** How many lines there are and their digest, hex. Call it once, last, when every digest is known. */
  async end(): Promise<{ readonly entries: number; readonly listingSha256: string }> {
    await this.#drain();
    if (this.#pending.length > 0) throw new Error('the contents listing ends before every digest is known');
    return { entries: this.#entries, listingSha256: this.#hash.digest('hex') };
  }
}

function isKnown({ digest }: PendingLine): boolean {
  return digest === null || digest.sha256 !== undefined;
}

function encodeLine({ entry, digest, damaged }: PendingLine): string {
  const content = entry.type === 'file' ? `,"size":${entry.sizeBytes},"sha256":"${digest?.sha256 ?? ''}"` : '';
  const link = entry.linkTarget.length > 0 ? `,${encodeName('target', entry.linkTarget)}` : '';
  const mode = entry.mode.toString(8).padStart(4, '0');
  return `{${encodeName('path', entry.path)},"type":"${entry.type}","mode":"${mode}","mtime":"${formatSeconds(entry.mtimeNs)}"${content}${link}${damaged ? ',"damaged":true' : ''}}\n`;
}

/** A name that is not UTF-8 stands as base64 under another key, so that no two names look alike. */
function encodeName(key: string, name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.length);
  return isUtf8(bytes) ? `"${key}":${JSON.stringify(bytes.toString())}` : `"${key}Base64":"${bytes.toString('base64')}"`;
}

interface ListingLine {
  readonly path?: string;
  readonly pathBase64?: string;
  readonly type: TreeEntry['type'];
  readonly mode: string;
  readonly mtime: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly targetBase64?: string;
  readonly damaged?: boolean;
}

/**
 * Reads listing lines one by one, and tells each unit's digest from the lines taken since the last `unitDigest`.
 * Throws a plain Error on a line that is not one of ours.
 */
export class ListingReader {
  readonly #lines: AsyncGenerator<Buffer, void, undefined>;
  #hash = createHash('sha256');

  constructor(listing: AsyncIterable<Uint8Array>) {
    this.#lines = lines(listing);
  }

  /** The next entry; undefined at the end. */
  async next(): Promise<ListedEntry | undefined> {
    const { value, done } = await this.#lines.next();
    if (done === true) return undefined;
    this.#hash.update(value);
    return decodeLine(value);
  }

  unitDigest(): string {
    const digest = this.#hash.digest('hex');
    this.#hash = createHash('sha256');
    return digest;
  }

  async close(): Promise<void> {
    await this.#lines.return();
  }
}

async function* lines(listing: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of listing) {
    const bytes = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      yield bytes.subarray(start, end + 1);
      start = end + 1;
    }
    // A copy: the chunk is ours only until the next is asked for.
    rest = Buffer.from(bytes.subarray(start));
  }
  if (rest.length > 0) throw new Error('the contents listing ends in the middle of a line');
}

function decodeLine(bytes: Buffer): ListedEntry {
  const line = JSON.parse(bytes.toString()) as ListingLine;
  return {
    type: line.type,
    path: decodeName(line.path, line.pathBase64),
    sizeBytes: line.size ?? 0,
    mode: Number.parseInt(line.mode, 8),
    mtimeNs: parseSeconds(line.mtime),
    sha256: line.sha256 ?? '',
    linkTarget: decodeName(line.target, line.targetBase64),
    damaged: line.damaged ?? false,
  };
}

function decodeName(text: string | undefined, base64: string | undefined): Uint8Array {
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}
