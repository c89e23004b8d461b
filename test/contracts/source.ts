import { expect } from 'vitest';
import { isHoldfastError } from '../../src/domain/errors.ts';
import type { DumpReport, Source, TreeReport, Unit } from '../../src/ports/source.ts';
import { RecordingSink, type SinkHooks } from '../fakes/recording-sink.ts';
import type { Clause } from './contract.ts';
import { expectCode } from './object-store.ts';

export interface SourceSubject {
  /** Another source over the same input, again each time. Its input fills more than one window of 1,000 bytes. */
  open(): Source;
  /** All that the input is, in a form that shows any change. */
  fingerprint(): Promise<string>;
  /** Over input that a run is pointless for: missing, empty, unreachable. */
  openPointless(): Source;
  /** Makes part of the input go away that has not been read yet. */
  lose(): Promise<void>;
}

interface ReadUnit {
  readonly unit: Unit;
  readonly sink: RecordingSink;
  readonly report: TreeReport | DumpReport;
}

/** What a source promises (`src/ports/source.ts`); what was read restores equal is tested with each adapter. */
export const sourceClauses: readonly Clause<SourceSubject>[] = [
  clause('the same input yields the same units, entries and bytes in the same order', async (subject) => {
    const [first, again] = [await readAll(subject), await readAll(subject)];
    expect(contentOf(first)).not.toHaveLength(0);
    expect(contentOf(again)).toEqual(contentOf(first));
  }),
  clause('every unit has a name of its own and a prefix', async (subject) => {
    const units = await listUnits(subject.open());
    const names = units.map(({ name }) => name);
    expect(units.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, prefix } of units) expect([name, prefix]).not.toContain('');
  }),
  clause('it never changes what it reads', async (subject) => {
    const before = await subject.fingerprint();
    await readAll(subject);
    expect(await subject.fingerprint()).toBe(before);
  }),
  clause('all entries lie below the roots, parents before children, links after what they link to', async (subject) => {
    for (const read of await readAll(subject)) expectTreeOrder(read);
  }),
  clause('a report counts what was given', async (subject) => {
    for (const { unit, sink, report } of await readAll(subject)) {
      if (unit.content === 'dump' || !('counts' in report)) continue;
      const count = (type: string): number => sink.entries.filter(({ entry }) => entry.type === type).length;
      const given = { files: count('file'), directories: count('directory'), symlinks: count('symlink'), hardlinks: count('hardlink') };
      expect(report.counts).toEqual(given);
    }
  }),
  clause('it waits whenever the sink asks it to', async (subject) => {
    const pause = async (): Promise<void> => await new Promise((resolve) => void setTimeout(resolve, 1));
    await readAll(subject, { onBegin: pause, onPiece: pause });
  }),
  clause('units throw what makes a run pointless', async (subject) => {
    await using source = subject.openPointless();
    const error: unknown = await source.units(new AbortController().signal).catch((thrown: unknown) => thrown);
    expect(isHoldfastError(error)).toBe(true);
  }),
  clause('what is lost while it is read is thrown or in the report', async (subject) => {
    let isLost = false;
    const lose = async (): Promise<void> => {
      if (isLost) return;
      isLost = true;
      await subject.lose();
    };
    const outcome = await readAll(subject, { onBegin: lose, onPiece: lose }).catch((error: unknown) => error);
    if (isHoldfastError(outcome)) return;
    expect(outcome).toBeInstanceOf(Array);
    const losses = (outcome as readonly ReadUnit[]).flatMap(({ report }) => report.issues).filter(({ severity }) => severity === 'loss');
    expect(losses).not.toEqual([]);
  }),
  clause('a sink that fails ends the read with its own error', async (subject) => {
    const failure = new Error('the store is full');
    const fail = async (): Promise<void> => await Promise.reject(failure);
    await expect(readAll(subject, { onPiece: fail })).rejects.toBe(failure);
  }),
  clause('after abort nothing is listed', async (subject) => {
    await using source = subject.open();
    await expectCode('CANCELLED', source.units(AbortSignal.abort()));
  }),
  clause('after abort in the middle it throws CANCELLED and gives no more', async (subject) => {
    await using source = subject.open();
    const [unit] = await source.units(new AbortController().signal);
    const abort = new AbortController();
    let pieces = 0;
    const onPiece = (): void => {
      pieces += 1;
      abort.abort();
    };
    await expectCode('CANCELLED', readUnit(unit, new RecordingSink({ onPiece }), abort.signal));
    expect(pieces).toBeLessThan(3);
  }),
];

function clause(name: string, run: (subject: SourceSubject) => Promise<void>): Clause<SourceSubject> {
  return { name, run };
}

async function listUnits(source: Source): Promise<readonly Unit[]> {
  await using open = source;
  return await open.units(new AbortController().signal);
}

async function readAll(subject: SourceSubject, hooks: SinkHooks = {}): Promise<readonly ReadUnit[]> {
  await using source = subject.open();
  const read: ReadUnit[] = [];
  const { signal } = new AbortController();
  for (const unit of await source.units(signal)) {
    const sink = new RecordingSink(hooks);
    read.push({ unit, sink, report: await readUnit(unit, sink, signal) });
  }
  return read;
}

async function readUnit(unit: Unit | undefined, sink: RecordingSink, signal: AbortSignal): Promise<TreeReport | DumpReport> {
  if (unit === undefined) throw new Error('the source has no unit');
  return await unit.read(sink, signal);
}

/** Everything that reached the sinks, and the reports, in one comparable form. */
function contentOf(read: readonly ReadUnit[]): readonly unknown[] {
  return read.map(({ unit, sink, report }) => ({
    name: unit.name,
    bytes: Buffer.concat(sink.bytes).toString('latin1'),
    entries: sink.entries.map(({ entry, content, state }) => ({ ...entry, content: content.toString('latin1'), state })),
    report,
  }));
}

function expectTreeOrder({ unit, sink }: ReadUnit): void {
  if (unit.content === 'dump') return;
  const seen = new Set<string>();
  const roots = unit.roots.map(({ archivePath }) => Buffer.from(archivePath).toString('latin1'));
  for (const { entry, path } of sink.entries) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    expect(roots.some((root) => path === root || (path.startsWith(`${root}/`) && seen.has(parent)))).toBe(true);
    if (entry.type === 'hardlink') expect(seen).toContain(Buffer.from(entry.linkTarget).toString('latin1'));
    expect(seen).not.toContain(path);
    seen.add(path);
  }
}
