import { measureShell, type Measurement, runShell } from './run-shell.ts';
import { say } from './say.ts';

/** A command line to be measured. */
export interface Contender {
  readonly line: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Before each round, not measured. */
  readonly prepare?: () => Promise<void> | void;
  /** After each round: bytes of what it wrote. */
  readonly sizeBytes?: () => number;
}

/** One line of the result. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly contender: Contender;
  /** Greatest ratio to the rival's wall time that is good enough; null where none was set. */
  readonly bar: number | null;
}

/** Rows that share a rival: measured in turns, so that a slow minute of the machine falls on all of them. */
export interface Comparison {
  /** Reads all that they read, before each is measured: a file system's cache keeps nothing for sure. */
  readonly warmUp: string;
  readonly rival: Contender & { readonly title: string };
  readonly rows: readonly Row[];
}

export interface Runs {
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  readonly peakRssBytes: number;
  readonly sizeBytes: number | null;
}

export interface RowResult {
  readonly row: Row;
  readonly rivalTitle: string;
  readonly holdfast: Runs;
  readonly rival: Runs;
  readonly ratio: number;
}

export async function compare({ warmUp, rival, rows }: Comparison, rounds: number): Promise<RowResult[]> {
  const contenders = [{ name: rival.title, contender: rival as Contender }, ...rows];
  const measured = contenders.map((): { measurement: Measurement; sizeBytes: number | null }[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, contender }] of contenders.entries()) {
      const run = await measureOnce(contender, warmUp);
      measured[index]?.push(run);
      say(`  round ${round}/${rounds}  ${name}: ${run.measurement.seconds.toFixed(2)} s`);
    }
  }
  const [rivalRuns, ...rowRuns] = measured.map(summarise);
  if (rivalRuns === undefined) throw new Error('A comparison needs a rival');
  return rows.map((row, index) => {
    const holdfast = rowRuns[index] as Runs;
    return { row, rivalTitle: rival.title, holdfast, rival: rivalRuns, ratio: median(holdfast.seconds) / median(rivalRuns.seconds) };
  });
}

/** What the preparation left to write must not be charged to the run. */
async function measureOnce(contender: Contender, warmUp: string | null): Promise<{ measurement: Measurement; sizeBytes: number | null }> {
  await contender.prepare?.();
  await runShell('sync');
  if (warmUp !== null) await runShell(warmUp);
  const measurement = await measureShell(contender.line, contender.environment);
  return { measurement, sizeBytes: contender.sizeBytes?.() ?? null };
}

export async function measureAlone(contender: Contender): Promise<Runs> {
  return summarise([await measureOnce(contender, null)]);
}

function summarise(runs: readonly { measurement: Measurement; sizeBytes: number | null }[]): Runs {
  return {
    seconds: runs.map(({ measurement }) => measurement.seconds),
    cpuSeconds: runs.map(({ measurement }) => measurement.cpuSeconds),
    peakRssBytes: Math.max(...runs.map(({ measurement }) => measurement.peakRssBytes)),
    sizeBytes: runs.at(-1)?.sizeBytes ?? null,
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
