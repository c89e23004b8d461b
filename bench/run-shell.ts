import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface Measurement {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the largest process among those that were started. */
  readonly peakRssBytes: number;
  readonly stdout: string;
}

export interface ShellOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: Iterable<string>;
  /** What an error names in place of the line. */
  readonly shownAs?: string;
}

/** Runs a line of bash, which fails when any part of a pipe does. */
export async function runShell(line: string, options: ShellOptions = {}): Promise<string> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', line], {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const fed = options.input === undefined || child.stdin === null ? undefined : pipeline(Readable.from(options.input), child.stdin);
  // A child that ends early breaks the pipe too: what it says is the better message.
  await Promise.allSettled([ended, fed]);
  const code = await ended;
  if (code !== 0) throw new Error(`${options.shownAs ?? line}\nended with ${code}: ${stderr.trim() || stdout.trim().slice(-4000)}`);
  await fed;
  return stdout;
}

/** The same, with the clock and GNU time beside it. */
export async function measureShell(line: string, environment: Readonly<Record<string, string>> = {}): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const report = join(directory, 'time');
  try {
    const before = performance.now();
    const stdout = await runShell(`exec /usr/bin/time -o "$BENCH_REPORT" -f '%U %S %M' bash -o pipefail -c "$BENCH_LINE"`, {
      environment: { ...environment, BENCH_REPORT: report, BENCH_LINE: line },
      shownAs: line,
    });
    const seconds = (performance.now() - before) / 1000;
    const [user = 0, system = 0, kibibytes = 0] = readFileSync(report, 'utf8').split(' ').map(Number);
    return { seconds, cpuSeconds: user + system, peakRssBytes: kibibytes * 1024, stdout };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
