import type { Manifest } from '../domain/manifest.ts';
import { indexContents } from '../operations/browse.ts';
import { withStore, type Found } from '../operations/choose.ts';
import type { OperationContext } from '../operations/context.ts';
import { unsealed } from '../operations/seal.ts';
import type { FolderIndex } from '../ports/folder-index.ts';

/** Each keeps a few MiB in memory, and what does not fit on the disk. */
const mostKept = 2;
const idleMs = 10 * 60_000;

export interface Listing {
  /** With all that an encrypted one holds. */
  readonly manifest: Manifest;
  readonly folders: FolderIndex;
}

interface Kept {
  readonly listing: Promise<Listing>;
  readonly timer: NodeJS.Timeout;
}

interface Options {
  readonly world: OperationContext;
  readonly openFolderIndex: () => FolderIndex;
}

/** The contents of the snapshots that were looked into last: read once, and at hand for every page, folder and file of them. */
export class Listings {
  readonly #options: Options;
  /** By the digest of the manifest, the one used last at the end. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Hands the contents to `query`, which must be done with them when it returns. Throws `KEY_MISSING` and `KEY_REJECTED` for an
   * encrypted snapshot whose key is not here, and what keeps its listing from being read.
   */
  async read<T>(found: Found, query: (listing: Listing) => T): Promise<T> {
    const key = found.snapshot.manifestSha256;
    const kept = this.#kept.get(key) ?? this.#keep(key, found);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    kept.timer.refresh();
    const [eldest] = this.#kept;
    if (this.#kept.size > mostKept && eldest !== undefined) this.#drop(...eldest);
    return query(await kept.listing);
  }

  #keep(key: string, found: Found): Kept {
    const listing = this.#open(found);
    const kept = { listing, timer: setTimeout(() => this.#drop(key, kept), idleMs).unref() };
    listing.catch(() => this.#drop(key, kept));
    return kept;
  }

  /** Whoever waits for it began to wait earlier, and is served before it is closed. */
  #drop(key: string, { listing, timer }: Kept): void {
    if (this.#kept.get(key)?.listing !== listing) return;
    this.#kept.delete(key);
    clearTimeout(timer);
    listing.then(
      ({ folders }) => folders[Symbol.dispose](),
      () => undefined,
    );
  }

  async #open({ plan, planStore, snapshot }: Found): Promise<Listing> {
    const { world, openFolderIndex } = this.#options;
    const { manifest, cipher } = await unsealed(snapshot.manifest, plan, world);
    const folders = openFolderIndex();
    // Others may wait for it by the time the one who asked first is gone.
    const { signal } = new AbortController();
    try {
      await withStore(world, planStore, (store) => indexContents({ store, manifest, cipher, tools: world, signal }, folders));
      return { manifest, folders };
    } catch (error) {
      folders[Symbol.dispose]();
      throw error;
    }
  }
}
