import type { Log } from '../ports/log.ts';
import type { Progress } from '../ports/progress.ts';
import { formatBytes } from '../domain/byte-size.ts';
import { formatDuration } from '../domain/duration.ts';

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, written?: (error?: Error | null) => void): unknown;
}

/** Short enough to be nothing in memory, long enough that writing it costs nothing beside making it. */
const pieceLength = 1 << 16;

/** Where commands show things: results on standard output, everything else on standard error. */
export class Terminal implements Progress, Log {
  readonly #out: Stream;
  readonly #err: Stream;
  readonly #options: { readonly debug: boolean; readonly colour: boolean; readonly monotonicMs: () => number };
  #json = false;
  /** A result that was begun on standard output and not brought to its end. */
  #isCut = false;
  #step:
    | { readonly label: string; readonly totalBytes: number | null; readonly doneBytes: () => number; readonly startedMs: number }
    | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;

  constructor(
    streams: { readonly out: Stream; readonly err: Stream },
    options: { readonly debug: boolean; readonly colour: boolean; readonly monotonicMs: () => number },
  ) {
    this.#out = streams.out;
    this.#err = streams.err;
    this.#options = options;
  }

  /** True when a person can answer questions here. */
  get isInteractive(): boolean {
    return this.#err.isTTY === true && this.#out.isTTY === true && !this.#json;
  }

  /** How many columns a result has; null where nobody counts them. */
  get columns(): number | null {
    return this.#out.isTTY === true ? columnsOf(this.#out) : null;
  }

  useJson(): void {
    this.#json = true;
  }

  get isJson(): boolean {
    return this.#json;
  }

  /** Prints a result: the text for people, or the value for programs. */
  result(text: string, value: unknown): void {
    this.endProgress();
    const out = this.#isCut ? this.#err : this.#out;
    out.write(this.#json ? `${JSON.stringify(value, replacer, 2)}\n` : text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }

  /** Prints a result of one line, whichever way: for whoever reads on while the command goes on. */
  line(text: string, value: unknown): void {
    this.endProgress();
    this.#out.write(`${this.#json ? JSON.stringify(value) : text}\n`);
  }

  /**
   * Prints a long result as fast as it is read, and stops when nobody reads it any more. After a failure in the middle what
   * was printed is not a whole result: what follows goes to standard error.
   */
  async stream(pieces: AsyncIterable<string>): Promise<void> {
    this.endProgress();
    let pending = '';
    for await (const piece of pieces) {
      pending += piece;
      if (pending.length < pieceLength) continue;
      this.#isCut = true;
      if (!(await isWritten(this.#out, pending))) return;
      pending = '';
    }
    await isWritten(this.#out, pending);
    this.#isCut = false;
  }

  step(label: string, totalBytes: number | null, doneBytes: () => number): void {
    if (this.#json) return;
    this.endProgress();
    if (this.#err.isTTY !== true) {
      this.#err.write(`${label}\n`);
      return;
    }
    this.#step = { label, totalBytes, doneBytes, startedMs: this.#options.monotonicMs() };
    this.#timer = setInterval(() => this.#draw(), 200);
    this.#timer.unref();
    this.#draw();
  }

  endProgress(): void {
    clearInterval(this.#timer);
    if (this.#drawn) this.#err.write('\r\u001b[K');
    this.#drawn = false;
    this.#step = undefined;
  }

  #draw(): void {
    if (this.#step === undefined) return;
    const line = progressLine(this.#step, this.#options.monotonicMs(), (columnsOf(this.#err) ?? 80) - 1);
    this.#err.write(`\r\u001b[K${line}`);
    this.#drawn = true;
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#options.debug) this.#say('debug', message, fields);
  }

  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (!this.#json) this.#say('', message, fields);
  }

  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#say(this.#paint('warning', 33), message, fields);
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#say(this.#paint('error', 31), message, fields);
  }

  failure(error: { readonly code: string; readonly message: string; readonly hint: string }): void {
    this.error(`${error.message} [${error.code}]`, { next: error.hint });
  }

  /** Help that nobody asked for: beside the result, and only for people. */
  aside(text: string): void {
    if (!this.#json) this.#err.write(text);
  }

  /** The line, with the facts at its end; what to do next stands below. */
  #say(level: string, message: string, { next, ...fields }: Readonly<Record<string, unknown>> = {}): void {
    this.endProgress();
    const facts = Object.entries(fields).map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    const advice = typeof next === 'string' ? `  → ${next}\n` : '';
    this.#err.write(`${level === '' ? '' : `${level}: `}${message}${facts.join('')}\n${advice}`);
  }

  #paint(text: string, code: number): string {
    return this.#options.colour && this.#err.isTTY === true ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  /** Marks a word in a result, on a terminal that shows colours. */
  mark(text: string, kind: 'good' | 'bad' | 'doubtful' | 'faint' | 'strong'): string {
    if (!this.#options.colour || this.#out.isTTY !== true) return text;
    const codes = { good: 32, bad: 31, doubtful: 33, faint: 2, strong: 1 };
    return `\u001b[${codes[kind]}m${text}\u001b[0m`;
  }
}

/** Terminals that do not know how wide they are say 0. */
function columnsOf({ columns = 0 }: Stream): number | null {
  return columns > 0 ? columns : null;
}

/** False when the reader has gone or the disk is full, which whoever watches the stream tells. */
async function isWritten(out: Stream, text: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  out.write(text, (error) => resolve(error === undefined || error === null));
  return await promise;
}

function replacer(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The fullest account that fits on a line. */
function progressLine(
  step: { readonly label: string; readonly totalBytes: number | null; readonly doneBytes: () => number; readonly startedMs: number },
  nowMs: number,
  columns: number,
): string {
  const [shortest = '', ...fuller] = accounts(step, nowMs);
  const found = fuller.toReversed().find((text) => step.label.length + text.length <= columns) ?? shortest;
  const label = step.label.slice(0, Math.max(0, columns - found.length));
  return `${label}${found}`.slice(0, Math.max(0, columns));
}

/** What can be said beside the label, from the shortest on. */
function accounts(
  step: { readonly totalBytes: number | null; readonly doneBytes: () => number; readonly startedMs: number },
  nowMs: number,
): string[] {
  const done = step.doneBytes();
  const seconds = Math.max((nowMs - step.startedMs) / 1000, 0.001);
  if (done === 0) return [` … ${formatDuration(seconds * 1000)}`];
  const rate = done / seconds;
  const amount = `${formatBytes(done)}, ${formatBytes(rate)}/s`;
  if (step.totalBytes === null || step.totalBytes < done) return [`  ${formatBytes(done)}`, `  ${amount}`];
  const share = done / step.totalBytes;
  const percent = `${Math.floor(share * 100)} %`;
  const filled = Math.round(share * 20);
  const left = `${formatDuration(((step.totalBytes - done) / rate) * 1000)} left`;
  return [`  ${percent}`, `  ${percent}, ${left}`, `  [${'█'.repeat(filled)}${'░'.repeat(20 - filled)}] ${percent}  ${amount}, ${left}`];
}
