// npm run bench [-- NAME ...] [--rounds N] [--large] [--json FILE] [--list]
// Whole commands of Holdfast against the shell pipelines that people use, on the same data, in turns.
//   HOLDFAST_BENCH_DIR           where data is made and written, kept between runs (default: holdfast-bench in the system's /var/tmp or temporary directory)
//   HOLDFAST_BENCH_DATA          a directory that holds the trees `mixed` and `photos` already
//   HOLDFAST_BENCH_DATABASE_URL  a database to read in place of the one that would be made
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.ts';
import { compare, type RowResult } from './comparison.ts';
import { BenchDatabases } from './data/bench-database.ts';
import { measureMemory, type MemoryResult } from './memory.ts';
import { type BenchResults, formatResults, missedBars } from './report.ts';
import { runShell } from './run-shell.ts';
import { say } from './say.ts';
import { Scene } from './scene.ts';
import { benchTree } from './data/bench-tree.ts';
import { measureService, type ServiceResult } from './service/service.ts';
import { measureStartUp, type StartUpResult } from './start-up.ts';

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    large: { type: 'boolean', default: false },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
const startUpName = 'start-up';
const serviceName = 'service';

async function main(): Promise<void> {
  if (flags.list) return void process.stdout.write(`${[...Object.keys(benchmarks), startUpName, serviceName].join('\n')}\n`);
  const directory = process.env['HOLDFAST_BENCH_DIR'] ?? join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), 'holdfast-bench');
  const work = join(directory, 'work');
  say(
    `Data and archives go to ${directory}: about 12 GB${flags.large ? ', 60 GB with --large' : ''}. The work below it is removed at the end.`,
  );
  try {
    const results = await measureAll(directory, work);
    process.stdout.write(`${formatResults(results)}\n`);
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
    process.exitCode = results.failures.length > 0 || missedBars(results).length > 0 ? 1 : 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function measureAll(directory: string, work: string): Promise<BenchResults> {
  rmSync(work, { recursive: true, force: true });
  const trees = process.env['HOLDFAST_BENCH_DATA'] ?? join(directory, 'data');
  await using databases = new BenchDatabases(directory, process.env['HOLDFAST_BENCH_DATABASE_URL']);
  const scene = new Scene({ work, trees, databases });
  const failures: string[] = [];
  const rows: RowResult[] = [];
  for (const [name, build] of Object.entries(benchmarks)) {
    if (!wanted(name)) continue;
    say(name);
    rows.push(...((await orFailure(failures, name, async () => compare(await build(scene), Number(flags.rounds)))) ?? []));
  }
  const memory: MemoryResult[] = flags.large ? ((await orFailure(failures, 'memory', () => measureMemory(scene))) ?? []) : [];
  const startUp: StartUpResult[] = wanted(startUpName) ? ((await orFailure(failures, startUpName, () => measureStartUp(work))) ?? []) : [];
  const rounds = Number(flags.rounds);
  const measured = (): Promise<ServiceResult> => measureService(work, { tree: benchTree(trees, 'mixed'), rounds, databases });
  const service = wanted(serviceName) ? await orFailure(failures, serviceName, measured) : undefined;
  return {
    machine: await machine(),
    rounds,
    rows,
    memory,
    startUp,
    figures: service?.figures ?? [],
    answers: service?.answers ?? [],
    failures,
  };
}

function wanted(name: string): boolean {
  return names.length === 0 ? !flags.large : names.some((start) => name.startsWith(start));
}

/** One that fails must not lose what the others took minutes to measure. */
async function orFailure<T>(failures: string[], name: string, measure: () => Promise<T>): Promise<T | undefined> {
  try {
    return await measure();
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    say(`  ${failures.at(-1)}`);
    return undefined;
  }
}

async function machine(): Promise<Record<string, string>> {
  const firstLine = async (line: string) => (await runShell(`${line} 2>&1 | head -n 1`)).trim();
  return {
    processors: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    rivals: [
      await firstLine('tar --version'),
      await firstLine('gzip --version'),
      await firstLine('zstd --version'),
      await firstLine('pg_dump --version'),
    ].join('; '),
  };
}

await main();
