import { HoldfastError, throwIfAborted } from '../../domain/errors.ts';
import type { ScannedDump } from '../../ports/dump-engine.ts';
import type { ByteSink } from '../../ports/source.ts';
import { CopyScanner } from './copy-scanner.ts';

/** Where a dump's bytes go: each is looked at once and handed on; they must stay as they are until a call's promise resolves. After the signal nothing is: writing throws `CANCELLED`. */
export class DumpOutput {
  readonly #scanner = new CopyScanner();
  readonly #sink: ByteSink;
  readonly #signal: AbortSignal;

  constructor(sink: ByteSink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    throwIfAborted(this.#signal);
    return both(this.#scanner.push(bytes), this.#sink.write(bytes));
  }

  /** Rows of the table whose COPY was written last; `addRows` tells how many they were. */
  writeRows(bytes: Uint8Array): void | Promise<void> {
    throwIfAborted(this.#signal);
    return both(this.#scanner.pushRows(bytes), this.#sink.write(bytes));
  }

  addRows(rows: number): void {
    this.#scanner.addRows(rows);
  }

  /** Throws `DUMP_INCOMPLETE`. */
  end(): Promise<ScannedDump> {
    return this.#scanner.end();
  }
}

function both(scanned: void | Promise<void>, written: void | Promise<void>): void | Promise<void> {
  return scanned === undefined ? written : Promise.all([scanned, written]).then(() => undefined);
}

/** The last lines of a plain dump, with the key of its `\restrict` where there is one. */
const ending = /--\n-- PostgreSQL database dump complete\n--\n\n(\\unrestrict \w+\n\n)?$/;
const endingBytes = 512;

/**
 * Hands on a dump that more will follow: without its end marker, so that the whole has only one, and with its
 * `\unrestrict` kept for later, so that all that follows is still protected by it.
 */
export class UnfinishedDump {
  readonly #output: DumpOutput;
  #tail: Buffer = Buffer.alloc(0);

  constructor(output: DumpOutput) {
    this.#output = output;
  }

  async write(bytes: Buffer): Promise<void> {
    if (bytes.length < endingBytes) {
      this.#tail = Buffer.concat([this.#tail, bytes]);
      if (this.#tail.length < 2 * endingBytes) return;
      await this.#output.write(this.#tail.subarray(0, -endingBytes));
      this.#tail = this.#tail.subarray(-endingBytes);
      return;
    }
    await this.#output.write(this.#tail);
    await this.#output.write(bytes.subarray(0, -endingBytes));
    this.#tail = Buffer.from(bytes.subarray(-endingBytes));
  }

  /** Returns the line that ends the protection; empty when this pg_dump knows none. Throws `DUMP_INCOMPLETE` without an end marker. */
  async end(): Promise<string> {
    const text = this.#tail.toString('latin1');
    const match = ending.exec(text);
    if (match === null) {
      throw new HoldfastError('DUMP_INCOMPLETE', 'The dump is not complete: pg_dump ended without its end marker', {
        hint: 'Run the backup again; if it happens again, look into the log of the PostgreSQL server',
      });
    }
    await this.#output.write(this.#tail.subarray(0, match.index));
    return match[1] ?? '';
  }
}
