import { createHash, type Hash } from 'node:crypto';
import { HoldfastError } from '../../domain/errors.ts';
import type { TableRecord } from '../../domain/manifest.ts';
import type { DumpScanner, ScannedDump } from '../../ports/dump-engine.ts';
import { type CopyStatement, parseCopyStatement } from './copy-statement.ts';
import { SqlLexer } from './sql-lexer.ts';

/**
 * Counts and hashes what is in a plain dump while its bytes flow by: rows, bytes and SHA-256 of every table's rows as
 * `COPY … TO STDOUT` prints them, and one SHA-256 over everything else. The lines `\restrict` and `\unrestrict` are
 * left out of the latter: their key is random, and equal databases shall have equal digests.
 * @see https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Text Format)
 */
export class CopyScanner implements DumpScanner {
  readonly #lexer = new SqlLexer();
  readonly #definitions = createHash('sha256');
  readonly #tables: TableRecord[] = [];
  #table: OpenTable | null = null;
  #inCommand = false;

  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < chunk.length) at = this.#table === null ? this.#scanDefinitions(chunk, at) : this.#scanRows(this.#table, chunk, at);
  }

  /**
   * As `push`, for bytes that are known to be rows of the table whose COPY came last, and whose count is known too: it is
   * told with `addRows`. Saves looking for it.
   */
  pushRows(bytes: Uint8Array): void {
    this.#openTable().hash(bytes);
  }

  addRows(rows: number): void {
    this.#openTable().rows += rows;
  }

  #openTable(): OpenTable {
    if (this.#table === null) throw incomplete('rows belong to no table');
    return this.#table;
  }

  end(): ScannedDump {
    if (this.#table !== null) throw incomplete(`it ends among the rows of ${this.#table.record.copy}`);
    if (!this.#lexer.isComplete) throw incomplete('its end marker is missing');
    return { definitionsSha256: this.#definitions.digest('hex'), tables: this.#tables };
  }

  #scanDefinitions(chunk: Buffer, from: number): number {
    const { stop, at } = this.#lexer.scan(chunk, from);
    if (!this.#inCommand) this.#definitions.update(chunk.subarray(from, at));
    if (stop === 'commandBegins') this.#inCommand = true;
    if (stop === 'commandEnds') this.#inCommand = false;
    if (stop === 'copy') this.#table = new OpenTable(parseCopyStatement(this.#lexer.copyStatement, this.#lexer.encoding));
    return at;
  }

  #scanRows(table: OpenTable, chunk: Buffer, from: number): number {
    const { rowsEnd, next, ended } = findRowsEnd(table, chunk, from);
    if (rowsEnd > from) table.take(chunk.subarray(from, rowsEnd));
    if (!ended) return next;
    this.#tables.push(table.close());
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
  readonly #hash: Hash = createHash('sha256');
  #sizeBytes = 0;

  constructor(record: CopyStatement) {
    this.record = record;
  }

  take(bytes: Buffer): void {
    this.rows += countNewlines(bytes, this.#sizeBytes / this.rows < shortRowBytes);
    this.hash(bytes);
  }

  hash(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    this.#hash.update(bytes);
    this.atLineStart = bytes[bytes.length - 1] === newline;
  }

  close(): TableRecord {
    return { ...this.record, rows: this.rows, sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') };
  }
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
    if (table.held > 0) table.take(terminator.subarray(0, table.held));
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
