import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { cancelled, HoldfastError, throwIfAborted } from '../../domain/errors.ts';

/** A program to start. Secrets are in its environment, never in its arguments. */
export interface Invocation {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** For programs that end when their standard input does. */
  readonly keepStdinOpen?: boolean;
}

/** Takes a program's output in order; a returned promise holds the program back. */
export type TakeBytes = (bytes: Buffer) => void | Promise<void>;

/**
 * Runs a program to its end, handing its output on. Returns what it wrote to standard error. Throws `TOOL_FAILED` unless
 * it ended with status 0, `TOOL_MISSING` when it cannot be started, `CANCELLED` after the signal. No way out leaves the
 * program running.
 */
export async function streamProgram(invocation: Invocation, take: TakeBytes, signal: AbortSignal): Promise<string> {
  throwIfAborted(signal);
  const child = spawn(invocation.file, invocation.args, {
    env: { ...invocation.environment },
    stdio: [invocation.keepStdinOpen === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  // Nothing is ever written to it; it may close before we let go of it.
  child.stdin?.on('error', () => undefined);
  const exit = waitForExit(child, invocation);
  const stop = () => void terminate(child);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [, errors] = await Promise.all([drain(child.stdout as Readable, take), collect(child.stderr as Readable), exit]);
    throwIfAborted(signal);
    checkExit(child, invocation, errors);
    return errors;
  } catch (error) {
    await terminate(child);
    throw signal.aborted ? cancelled(signal) : error;
  } finally {
    signal.removeEventListener('abort', stop);
    child.stdin?.destroy();
  }
}

/** Runs a program with little output and returns that. */
export async function runProgram(invocation: Invocation, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  await streamProgram(invocation, (bytes) => void pieces.push(bytes), signal);
  return Buffer.concat(pieces).toString();
}

async function drain(stream: Readable, take: TakeBytes): Promise<void> {
  for await (const chunk of stream) {
    const taken = take(chunk as Buffer);
    if (taken !== undefined) await taken;
  }
}

const longestErrors = 64 * 1024;

async function collect(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) if (text.length < longestErrors) text += chunk;
  return text;
}

async function waitForExit(child: ChildProcess, { file }: Invocation): Promise<void> {
  try {
    await once(child, 'close');
  } catch (cause) {
    throw new HoldfastError('TOOL_MISSING', `Cannot start ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: `Check that ${file} is installed and may be run`,
      cause,
    });
  }
}

function checkExit(child: ChildProcess, { file }: Invocation, errors: string): void {
  if (child.exitCode === 0) return;
  const ending = child.signalCode === null ? `ended with status ${child.exitCode}` : `was ended by ${child.signalCode}`;
  throw new ProgramFailure(`${file} ${ending}${errors === '' ? '' : `: ${firstError(errors)}`}`, errors);
}

/** A program that reported failure; `stderr` lets the caller tell which. */
export class ProgramFailure extends HoldfastError {
  readonly stderr: string;

  constructor(message: string, stderr: string) {
    super('TOOL_FAILED', message, { hint: 'Mend what the program complains of, then run the command again', details: { stderr } });
    this.stderr = stderr;
  }
}

function firstError(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /error:|FATAL:/.test(line)) ?? lines[0] ?? '').trim();
}

const patienceMs = 5000;

async function terminate(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await closed;
  clearTimeout(timer);
}
