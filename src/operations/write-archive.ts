import type { DumpRecord, Issue, Part, TreeRecord, UnitRecord } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Codecs } from '../pipeline/codecs.ts';
import { ListingWriter } from '../pipeline/contents-listing.ts';
import { DumpSegments, memberAttributes } from '../pipeline/dump-segments.ts';
import { EncodedPart } from '../pipeline/encoded-part.ts';
import { TarWriter } from '../pipeline/tar-writer.ts';
import type { Cipher } from '../ports/cipher.ts';
import type { ContentDigester, Digester } from '../ports/digester.ts';
import type { Progress } from '../ports/progress.ts';
import type { ByteSink, DumpUnit, TreeUnit } from '../ports/source.ts';
import type { SnapshotWriter } from '../ports/store.ts';
import type { NamedUnit, PartLayout, SnapshotNames } from './names.ts';

export interface WrittenArchive {
  readonly parts: readonly Part[];
  readonly units: readonly UnitRecord[];
  readonly issues: readonly Issue[];
}

interface WriteOptions {
  readonly plan: Plan;
  readonly names: SnapshotNames;
  readonly cipher: Cipher | null;
  readonly codecs: Codecs;
  readonly openDigester: () => Digester;
  readonly openContentDigester: () => ContentDigester;
  readonly writer: SnapshotWriter;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** `metadata.json` of a bundle: the manifest as far as it is known before the archive's own digest. */
  readonly metadata: (written: Omit<WrittenArchive, 'parts'>) => Promise<Uint8Array>;
}

/** Reads every unit once and streams it into the store. When anything fails, the store is left without the parts. */
export async function writeArchive(options: WriteOptions): Promise<WrittenArchive> {
  const contents = options.names.contents === null ? undefined : new PartInFlight(options.names.contents, 'contents', options);
  const written = { parts: [] as Part[], units: [] as UnitRecord[], issues: [] as Issue[] };
  try {
    for (const layout of options.names.parts) await writePart(layout, { ...options, contents, written });
    if (contents !== undefined) written.parts.push(await contents.finish());
    return written;
  } catch (error) {
    throw (await contents?.abandon(error)) ?? error;
  }
}

interface PartOptions extends WriteOptions {
  readonly contents: PartInFlight | undefined;
  readonly written: { readonly parts: Part[]; readonly units: UnitRecord[]; readonly issues: Issue[] };
}

async function writePart(layout: PartLayout, options: PartOptions): Promise<void> {
  const part = new PartInFlight(layout.name, 'archive', options);
  try {
    if (options.plan.layout === 'bundle') await writeBundle(layout, part, options);
    else await writeSeparate(layout, part, options);
    options.written.parts.push(await part.finish());
  } catch (error) {
    // When the store failed, the source only saw its consequence: the cause is the error to tell.
    throw (await part.abandon(error)) ?? error;
  }
}

async function writeSeparate(layout: PartLayout, part: PartInFlight, options: PartOptions): Promise<void> {
  for (const named of layout.units) {
    const { unit } = named;
    showProgress(named, part.sink, options.progress);
    if (unit.content === 'dump') {
      await readDump(unit, { named, part, sink: part.sink, options });
    } else {
      const tar = new TarWriter(part.sink);
      await readTree(unit, { named, part, tar, options });
      await tar.end(part.sink.totalBytes);
    }
  }
}

async function writeBundle(layout: PartLayout, part: PartInFlight, options: PartOptions): Promise<void> {
  const tar = new TarWriter(part.sink);
  for (const named of layout.units) {
    const { unit } = named;
    showProgress(named, part.sink, options.progress);
    if (unit.content === 'tree') {
      await readTree(unit, { named, part, tar, options });
    } else {
      const segments = new DumpSegments(tar, named.path ?? unit.name, options.names.createdAt);
      await readDump(unit, { named, part, sink: segments, options });
      await segments.end();
    }
  }
  const attributes = memberAttributes(options.names.createdAt);
  await tar.file(
    { ...attributes, type: 'file', path: Buffer.from('metadata.json'), sizeBytes: 0 },
    await options.metadata(options.written),
  );
  await tar.end(part.sink.totalBytes);
}

interface CountedSink extends ByteSink {
  readonly totalBytes: number;
}

interface Reading {
  readonly named: NamedUnit;
  readonly part: PartInFlight;
  readonly options: PartOptions;
}

async function readDump(unit: DumpUnit, reading: Reading & { readonly sink: CountedSink }): Promise<void> {
  const { named, part, sink, options } = reading;
  const before = sink.totalBytes;
  const report = await unit.read(sink, options.signal);
  const record: DumpRecord = {
    content: 'dump',
    name: unit.name,
    source: named.source.kind,
    sourceName: named.source.name,
    part: part.name,
    sizeBytes: sink.totalBytes - before,
    path: named.path,
    dump: report.details,
  };
  options.written.units.push(record);
  options.written.issues.push(...report.issues.map((issue) => ({ unit: unit.name, ...issue })));
}

async function readTree(unit: TreeUnit, reading: Reading & { readonly tar: TarWriter }): Promise<void> {
  const { named, part, tar, options } = reading;
  const before = part.sink.totalBytes;
  const listing = new ListingWriter(options.contents!.sink);
  const report = await unit.read(tar.tree(listing), options.signal);
  await part.sink.settleContent();
  const record: TreeRecord = {
    content: 'tree',
    name: unit.name,
    source: named.source.kind,
    sourceName: named.source.name,
    part: part.name,
    sizeBytes: part.sink.totalBytes - before,
    roots: unit.roots,
    counts: report.counts,
    ...(await listing.end()),
  };
  options.written.units.push(record);
  options.written.issues.push(...report.issues.map((issue) => ({ unit: unit.name, ...issue })));
}

function showProgress(named: NamedUnit, sink: CountedSink, progress: Progress): void {
  const before = sink.totalBytes;
  progress.step(`reading ${named.unit.name}`, named.unit.estimatedBytes, () => sink.totalBytes - before);
}

/** A part that is being written into the store while its bytes arrive. */
class PartInFlight {
  readonly name: string;
  readonly #role: Part['role'];
  readonly #encoded: EncodedPart;
  readonly #put: Promise<{ readonly error: unknown } | undefined>;

  constructor(name: string, role: Part['role'], options: WriteOptions) {
    this.name = name;
    this.#role = role;
    this.#encoded = new EncodedPart({
      codec: options.codecs[options.plan.compression.kind],
      level: options.plan.compression.level,
      cipher: options.cipher,
      digester: options.openDigester(),
      contentDigester: options.openContentDigester(),
    });
    this.#put = options.writer.put(name, this.#encoded.body(), options.signal).then(
      () => undefined,
      (error: unknown) => {
        this.#encoded.fail(error);
        return { error };
      },
    );
  }

  get sink(): EncodedPart['sink'] {
    return this.#encoded.sink;
  }

  async finish(): Promise<Part> {
    await this.#encoded.end();
    const failure = await this.#put;
    if (failure !== undefined) throw failure.error;
    return { name: this.name, role: this.#role, ...(await this.#encoded.stored()) };
  }

  /** Ends the put; returns the error to report: the store's own when it failed first, otherwise the one given. */
  async abandon(error: unknown): Promise<unknown> {
    this.#encoded.fail(error);
    const failure = await this.#put;
    return failure?.error ?? error;
  }
}
