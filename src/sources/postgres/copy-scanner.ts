import { createHash } from 'node:crypto';
import { HoldfastError } from '../../domain/errors.ts';
import type { TableRecord } from '../../domain/manifest.ts';
import type { DumpScanner, ScannedDump } from '../../ports/dump-engine.ts';
import { type CopyStatement, parseCopyStatement } from './copy-statement.ts';
import { SqlLexer } from './sql-lexer.ts';

/** Computes the SHA-256 of a table's rows, hex. With a promise it needs the bytes until that resolves. */
export interface RowHash {
  update(bytes: Uint8Array): void | Promise<void>;
  digest(): string | Promise<string>;
}

function hashAtOnce(): RowHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
}

/**
 * Counts and hashes what is in a plain dump while its bytes flow by: rows, bytes and SHA-256 of every table's rows as
 * `COPY … TO STDOUT` prints them, and one SHA-256 over everything else. The lines `\restrict` and `\unrestrict` are
 * left out of the latter: their key is random, and equal databases shall have equal digests.
 * @see https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Text Format)
 */
export class CopyScanner implements DumpScanner {
  readonly #openHash: () => RowHash;
  readonly #lexer = new SqlLexer();
  readonly #definitions = createHash('sha256');
  readonly #tables: Promise<TableRecord>[] = [];
  #table: OpenTable | null = null;
  #inCommand = false;
  #hashing: Promise<void>[] = [];

  /** Unless it is given other hashes, it is done with bytes when a call returns. */
  constructor(openHash: () => RowHash = hashAtOnce) {
    this.#openHash = openHash;
  }

  push(bytes: Uint8Array): void | Promise<void> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < chunk.length) at = this.#table === null ? this.#scanDefinitions(chunk, at) : this.#scanRows(this.#table, chunk, at);
    if (this.#hashing.length === 0) return;
    const hashing = this.#hashing;
    this.#hashing = [];
    return Promise.all(hashing).then(() => undefined);
  }

  /**
   * As `push`, for bytes that are known to be rows of the table whose COPY came last, and whose count is known too: it is
   * told with `addRows`. Saves looking for it.
   */
  pushRows(bytes: Uint8Array): void | Promise<void> {
    return this.#openTable().hash(bytes);
  }

  addRows(rows: number): void {
    this.#openTable().rows += rows;
  }

  #openTable(): OpenTable {
    if (this.#table === null) throw incomplete('rows belong to no table');
    return this.#table;
  }

  async end(): Promise<ScannedDump> {
    if (this.#table !== null) throw incomplete(`it ends among the rows of ${this.#table.record.copy}`);
    if (!this.#lexer.isComplete) throw incomplete('its end marker is missing');
    return { definitionsSha256: this.#definitions.digest('hex'), tables: await Promise.all(this.#tables) };
  }

  #scanDefinitions(chunk: Buffer, from: number): number {
    const { stop, at } = this.#lexer.scan(chunk, from);
    if (!this.#inCommand) this.#definitions.update(chunk.subarray(from, at));
    if (stop === 'commandBegins') this.#inCommand = true;
    if (stop === 'commandEnds') this.#inCommand = false;
    if (stop === 'copy') this.#table = new OpenTable(parseCopyStatement(this.#lexer.copyStatement, this.#lexer.encoding), this.#openHash());
    return at;
  }

  #scanRows(table: OpenTable, chunk: Buffer, from: number): number {
    const { rowsEnd, next, ended } = findRowsEnd(table, chunk, from);
    if (rowsEnd > from) {
      const hashing = quiet(table.take(chunk.subarray(from, rowsEnd)));
      if (hashing !== undefined) this.#hashing.push(hashing);
    }
    if (!ended) return next;
    const closed = table.close();
    // It is met at the end; until then it must not count as unhandled.
    closed.catch(() => undefined);
    this.#tables.push(closed);
    this.#definitions.update(terminator);
    this.#table = null;
    this.#lexer.resume();
    return next;
  }
}

const newline = 0x0a;
const backslash = 0x5c;
const dot = 0x2e;
const terminator = Buffer.from('\\.\n');
const terminatorLine = Buffer.from('\n\\.\n');

/** Below this many bytes a row, looking for each newline costs more than looking at each word. */
const shortRowBytes = 50;

/** A table whose rows are flowing by. */
class OpenTable {
  readonly record: CopyStatement;
  /** Bytes of a possible terminator that ended a chunk: nothing, `\` or `\.`. They belong to no row yet. */
  held = 0;
  atLineStart = true;
  rows = 0;
  readonly #hash: RowHash;
  #sizeBytes = 0;

  constructor(record: CopyStatement, hash: RowHash) {
    this.record = record;
    this.#hash = hash;
  }

  take(bytes: Buffer): void | Promise<void> {
    const areShort = this.#sizeBytes / this.rows < shortRowBytes;
    // Begun first: rows are counted while another thread hashes them.
    const hashing = this.hash(bytes);
    this.rows += countNewlines(bytes, areShort);
    return hashing;
  }

  hash(bytes: Uint8Array): void | Promise<void> {
    this.#sizeBytes += bytes.length;
    this.atLineStart = bytes[bytes.length - 1] === newline;
    return this.#hash.update(bytes);
  }

  async close(): Promise<TableRecord> {
    return { ...this.record, rows: this.rows, sizeBytes: this.#sizeBytes, sha256: await this.#hash.digest() };
  }
}

/** A failure is met by whoever waits, and by the digest; as long as nobody does it must not count as unhandled. */
function quiet(hashing: void | Promise<void>): void | Promise<void> {
  hashing?.catch(() => undefined);
  return hashing;
}

/**
 * Where the rows end in this chunk. In COPY's text format a backslash in the data is always doubled, so a line that is
 * just `\.` is never a row.
 */
function findRowsEnd(table: OpenTable, chunk: Buffer, from: number): { rowsEnd: number; next: number; ended: boolean } {
  if (table.atLineStart) {
    const matched = matchTerminator(chunk, from, table.held);
    if (matched === terminator.length) return { rowsEnd: from, next: from + matched - table.held, ended: true };
    if (matched > 0 && from + matched - table.held === chunk.length) {
      table.held = matched;
      return { rowsEnd: from, next: chunk.length, ended: false };
    }
    // These bytes stay as they are, whenever they are hashed.
    if (table.held > 0) void quiet(table.take(terminator.subarray(0, table.held)));
    table.held = 0;
  }
  const line = findTerminatorLine(chunk, from);
  if (line >= 0) return { rowsEnd: line + 1, next: line + terminatorLine.length, ended: true };
  table.held = heldAtEnd(chunk, from);
  return { rowsEnd: chunk.length - table.held, next: chunk.length, ended: false };
}

/** So many other backslashes are looked at before the search for one gives way to the search for the whole line. */
const backslashTries = 20;

/** Most data has few backslashes, and finding none is ten times faster than finding no terminator. */
function findTerminatorLine(chunk: Buffer, from: number): number {
  let at = from;
  for (let tries = 0; tries < backslashTries; tries++) {
    at = chunk.indexOf(backslash, at + 1);
    if (at < 0) return -1;
    if (chunk[at - 1] === newline && chunk[at + 1] === dot && chunk[at + 2] === newline) return at - 1;
  }
  return chunk.indexOf(terminatorLine, at);
}

/** How many bytes of the terminator stand at `from`, when its first `held` bytes were seen before. */
function matchTerminator(chunk: Buffer, from: number, held: number): number {
  let matched = held;
  while (matched < terminator.length && chunk[from + matched - held] === terminator[matched]) matched++;
  return matched;
}

function heldAtEnd(chunk: Buffer, from: number): number {
  const end = chunk.length;
  if (end - from >= 2 && chunk[end - 1] === backslash && chunk[end - 2] === newline) return 1;
  if (end - from >= 3 && chunk[end - 1] === dot && chunk[end - 2] === backslash && chunk[end - 3] === newline) return 2;
  return 0;
}

function countNewlines(bytes: Buffer, shortRows: boolean): number {
  return shortRows && bytes.length >= 16 ? countInWords(bytes) : countBySearch(bytes);
}

function countBySearch(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++;
  return count;
}

/** Four bytes at a time: the high bit of each byte of `hits` is set where that byte was a newline. */
function countInWords(bytes: Buffer): number {
  const before = -bytes.byteOffset & 3;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + before, (bytes.length - before) >> 2);
  let count = 0;
  for (let index = 0; index < words.length; index++) {
    const word = (words[index] as number) ^ 0x0a0a0a0a;
    const hits = ~(((word & 0x7f7f7f7f) + 0x7f7f7f7f) | word | 0x7f7f7f7f);
    if (hits !== 0) count += ((hits >>> 7) & 1) + ((hits >>> 15) & 1) + ((hits >>> 23) & 1) + (hits >>> 31);
  }
  return count + countBySearch(bytes.subarray(0, before)) + countBySearch(bytes.subarray(before + words.length * 4));
}

function incomplete(state: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The dump is not complete: ${state}`, {
    hint: 'Do not load it: use another snapshot, and make a new one with "holdfast backup"',
  });
}
