import { Readable } from 'node:stream';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Part } from '../domain/manifest.ts';
import type { Found } from '../operations/choose.ts';
import { tellError } from '../operations/record-run.ts';
import type { Store } from '../ports/store.ts';
import type { ApiContext } from './api-context.ts';
import { attachment } from './attachment.ts';
import { rangeOf, type ByteRange } from './byte-range.ts';
import type { Download } from './download.ts';
import type { RouteInput, RouteReply } from './route.ts';

/** Each holds a file open and memory for what its client has not read yet; one out of an archive, its blocks too. */
const mostAtOnce = { part: 8, file: 4 } satisfies Record<Download['kind'], number>;
const waitingBytes = 1024 * 1024;

type Asking = Pick<RouteInput<unknown, unknown, unknown>, 'header' | 'signal'>;

/** The same bytes, each chunk one later: the last comes only when the end had nothing to say against them. */
async function* lastHeldBack(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array | undefined;
  for await (const chunk of bytes) {
    // A copy: the chunk is ours only until the next is asked for.
    const copy = Buffer.from(chunk);
    if (held !== undefined) yield held;
    held = copy;
  }
  if (held !== undefined) yield held;
}

/** Sends stored bytes. What is damaged never arrives whole: the connection breaks off before the last of it. */
export class Downloads {
  readonly #context: Pick<ApiContext, 'world'>;
  readonly #open = { part: 0, file: 0 };

  constructor(context: Pick<ApiContext, 'world'>) {
    this.#context = context;
  }

  /** Throws `OBJECT_MISSING`, `RANGE_INVALID`, `RATE_LIMITED`, and what keeps the store from being read. */
  async reply(found: Found, download: Download, { header, signal }: Asking): Promise<RouteReply> {
    const audited = { target: found.snapshot.manifest.id, details: { file: download.path } };
    const headers = headersOf(download);
    if (header('if-none-match') === headers.etag) return { status: 304, headers: { etag: headers.etag }, audited };
    const range = mayUseRange(header('if-range'), headers.etag) ? rangeOf(header('range'), download.sizeBytes) : null;
    const stream = await this.#stream(found, { download, range, signal });
    const whole = { offset: 0, sizeBytes: download.sizeBytes };
    const { offset, sizeBytes } = range ?? whole;
    const length = { ...headers, 'content-length': String(sizeBytes) };
    if (range === null) return { status: 200, stream, headers: length, audited };
    const told = { 'content-range': `bytes ${offset}-${offset + sizeBytes - 1}/${download.sizeBytes}` };
    return { status: 206, stream, headers: { ...length, ...told }, audited };
  }

  async #stream(
    found: Found,
    asked: { readonly download: Download; readonly range: ByteRange | null; readonly signal: AbortSignal },
  ): Promise<Readable> {
    const { download, range, signal } = asked;
    this.#take(download);
    try {
      const store = await this.#context.world.openStore(found.planStore);
      try {
        await requirePart(store, download.part, signal);
        const bytes = this.#blaming(lastHeldBack(download.bytes(store, { range, signal })), { found, download, signal });
        const stream = Readable.from(bytes, { objectMode: false, highWaterMark: waitingBytes });
        stream.once('close', () => void this.#release(download, store));
        return stream;
      } catch (error) {
        await store[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      this.#open[download.kind] -= 1;
      throw error;
    }
  }

  /** Bytes that are not what was written are a finding, whoever came across it; that a client went away is none. */
  async *#blaming(
    bytes: AsyncIterable<Uint8Array>,
    { found, download, signal }: { readonly found: Found; readonly download: Download; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* bytes;
    } catch (error) {
      if (!signal.aborted && damages.some((code) => isHoldfastError(error, code)))
        await this.#blame(found, download, tellError(error).message);
      throw error;
    }
  }

  async #blame({ snapshot }: Found, { kind, path: file }: Download, finding: string): Promise<void> {
    const { world } = this.#context;
    const { id, plan } = snapshot.manifest;
    world.log.error('A download was cut off: its bytes are damaged', { component: 'Api', plan, snapshot: id, file, error: finding });
    const depth = kind === 'file' ? 'readable' : 'present';
    const { remember } = await import('../operations/verify.ts');
    await remember(world, { store: snapshot.store, id }, { kind: 'failed', depth, at: world.clock.now(), findings: [finding] });
  }

  #take({ kind }: Download): void {
    if (this.#open[kind] >= mostAtOnce[kind])
      throw new HoldfastError('RATE_LIMITED', `${mostAtOnce[kind]} downloads are going on, and no more are served at once`, {
        hint: 'Wait until one of them is done',
        retry: { kind: 'after', delayMs: 10_000 },
      });
    this.#open[kind] += 1;
  }

  async #release({ kind }: Download, store: Store): Promise<void> {
    this.#open[kind] -= 1;
    try {
      await store[Symbol.asyncDispose]();
    } catch (error) {
      this.#context.world.log.warn('A store could not be closed after a download', { component: 'Api', error: String(error) });
    }
  }
}

const damages = ['LENGTH_MISMATCH', 'DIGEST_MISMATCH', 'ARCHIVE_CORRUPT'] as const;

/** Never a type that a browser would show, or run. */
function headersOf({ fileName, sha256 }: Download) {
  return {
    etag: `"${sha256}"`,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-disposition': attachment(fileName),
    'cache-control': 'no-store',
  };
}

function mayUseRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange === etag;
}

async function requirePart(store: Store, { name, sizeBytes }: Part, signal: AbortSignal): Promise<void> {
  const found = await store.statPart(name, signal);
  if (found === undefined)
    throw new HoldfastError('OBJECT_MISSING', `"${name}" is missing in "${store.location}"`, {
      hint: 'Take it from another store, and back up again',
    });
  if (found.sizeBytes === sizeBytes) return;
  throw new HoldfastError('LENGTH_MISMATCH', `"${name}" in "${store.location}" has ${found.sizeBytes} bytes, ${sizeBytes} were written`, {
    hint: 'Take it from another store, and back up again',
  });
}
