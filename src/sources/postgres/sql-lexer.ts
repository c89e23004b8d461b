/**
 * Finds where table rows begin in a plain dump. A line that reads `COPY t (a) FROM stdin;` may as well stand in a function
 * body, a comment or a default value, so the definitions are lexed as the server and psql lex them: strings, quoted
 * names, dollar quotes and comments, over any split into chunks.
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export class SqlLexer {
  /** Statement that made `scan` stop with `copy`: its bytes up to and including the semicolon. */
  copyStatement: Buffer = Buffer.alloc(0);
  /** As the dump's own `SET client_encoding` names it. */
  encoding = 'UTF8';

  #state: State = 'neutral';
  #stringState: 'string' | 'escapeString' = 'string';
  /** The last two bytes in neutral state; 10 before the first byte makes it the start of a line. */
  #previous = newline;
  #beforePrevious = newline;
  #statement: StatementProgress = 'none';
  #literal: Buffer = copyLiteral;
  #matched = 0;
  #captured: Buffer[] = [];
  #capturing = false;
  #captureFrom = 0;
  #escaped = false;
  #commentDepth = 0;
  #line = '';
  #tag = '';
  #bodyTail: Buffer = Buffer.alloc(0);
  #copyEnded = false;
  #complete = false;
  #restricted = false;
  #stop: LexerStop | null = null;

  /** True when the last thing read was the end marker and every `\restrict` was closed: nothing but blank lines may follow. */
  get isComplete(): boolean {
    return this.#complete && !this.#restricted && this.#state === 'neutral' && this.#statement === 'none';
  }

  /**
   * Reads on from `from` until something happens: `copy` (rows begin at `at`), `commandBegins` and `commandEnds` (a psql
   * command such as `\restrict` lies between), or `bytesEnd`.
   */
  scan(bytes: Buffer, from: number): { readonly stop: LexerStop; readonly at: number } {
    this.#stop = null;
    this.#captureFrom = from;
    let at = from;
    while (at < bytes.length && this.#stop === null) at = this.#advance(bytes, at);
    this.#keepCaptured(bytes, at);
    return { stop: this.#stop ?? 'bytesEnd', at };
  }

  /** Called when the rows of a `copy` are over. */
  resume(): void {
    this.#previous = newline;
    this.#beforePrevious = newline;
  }

  #advance(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'neutral':
        return this.#neutral(bytes, at);
      case 'string':
        return this.#untilQuote(bytes, at, quote);
      case 'escapeString':
        return this.#escapeString(bytes, at);
      case 'identifier':
        return this.#untilQuote(bytes, at, doubleQuote);
      case 'dollarTag':
        return this.#dollarTag(bytes, at);
      case 'dollarBody':
        return this.#dollarBody(bytes, at);
      case 'lineComment':
        return this.#lineComment(bytes, at);
      case 'blockComment':
        return this.#blockComment(bytes, at);
      case 'command':
        return this.#command(bytes, at);
    }
  }

  #neutral(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at] ?? 0;
      if (byte === backslash && this.#statement === 'none' && this.#previous === newline) {
        this.#enter('command');
        this.#stop = 'commandBegins';
        return at;
      }
      at++;
      const opened = this.#opens(byte);
      this.#follow(byte, bytes, at);
      this.#beforePrevious = this.#previous;
      this.#previous = byte;
      if (this.#stop !== null) return at;
      if (opened !== null) {
        this.#enter(opened);
        return at;
      }
    }
    return at;
  }

  /** The state that `byte` opens after the bytes before it, or null. */
  #opens(byte: number): State | null {
    switch (byte) {
      case quote:
        // A doubled quote is read as closing and opening again, in the same kind of string.
        if (this.#previous !== quote) this.#stringState = this.#isEscapePrefix() ? 'escapeString' : 'string';
        return this.#stringState;
      case doubleQuote:
        return 'identifier';
      case dollar:
        return isIdentifierByte(this.#previous) ? null : 'dollarTag';
      case dash:
        return this.#previous === dash ? 'lineComment' : null;
      case star:
        return this.#previous === slash ? 'blockComment' : null;
      default:
        return null;
    }
  }

  #isEscapePrefix(): boolean {
    return (this.#previous === 0x45 || this.#previous === 0x65) && !isIdentifierByte(this.#beforePrevious);
  }

  #enter(state: State): void {
    this.#state = state;
    this.#escaped = false;
    this.#line = '';
    this.#tag = '$';
    this.#bodyTail = Buffer.alloc(0);
    this.#commentDepth = 1;
  }

  #leave(lastByte: number): void {
    this.#state = 'neutral';
    this.#beforePrevious = this.#previous;
    this.#previous = lastByte;
  }

  /** Follows statements from their first byte to their semicolon, keeping the text of those that matter. */
  #follow(byte: number, bytes: Buffer, next: number): void {
    if (this.#copyEnded) {
      this.#copyEnded = false;
      if (byte === newline) this.#stop = 'copy';
      return;
    }
    if (this.#statement === 'none') this.#begin(byte, next);
    else if (byte === semicolon) this.#endStatement(bytes, next);
    else if (this.#statement === 'matching') this.#match(byte);
  }

  #begin(byte: number, next: number): void {
    // A dash or slash at the start of a statement can only open a comment.
    if (isSpace(byte) || byte === dash || byte === slash || byte === star || byte === semicolon) return;
    this.#complete = false;
    const literal = byte === 0x43 ? copyLiteral : byte === 0x53 ? encodingLiteral : null;
    if (literal === null || this.#previous !== newline) {
      this.#statement = 'other';
      return;
    }
    this.#statement = 'matching';
    this.#literal = literal;
    this.#matched = 1;
    this.#capturing = true;
    this.#captureFrom = next - 1;
  }

  #match(byte: number): void {
    if (this.#literal[this.#matched] !== byte) {
      this.#statement = 'other';
      this.#dropCaptured();
    } else if (++this.#matched === this.#literal.length) {
      this.#statement = 'matched';
    }
  }

  #endStatement(bytes: Buffer, next: number): void {
    if (this.#statement === 'matched') {
      this.#keepCaptured(bytes, next);
      const text = Buffer.concat(this.#captured);
      if (this.#literal === encodingLiteral) this.encoding = /'(\w+)';$/.exec(text.toString('latin1'))?.[1] ?? this.encoding;
      else if (text.subarray(-fromStdin.length).equals(fromStdin)) {
        this.copyStatement = text;
        this.#copyEnded = true;
      }
    }
    this.#statement = 'none';
    this.#dropCaptured();
  }

  #keepCaptured(bytes: Buffer, to: number): void {
    if (this.#capturing && to > this.#captureFrom) this.#captured.push(Buffer.from(bytes.subarray(this.#captureFrom, to)));
    this.#captureFrom = to;
  }

  #dropCaptured(): void {
    this.#capturing = false;
    this.#captured = [];
  }

  #untilQuote(bytes: Buffer, at: number, closing: number): number {
    const end = bytes.indexOf(closing, at);
    if (end < 0) return bytes.length;
    this.#leave(closing);
    return end + 1;
  }

  #escapeString(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      if (this.#escaped) this.#escaped = false;
      else if (bytes[at] === backslash) this.#escaped = true;
      else if (bytes[at] === quote) {
        this.#leave(quote);
        return at + 1;
      }
    }
    return bytes.length;
  }

  #dollarTag(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (byte === dollar) {
      this.#tag += '$';
      this.#state = 'dollarBody';
      return at + 1;
    }
    if (!isIdentifierByte(byte) || (isDigit && this.#tag === '$')) {
      this.#state = 'neutral';
      return at;
    }
    this.#tag += String.fromCharCode(byte);
    return at + 1;
  }

  #dollarBody(bytes: Buffer, from: number): number {
    const tag = Buffer.from(this.#tag, 'latin1');
    const overlap = Buffer.concat([this.#bodyTail, bytes.subarray(from, from + tag.length - 1)]);
    const across = overlap.indexOf(tag);
    const end = across >= 0 ? from + across - this.#bodyTail.length : bytes.indexOf(tag, from);
    if (across < 0 && end < 0) {
      const seen = Buffer.concat([this.#bodyTail, bytes.subarray(Math.max(from, bytes.length - tag.length + 1))]);
      this.#bodyTail = seen.subarray(Math.max(0, seen.length - tag.length + 1));
      return bytes.length;
    }
    this.#leave(dollar);
    return end + tag.length;
  }

  #lineComment(bytes: Buffer, at: number): number {
    const end = this.#readLine(bytes, at);
    if (end < 0) return bytes.length;
    if (endMarkers.has(this.#line) && this.#statement === 'none') this.#complete = true;
    else if (this.#line !== '') this.#complete = false;
    this.#leave(newline);
    return end + 1;
  }

  #command(bytes: Buffer, at: number): number {
    const end = this.#readLine(bytes, at);
    if (end < 0) return bytes.length;
    this.#restricted = !this.#line.startsWith('\\unrestrict ');
    this.#complete &&= !this.#restricted;
    this.#leave(newline);
    this.#stop = 'commandEnds';
    return end + 1;
  }

  /** Collects the beginning of a line; the index of its newline, or -1 when it is not in these bytes. */
  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(newline, at);
    if (this.#line.length < longestLine)
      this.#line += bytes.toString('latin1', at, Math.min(end < 0 ? bytes.length : end, at + longestLine));
    return end;
  }

  #blockComment(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      const before = this.#previous;
      this.#previous = byte;
      if (before === star && byte === slash) this.#commentDepth--;
      else if (before === slash && byte === star) this.#commentDepth++;
      else continue;
      // A delimiter's second byte does not begin another one.
      this.#previous = 0;
      if (this.#commentDepth === 0) {
        this.#leave(0);
        return at + 1;
      }
    }
    return bytes.length;
  }
}

export type LexerStop = 'copy' | 'commandBegins' | 'commandEnds' | 'bytesEnd';

type State = 'neutral' | 'string' | 'escapeString' | 'identifier' | 'dollarTag' | 'dollarBody' | 'lineComment' | 'blockComment' | 'command';

/** `matching`: its first bytes are those of a statement that matters so far; `other`: it is none of them. */
type StatementProgress = 'none' | 'matching' | 'matched' | 'other';

const newline = 0x0a;
const doubleQuote = 0x22;
const dollar = 0x24;
const quote = 0x27;
const star = 0x2a;
const dash = 0x2d;
const slash = 0x2f;
const semicolon = 0x3b;
const backslash = 0x5c;
const copyLiteral = Buffer.from('COPY ');
const encodingLiteral = Buffer.from('SET client_encoding = ');
const fromStdin = Buffer.from(' FROM stdin;');
const longestLine = 80;

/** Comment lines, after the dashes, that pg_dump and pg_dumpall write last. */
const endMarkers: ReadonlySet<string> = new Set([' PostgreSQL database dump complete', ' PostgreSQL database cluster dump complete']);

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function isIdentifierByte(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === dollar ||
    byte >= 0x80
  );
}
