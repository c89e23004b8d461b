import type { TreeEntry } from '../../src/domain/tree-entry.ts';
import type { TreeSink } from '../../src/ports/source.ts';

export interface RecordedEntry {
  readonly entry: TreeEntry;
  /** As a latin1 string, one character for each byte. */
  readonly path: string;
  /** All bytes that came; the data of a sparse file's extents. */
  readonly content: Buffer;
  readonly state: 'whole' | 'short' | 'changed';
}

export interface SinkHooks {
  /** Called with each entry before it is taken; may be slow. */
  readonly onBegin?: (path: string) => void | Promise<void>;
  /** Called with the file in work after each piece of it. */
  readonly onPiece?: (path: string, takenBytes: number) => void | Promise<void>;
  /** Size of the window that is offered. */
  readonly windowBytes?: number;
}

/**
 * Keeps what a source gives it, byte streams and trees alike, and throws when the source breaks the rules of the port:
 * calls that overlap, bytes outside a file, too many or too few of them, a window that is used again.
 */
export class RecordingSink implements TreeSink {
  readonly entries: RecordedEntry[] = [];
  /** Bytes that came without an entry: a dump. */
  readonly bytes: Buffer[] = [];
  readonly #hooks: SinkHooks;
  #window: Uint8Array | undefined;
  #file: { readonly entry: TreeEntry; readonly chunks: Buffer[]; takenBytes: number } | undefined;
  #isBusy = false;

  constructor(hooks: SinkHooks = {}) {
    this.#hooks = hooks;
  }

  begin(entry: TreeEntry): void | Promise<void> {
    this.#requireFree();
    if (this.#file !== undefined) throw new Error(`${this.#path(entry)} begins within ${this.#path(this.#file.entry)}`);
    if (entry.type === 'file') this.#file = { entry, chunks: [], takenBytes: 0 };
    else this.entries.push({ entry, path: this.#path(entry), content: Buffer.alloc(0), state: 'whole' });
    return this.#waitFor(this.#hooks.onBegin?.(this.#path(entry)));
  }

  window(): Uint8Array {
    this.#requireFree();
    this.#window = new Uint8Array(this.#hooks.windowBytes ?? 1000);
    return this.#window;
  }

  filled(sizeBytes: number): void | Promise<void> {
    const window = this.#window;
    this.#window = undefined;
    if (window === undefined || sizeBytes > window.length) throw new Error('no such window was offered');
    return this.#take(window.subarray(0, sizeBytes));
  }

  write(bytes: Uint8Array): void | Promise<void> {
    return this.#take(bytes);
  }

  endFile(state: RecordedEntry['state']): void {
    this.#requireFree();
    const file = this.#file;
    if (file === undefined) throw new Error('a file ends that did not begin');
    const isWhole = file.takenBytes === dataBytes(file.entry);
    if (!isWhole && state !== 'short') throw new Error(`${this.#path(file.entry)} ends before all of its bytes came`);
    this.#file = undefined;
    this.entries.push({ entry: file.entry, path: this.#path(file.entry), content: Buffer.concat(file.chunks), state });
  }

  #take(bytes: Uint8Array): void | Promise<void> {
    this.#requireFree();
    const copy = Buffer.from(bytes);
    // Whoever gives bytes may reuse them at once; whoever got a window must not touch it again.
    bytes.fill(0xee);
    const file = this.#file;
    if (file === undefined) {
      this.bytes.push(copy);
      return this.#waitFor(this.#hooks.onPiece?.('', 0));
    }
    file.takenBytes += copy.length;
    if (file.takenBytes > dataBytes(file.entry)) throw new Error(`${this.#path(file.entry)} has more bytes than it announced`);
    file.chunks.push(copy);
    return this.#waitFor(this.#hooks.onPiece?.(this.#path(file.entry), file.takenBytes));
  }

  #waitFor(wait: void | Promise<void>): void | Promise<void> {
    if (wait === undefined) return;
    this.#isBusy = true;
    return wait.finally(() => (this.#isBusy = false));
  }

  #requireFree(): void {
    if (this.#isBusy) throw new Error('a call overlaps the one before it');
  }

  #path(entry: TreeEntry): string {
    return Buffer.from(entry.path).toString('latin1');
  }
}

/** What must follow a file's `begin`. */
function dataBytes({ extents, sizeBytes }: TreeEntry): number {
  return extents === undefined ? sizeBytes : extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
}
