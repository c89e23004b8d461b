import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { HoldfastError, throwIfAborted } from '../../../domain/errors.ts';
import { untilAborted } from '../../../platform/until-aborted.ts';

export interface PsqlScript {
  readonly binary: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly input: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

export interface PsqlEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly errors: readonly PsqlError[];
}

/** One error as psql reports it with `VERBOSITY=verbose`. */
export interface PsqlError {
  /** Line of the script, null for errors of psql itself. */
  readonly line: number | null;
  /** Five characters, empty for errors of psql itself. */
  readonly sqlState: string;
  readonly message: string;
  /** What the server adds: `DETAIL` and `CONTEXT`. */
  readonly context: string;
}

/**
 * Feeds a script to psql's standard input. psql takes the end of its input for the end of the script, whatever it has seen
 * so far; so when the input ends in an error, or the signal fires, psql is killed before its input is closed.
 */
export async function runPsql(script: PsqlScript): Promise<PsqlEnd> {
  throwIfAborted(script.signal);
  const child = spawn(script.binary, ['-X', '-q', '-w', '-v', 'VERBOSITY=verbose', ...script.arguments, '-f', '-'], {
    env: script.environment,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = settled(once(child, 'close'));
  const errors = readErrors(child);
  // A psql that stopped early closes its end: how it exited tells why.
  child.stdin.on('error', () => undefined);
  try {
    for await (const chunk of untilAborted(script.input, script.signal)) {
      if (!(await write(child, chunk))) break;
    }
    throwIfAborted(script.signal);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  }
  child.stdin.end();
  const stop = () => child.kill('SIGKILL');
  script.signal.addEventListener('abort', stop, { once: true });
  const failure = await ended;
  script.signal.removeEventListener('abort', stop);
  if (failure !== null) throw cannotStart(script.binary, failure);
  return { exitCode: child.exitCode, errors: await errors };
}

/** False when psql takes no more. The bytes are with the system when this resolves, so the giver may reuse its buffer. */
function write(child: ChildProcess, chunk: Uint8Array): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  if (child.stdin === null || child.exitCode !== null || !child.stdin.writable) return Promise.resolve(false);
  child.stdin.write(chunk, (error) => resolve(error === null || error === undefined));
  return promise;
}

/** Null, or the error that the event came with: a promise that never rejects can be left alone for a while. */
async function settled(event: Promise<unknown>): Promise<unknown> {
  try {
    await event;
    return null;
  } catch (error) {
    return error;
  }
}

const errorLine = /^psql:<stdin>:(\d+): [^:]+:\s+([0-9A-Z]{5}): (.*)$/;
const ownErrorLine = /^psql(?::<stdin>:(\d+))?: (?:error: )?(.*)$/;
const contextLine = /^(?:DETAIL|CONTEXT|HINT):\s+(.*)$/;

/** More than a script without errors of its own ever has, and few enough to keep. */
const maxErrors = 1000;

async function readErrors(child: ChildProcess): Promise<readonly PsqlError[]> {
  const errors: PsqlError[] = [];
  if (child.stderr === null) return errors;
  let open = false;
  for await (const line of createInterface({ input: child.stderr })) {
    const error = parseError(line);
    const context = contextLine.exec(line)?.[1];
    const last = errors.at(-1);
    if (error !== null) {
      open = isError(error);
      // The last one always stays: it is what psql stopped at.
      if (open) errors.splice(Math.min(errors.length, maxErrors - 1), 1, error);
    } else if (open && context !== undefined && last !== undefined) {
      errors[errors.length - 1] = { ...last, context: last.context === '' ? context : `${last.context}; ${context}` };
    }
  }
  return errors;
}

function parseError(line: string): PsqlError | null {
  const reported = errorLine.exec(line);
  if (reported !== null) return { line: Number(reported[1]), sqlState: reported[2] ?? '', message: reported[3] ?? '', context: '' };
  const own = ownErrorLine.exec(line);
  return own === null ? null : { line: own[1] === undefined ? null : Number(own[1]), sqlState: '', message: own[2] ?? '', context: '' };
}

/**
 * Notices and warnings have the classes 00 to 02; so ought the warnings about BEGIN and COMMIT around large objects (see
 * `loadDump`). The word before the code tells nothing, since the server writes it in its own language.
 */
function isError({ sqlState }: PsqlError): boolean {
  return !/^(0[012]...|25001|25P01)$/.test(sqlState);
}

function cannotStart(binary: string, cause: unknown): HoldfastError {
  return new HoldfastError('TOOL_FAILED', `Cannot start ${binary}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    hint: 'Install the PostgreSQL client programs again: apt-get install --reinstall postgresql-client',
    cause,
  });
}

/**
 * The script in one transaction. Not by psql's `--single-transaction`: that commits when its input ends, as it does when
 * this process is killed in the middle. The lines keep their numbers.
 */
export async function* inOneTransaction(script: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from('BEGIN; ');
  yield* script;
  yield Buffer.from('\nCOMMIT;\n');
}
