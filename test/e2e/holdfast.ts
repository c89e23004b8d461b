import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const program = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));

/** Programs that start Holdfast in a world that is not quite the usual one. */
export const wrappers = {
  /** As root without its power over file modes: a mode then says for it what it says for everybody. */
  withoutPowerOverModes:
    process.getuid?.() === 0
      ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-dac_override,-dac_read_search']
      : [],
  /** On a clock that is off by so much: `-3d`, `+2h`. */
  withClock: (offset: string): readonly string[] => ['faketime', '-m', '-f', offset],
} as const;

/** One process that has ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it printed with `--json`, of the shape that the caller expects. Throws when it is not JSON. */
  json<T = Record<string, unknown>>(): T;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly wrapper?: readonly string[];
}

/** One process that runs. */
export class Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.pid === undefined) throw new Error(`Cannot start ${child.spawnfile}`);
    this.pid = child.pid;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(this.#end(exitCode, signal)));
    });
  }

  #end(exitCode: number | null, signal: NodeJS.Signals | null): Ended {
    const [stdout, stderr] = [this.#stdout, this.#stderr];
    const json = <T>(): T => {
      try {
        return JSON.parse(stdout) as T;
      } catch (cause) {
        throw new Error(`No JSON on standard output (exit ${exitCode}):\n${stdout}\n${stderr}`, { cause });
      }
    };
    return { exitCode, signal, stdout, stderr, json };
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** What was printed on standard error and fits; throws when nothing does. */
  said(pattern: RegExp): string {
    const [found] = pattern.exec(this.#stderr) ?? [];
    if (found === undefined) throw new Error(`It did not say ${pattern}:\n${this.#stderr}`);
    return found;
  }

  /** Answers with what fitted when the pattern has been printed on standard error, where every step is told. Throws when it never will be. */
  untilSaid(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(pattern, 'stderr');
  }

  /** The same for standard output, where results are. */
  untilPrinted(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(pattern, 'stdout');
  }

  #until(pattern: RegExp, stream: 'stdout' | 'stderr'): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(stream === 'stdout' ? this.#stdout : this.#stderr);
        if (found !== null) resolve(found);
      };
      this.#child[stream]?.on('data', look);
      this.#child.once('close', () => reject(new Error(`It ended without saying ${pattern}:\n${this.#stdout}${this.#stderr}`)));
      look();
    });
  }
}

/** Holdfast on a machine of its own: nothing of the developer's state, configuration or environment reaches it. */
export interface Installation extends AsyncDisposable {
  /** Everything below is in it. */
  readonly directory: string;
  readonly store: string;
  readonly dataDirectory: string;
  readonly scratch: string;
  /** Added to the environment of every command. */
  readonly env: Readonly<Record<string, string>>;
  start(args: readonly string[], options?: StartOptions): Running;
  run(args: readonly string[], options?: StartOptions): Promise<Ended>;
  /** Runs a command with `--json`, expects that it succeeds, and answers with what it printed. */
  json<T = Record<string, unknown>>(args: readonly string[], options?: StartOptions): Promise<T>;
  /** Writes `holdfast.yaml` where the commands look for it. */
  configure(yaml: string): Promise<string>;
}

export async function install(env: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const directory = await mkdtemp('/var/tmp/hf-e2e-');
  // A drill's server runs as another user and has to get there.
  await chmod(directory, 0o755);
  const places = { store: join(directory, 'store'), dataDirectory: join(directory, 'state'), scratch: join(directory, 'scratch') };
  const [home, cwd] = [join(directory, 'home'), join(directory, 'cwd')];
  for (const path of [places.scratch, home, cwd]) await mkdir(path);
  const own = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    HOLDFAST_DATA_DIR: places.dataDirectory,
    HOLDFAST_SCRATCH_DIR: places.scratch,
  };
  const installed = { ...own, ...env };
  const start = (args: readonly string[], options: StartOptions = {}): Running => {
    const [file = program, ...rest] = [...(options.wrapper ?? []), program, ...args];
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    return new Running(spawn(file, rest, { cwd: options.cwd ?? cwd, env: { ...installed, ...options.env }, stdio: [...stdio] }));
  };
  const run = (args: readonly string[], options?: StartOptions): Promise<Ended> => start(args, options).ended;
  return {
    directory,
    ...places,
    env: installed,
    start,
    run,
    async json<T>(args: readonly string[], options?: StartOptions) {
      const ended = await run([...args, '--json'], options);
      expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
      return ended.json<T>();
    },
    async configure(yaml) {
      const file = join(cwd, 'holdfast.yaml');
      await writeFile(file, yaml);
      return file;
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What `list --json` promises of each snapshot. */
export interface Listed {
  readonly id: string;
  readonly plan: string;
  readonly createdAt: string;
  readonly outcome: string;
  readonly sizeBytes: number;
  readonly sequence: number;
  readonly store: string;
  readonly verification: { readonly kind: string; readonly depth?: string };
  readonly description: string | null;
  readonly parts: readonly string[];
}

/** What `backup --json` and its siblings print. */
export interface Report<Details = Record<string, unknown>> {
  readonly runId: string;
  readonly outcome: string;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
  readonly durationMs: number;
  readonly plan: string;
  readonly snapshotId: string;
  readonly details: Details;
}

/** Names of all files below the directory, hidden ones too; empty when there is none. */
export async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}

export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
