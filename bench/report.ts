import { median, type RowResult } from './comparison.ts';
import type { MemoryResult } from './memory.ts';
import { type AnswerTimes, askingAtOnce } from './service/answer-times.ts';
import { runs, snapshots } from './service/long-history.ts';
import type { ServiceFigure } from './service/service.ts';
import type { StartUpResult } from './start-up.ts';

const memoryBarBytes = 200e6;

export interface BenchResults {
  readonly machine: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly rows: readonly RowResult[];
  readonly memory: readonly MemoryResult[];
  readonly startUp: readonly StartUpResult[];
  /** Of the service. */
  readonly figures: readonly ServiceFigure[];
  readonly answers: readonly AnswerTimes[];
  readonly failures: readonly string[];
}

/** The bars that were missed, in words. */
export function missedBars({ rows, memory, startUp, figures, answers }: BenchResults): string[] {
  const slow = rows.filter(({ row, ratio }) => row.bar !== null && ratio > row.bar);
  const large = [...rows.map(({ row, holdfast }) => ({ title: row.title, peakRssBytes: holdfast.peakRssBytes })), ...memory].filter(
    ({ peakRssBytes }) => peakRssBytes >= memoryBarBytes,
  );
  return [
    ...slow.map(({ row, ratio }) => `${row.title}: ${ratio.toFixed(3)} of its rival, bar ${row.bar}`),
    ...large.map(({ title, peakRssBytes }) => `${title}: ${megabytes(peakRssBytes)} of memory, bar ${megabytes(memoryBarBytes)}`),
    ...startUp
      .filter(({ milliseconds, barMilliseconds }) => milliseconds >= barMilliseconds)
      .map(({ title, milliseconds, barMilliseconds }) => `${title}: ${milliseconds.toFixed(0)} ms, bar ${barMilliseconds} ms`),
    ...figures
      .filter(({ value, bar }) => value >= bar)
      .map(({ title, value, unit, bar }) => `${title}: ${shown(value)} ${unit}, bar ${bar} ${unit}`),
    ...answers
      .filter(({ p95Ms, barMs }) => p95Ms >= barMs)
      .map(({ call, database, p95Ms, barMs }) => `GET ${call}, ${database}: ${shown(p95Ms)} ms, bar ${barMs} ms`),
  ];
}

export function formatResults(results: BenchResults): string {
  const sections = [
    Object.entries(results.machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    results.rows.length > 0 &&
      table(
        ['work', 'rival', 'rival s', 'Holdfast s', 'ratio', 'bar', '', 'peak', 'rival CPU s', 'CPU s', 'rival MB', 'MB'],
        results.rows.map(rowCells),
      ),
    results.memory.length > 0 && table(['memory at ten times the data', 's', 'peak'], results.memory.map(memoryCells)),
    results.startUp.length > 0 && table(['start', 'ms', 'slowest', 'bar', ''], results.startUp.map(startUpCells)),
    results.figures.length > 0 && table(['service', '', 'unit', 'bar', ''], results.figures.map(figureCells)),
    results.answers.length > 0 &&
      table(
        [`${snapshots} snapshots, ${runs} runs, ${askingAtOnce} asking`, 'in', 'first ms', 'p50 ms', 'p95 ms', 'bar', '', 'CPU ms'],
        results.answers.map(answerCells),
      ),
    results.failures.map((failure) => `failed: ${failure}`).join('\n'),
    missedBars(results)
      .map((missed) => `missed: ${missed}`)
      .join('\n'),
  ];
  return sections.filter(Boolean).join('\n\n');
}

function rowCells({ row, rivalTitle, rival, holdfast, ratio }: RowResult): string[] {
  return [
    row.title,
    rivalTitle,
    median(rival.seconds).toFixed(2),
    median(holdfast.seconds).toFixed(2),
    ratio.toFixed(3),
    row.bar === null ? '' : row.bar.toFixed(2),
    row.bar === null ? '' : mark(ratio <= row.bar),
    megabytes(holdfast.peakRssBytes),
    median(rival.cpuSeconds).toFixed(1),
    median(holdfast.cpuSeconds).toFixed(1),
    rival.sizeBytes === null ? '' : (rival.sizeBytes / 1e6).toFixed(1),
    holdfast.sizeBytes === null ? '' : (holdfast.sizeBytes / 1e6).toFixed(1),
  ];
}

function memoryCells({ title, seconds, peakRssBytes }: MemoryResult): string[] {
  return [title, seconds.toFixed(1), megabytes(peakRssBytes)];
}

function startUpCells({ title, milliseconds, slowestMilliseconds, barMilliseconds }: StartUpResult): string[] {
  return [title, milliseconds.toFixed(0), slowestMilliseconds.toFixed(0), String(barMilliseconds), mark(milliseconds < barMilliseconds)];
}

function answerCells({ call, database, firstMs, p50Ms, p95Ms, cpuMs, barMs }: AnswerTimes): string[] {
  return [`GET ${call}`, database, shown(firstMs), shown(p50Ms), shown(p95Ms), String(barMs), mark(p95Ms < barMs), shown(cpuMs)];
}

function figureCells({ title, value, unit, bar }: ServiceFigure): string[] {
  return [title, shown(value), unit, String(bar), mark(value < bar)];
}

function shown(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function mark(good: boolean): string {
  return good ? '✓' : '✗';
}

/** First column to the left, numbers to the right. */
function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(heading), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
