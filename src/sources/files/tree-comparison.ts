import { throwIfAborted } from '../../domain/errors.ts';
import type { ListedEntry } from '../../domain/tree-entry.ts';
import type { TreeComparison } from '../../ports/tree-target.ts';
import type { EntryToCompare } from './compare-entry.ts';
import { latin1 } from './latin1.ts';
import { restoredPath } from './restored-path.ts';
import { WorkerThread } from './worker-thread.ts';

type ComparisonThread = WorkerThread<readonly EntryToCompare[], readonly string[]>;

const threadModule = new URL('./tree-comparison-thread.ts', import.meta.url);
const threads = 2;
const batchEntries = 256;
const batchBytes = 8 << 20;
const batchesPerThread = 2;
const maxListed = 1000;

/** Reads a restored tree back on both of the cores that the smallest machine has. */
export async function compareTree(directory: string, entries: AsyncIterable<ListedEntry>, signal: AbortSignal): Promise<TreeComparison> {
  throwIfAborted(signal);
  const settings = { directory: latin1(Buffer.from(directory)) };
  const pool = Array.from({ length: threads }, (): ComparisonThread => new WorkerThread(threadModule, settings));
  const comparing = new Comparing(pool);
  const stop = (): void => void endAll(pool);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const entry of entries) await comparing.add(entry, signal);
    return await comparing.finish();
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await endAll(pool);
  }
}

async function endAll(pool: readonly ComparisonThread[]): Promise<void> {
  await Promise.all(pool.map((thread) => thread.end()));
}

class Comparing {
  readonly #pool: readonly ComparisonThread[];
  #batch: EntryToCompare[] = [];
  #batchBytes = 0;
  #compared = 0;
  /** In the order of the listing. */
  readonly #answers: Promise<readonly string[]>[] = [];
  readonly #differences: string[] = [];
  #unlisted = 0;

  constructor(pool: readonly ComparisonThread[]) {
    this.#pool = pool;
  }

  async add({ type, path, sizeBytes, mode, mtimeNs, sha256, linkTarget }: ListedEntry, signal: AbortSignal): Promise<void> {
    const target = type === 'hardlink' ? restoredPath(linkTarget) : latin1(linkTarget);
    this.#batch.push({ type, path: restoredPath(path), sizeBytes, mode, mtimeNs, sha256, linkTarget: target });
    this.#batchBytes += sizeBytes;
    this.#compared += 1;
    if (this.#batch.length < batchEntries && this.#batchBytes < batchBytes) return;
    throwIfAborted(signal);
    this.#send();
    if (this.#answers.length >= this.#pool.length * batchesPerThread) await this.#take();
  }

  async finish(): Promise<TreeComparison> {
    this.#send();
    while (this.#answers.length > 0) await this.#take();
    const summary = this.#unlisted === 0 ? [] : [`${this.#unlisted} more differences that are not listed`];
    return { compared: this.#compared, differences: [...this.#differences, ...summary] };
  }

  #send(): void {
    if (this.#batch.length === 0) return;
    const [thread] = this.#pool.toSorted((one, other) => one.pending - other.pending);
    if (thread === undefined) throw new Error('no thread to compare with');
    const answer = thread.ask(this.#batch);
    // It is awaited in its turn; until then its failure has not gone unnoticed.
    answer.catch(() => undefined);
    this.#answers.push(answer);
    this.#batch = [];
    this.#batchBytes = 0;
  }

  async #take(): Promise<void> {
    for (const difference of (await this.#answers.shift()) ?? []) {
      if (this.#differences.length < maxListed) this.#differences.push(difference);
      else this.#unlisted += 1;
    }
  }
}
