import { HoldfastError, throwIfAborted } from '../../src/domain/errors.ts';
import type { Issue } from '../../src/domain/manifest.ts';
import type { TreeEntry } from '../../src/domain/tree-entry.ts';
import type { Source, TreeReport, TreeSink, TreeUnit } from '../../src/ports/source.ts';
import { describeContract, describeContractTests, type Factory } from './contract.ts';
import { sourceClauses, type SourceSubject } from './source.ts';

/** A tree in memory: text by path, null for a directory, a path with `→` for a hard link. */
type Tree = Map<string, string | null>;

function tree(): Tree {
  return new Map<string, string | null>([
    ['home', null],
    ['home/a', 'a'.repeat(2500)],
    ['home/b', '→home/a'],
    ['home/sub', null],
    ['home/sub/c', 'c'.repeat(100)],
  ]);
}

/** One way to break the promises; the right one breaks none. */
interface Breach {
  readonly units?: (right: readonly TreeUnit[]) => readonly TreeUnit[];
  readonly ordered?: (paths: readonly string[]) => readonly string[];
  readonly counted?: (counts: TreeReport['counts']) => TreeReport['counts'];
  readonly isSilent?: boolean;
  readonly isHasty?: boolean;
  readonly isDeaf?: boolean;
  readonly swallows?: boolean;
  readonly ignoresPointless?: boolean;
  readonly touches?: boolean;
  readonly isRandom?: boolean;
}

let reads = 0;

class MemorySource implements Source {
  readonly #tree: Tree;
  readonly #breach: Breach;

  constructor(input: Tree, breach: Breach) {
    this.#tree = input;
    this.#breach = breach;
  }

  async units(signal: AbortSignal): Promise<readonly TreeUnit[]> {
    if (this.#breach.isDeaf !== true) throwIfAborted(signal);
    if (this.#tree.size === 0 && this.#breach.ignoresPointless !== true)
      throw new HoldfastError('SOURCE_MISSING', 'Cannot read it: it is not there', { hint: 'Look for it' });
    const listed = [...this.#tree.keys()];
    const unit: TreeUnit = {
      content: 'tree',
      name: 'home',
      prefix: 'files',
      estimatedBytes: null,
      roots: [{ archivePath: 'home', originalPath: '/home', kind: 'directory' }],
      read: (sink, readSignal) => this.#read(this.#breach.ordered?.(listed) ?? listed, sink, readSignal),
    };
    return this.#breach.units?.([unit]) ?? [unit];
  }

  async #read(listed: readonly string[], sink: TreeSink, signal: AbortSignal): Promise<TreeReport> {
    const counts = { files: 0, directories: 0, symlinks: 0, hardlinks: 0 };
    const issues: Omit<Issue, 'unit'>[] = [];
    for (const path of listed) {
      if (this.#breach.isDeaf !== true) throwIfAborted(signal);
      const content = this.#tree.get(path);
      if (content === undefined && this.#breach.isSilent !== true)
        issues.push({ subject: path, problem: 'vanished', detail: 'gone', severity: 'loss' });
      if (content !== undefined) await this.#give({ path, content, sink, signal, counts });
    }
    if (this.#breach.touches === true) this.#tree.set('home/trace', '');
    return { counts: this.#breach.counted?.(counts) ?? counts, issues };
  }

  async #give(item: {
    path: string;
    content: string | null;
    sink: TreeSink;
    signal: AbortSignal;
    counts: { files: number; directories: number; hardlinks: number };
  }): Promise<void> {
    const { path, content, sink, counts, signal } = item;
    if (content === null) counts.directories += 1;
    else if (content.startsWith('→')) counts.hardlinks += 1;
    else counts.files += 1;
    await this.#wait(sink.begin(entryOf(path, content)));
    if (content === null || content.startsWith('→')) return;
    const bytes = Buffer.from(this.#breach.isRandom === true ? content.replace(/./, String(reads++ % 10)) : content);
    for (let position = 0; position < bytes.length;) {
      if (this.#breach.isDeaf !== true) throwIfAborted(signal);
      const window = sink.window();
      const piece = bytes.subarray(position, position + window.length);
      window.set(piece);
      position += piece.length;
      await this.#wait(sink.filled(piece.length));
    }
    await this.#wait(sink.endFile('whole'));
  }

  async #wait(wait: void | Promise<void>): Promise<void> {
    if (this.#breach.swallows === true) await Promise.allSettled([wait]);
    else if (this.#breach.isHasty === true) wait?.catch(() => undefined);
    else await wait;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}

function entryOf(path: string, content: string | null): TreeEntry {
  const type = content === null ? 'directory' : content.startsWith('→') ? 'hardlink' : 'file';
  return {
    type,
    path: Buffer.from(path),
    sizeBytes: type === 'file' ? (content?.length ?? 0) : 0,
    mode: 0o644,
    uid: 0,
    gid: 0,
    user: '',
    group: '',
    mtimeNs: 0n,
    linkTarget: Buffer.from(type === 'hardlink' ? (content?.slice(1) ?? '') : ''),
    xattrs: new Map(),
  };
}

function opened(breach: Breach): Factory<SourceSubject> {
  return async () => {
    const input = tree();
    return {
      open: () => new MemorySource(input, breach),
      fingerprint: async () => JSON.stringify([...input]),
      openPointless: () => new MemorySource(new Map(), breach),
      lose: async () => void input.delete('home/sub/c'),
      async [Symbol.asyncDispose]() {
        input.clear();
      },
    };
  };
}

describeContract('the source contract, by a tree in memory', { clauses: sourceClauses, make: opened({}) });

describeContractTests('the source contract', {
  clauses: sourceClauses,
  broken: {
    'the same input yields the same units, entries and bytes in the same order': opened({ isRandom: true }),
    'every unit has a name of its own and a prefix': opened({ units: (units) => [...units, ...units] }),
    'it never changes what it reads': opened({ touches: true }),
    'all entries lie below the roots, parents before children, links after what they link to': opened({
      ordered: (paths) => paths.toReversed(),
    }),
    'a report counts what was given': opened({ counted: (counts) => ({ ...counts, files: counts.files + 1 }) }),
    'it waits whenever the sink asks it to': opened({ isHasty: true }),
    'units throw what makes a run pointless': opened({ ignoresPointless: true }),
    'what is lost while it is read is thrown or in the report': opened({ isSilent: true }),
    'a sink that fails ends the read with its own error': opened({ swallows: true }),
    'after abort nothing is listed': opened({ isDeaf: true }),
    'after abort in the middle it throws CANCELLED and gives no more': opened({ isDeaf: true }),
  },
});
