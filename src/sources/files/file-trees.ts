import { closeSync } from 'node:fs';
import { throwIfAborted } from '../../domain/errors.ts';
import type { TreeCounts, TreeRoot } from '../../domain/manifest.ts';
import type { TreeEntry } from '../../domain/tree-entry.ts';
import { PacedReader } from '../../platform/paced-reader.ts';
import { loadPosix, type Posix } from '../../platform/posix.ts';
import type { Log } from '../../ports/log.ts';
import type { SourceContext } from '../../ports/descriptor.ts';
import type { Source, TreeReport, TreeSink, TreeUnit } from '../../ports/source.ts';
import { EntryBuilder } from './entry-builder.ts';
import { type ContentProblem, copyContent, type Pace } from './file-content.ts';
import type { FilesConfig } from './files-config.ts';
import { IssueList } from './issue-list.ts';
import { LookAhead } from './look-ahead.ts';
import type { OpenFile } from './open-file.ts';
import { OwnDirectories } from './own-directories.ts';
import { OwnerNames } from './owner-names.ts';
import { PathFilter } from './path-filter.ts';
import { printablePath } from './printable-path.ts';
import { removeStagingLeftovers } from './staging.ts';
import { emptyRoot, findRoots } from './tree-roots.ts';
import { type Found, TreeWalk, type WalkOptions } from './tree-walk.ts';
import { Turns } from './turns.ts';

/** The configured paths as one unit. */
export class FileTrees implements Source {
  readonly #config: FilesConfig;
  readonly #name: string;
  readonly #ownDirectories: readonly string[];
  readonly #log: Log;

  constructor(config: FilesConfig, { name, ownDirectories, log }: Pick<SourceContext, 'name' | 'ownDirectories' | 'log'>) {
    this.#config = config;
    this.#name = name;
    this.#ownDirectories = ownDirectories;
    this.#log = log;
  }

  async units(signal: AbortSignal): Promise<readonly TreeUnit[]> {
    throwIfAborted(signal);
    const roots = findRoots(this.#config, this.#name);
    const own = new OwnDirectories(this.#ownDirectories);
    for (const { originalPath } of roots) own.refuse(originalPath);
    for (const { originalPath } of roots) await removeStagingLeftovers(originalPath, this.#log);
    const read = (sink: TreeSink, readSignal: AbortSignal): Promise<TreeReport> => this.#read(roots, sink, readSignal);
    return [{ content: 'tree', name: this.#name, prefix: 'files', estimatedBytes: null, roots, read }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing stays open between calls: each read closes what it opened.
  }

  async #read(roots: readonly TreeRoot[], sink: TreeSink, signal: AbortSignal): Promise<TreeReport> {
    const posix = await loadPosix();
    const { xattrs, oneFileSystem } = this.#config;
    const issues = new IssueList();
    if (posix === undefined && xattrs) reportUncarried(roots, issues);
    const builder = new EntryBuilder({ owners: new OwnerNames(), posix, xattrs, issues });
    const reading = new Reading(sink, {
      filter: new PathFilter(this.#config),
      oneFileSystem,
      own: new OwnDirectories(this.#ownDirectories),
      builder,
      issues,
    });
    for (const root of roots) {
      const below = await reading.read(root, { posix, signal });
      if (below === 0 && root.kind === 'directory' && !this.#config.allowEmpty) throw emptyRoot(root.originalPath);
    }
    return { counts: reading.counts, issues: issues.all() };
  }
}

/** On Linux that is an installation without its native part, which can be mended; elsewhere nobody can help it. */
function reportUncarried(roots: readonly TreeRoot[], issues: IssueList): void {
  const severity = process.platform === 'linux' ? 'loss' : 'note';
  const detail =
    'extended attributes, ACLs and holes are not carried: the C library cannot be called here (koffi); "xattrs: false" accepts that';
  for (const { originalPath } of roots) issues.add({ subject: originalPath, problem: 'attributes', detail, severity });
}

/** What an entry costs beside its bytes, in bytes. */
const entryCostBytes = 64 << 10;

const countOf = { file: 'files', directory: 'directories', symlink: 'symlinks', hardlink: 'hardlinks' } as const satisfies Record<
  TreeEntry['type'],
  keyof TreeCounts
>;

/** Hands what a walk finds to the sink, root after root. */
class Reading {
  readonly #sink: TreeSink;
  readonly #options: WalkOptions;
  readonly counts = { files: 0, directories: 0, symlinks: 0, hardlinks: 0 };

  constructor(sink: TreeSink, options: WalkOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Returns how many entries lay below the root. */
  async read(root: TreeRoot, { posix, signal }: { readonly posix: Posix | undefined; readonly signal: AbortSignal }): Promise<number> {
    const turns = new Turns(signal);
    const reader = new PacedReader();
    const ahead = new LookAhead(new TreeWalk(root, this.#options), { posix, reader });
    let entries = 0;
    try {
      for (;;) {
        // Awaited only where there is something to wait for: a promise for each entry would be a third of all garbage.
        const turn = turns.spend(entryCostBytes);
        if (turn !== undefined) await turn;
        const found = ahead.next();
        if (found === undefined) return entries - 1;
        const handed = this.#hand(found, { turns, reader });
        if (handed !== undefined) await handed;
        entries += 1;
      }
    } finally {
      ahead.close();
    }
  }

  #hand({ entry, file, path }: Found, pace: Pace): void | Promise<void> {
    this.counts[countOf[entry.type]] += 1;
    if (file === null) return this.#sink.begin(entry);
    let copied: ContentProblem | Promise<ContentProblem> = null;
    try {
      copied = copyContent(file, { entry, sink: this.#sink, ...pace });
    } finally {
      if (!(copied instanceof Promise)) closeSync(file.fd);
    }
    if (copied instanceof Promise) return this.#whenCopied(copied, file, path);
    this.#note(copied, path);
  }

  async #whenCopied(copied: Promise<ContentProblem>, file: OpenFile, path: Uint8Array): Promise<void> {
    try {
      this.#note(await copied, path);
    } finally {
      closeSync(file.fd);
    }
  }

  #note(problem: ContentProblem, path: Uint8Array): void {
    if (problem !== null) this.#options.issues.add({ subject: printablePath(path), ...problem, severity: 'loss' });
  }
}
