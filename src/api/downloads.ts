import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { HoldfastError } from '../domain/errors.ts';
import type { Part } from '../domain/manifest.ts';
import type { Found } from '../operations/choose.ts';
import type { Store } from '../ports/store.ts';
import type { ApiContext } from './api-context.ts';
import { rangeOf, type ByteRange } from './byte-range.ts';
import type { RouteInput, RouteReply } from './route.ts';

/** Each holds a file open and memory for what its client has not read yet. */
const mostAtOnce = 8;
const waitingBytes = 1024 * 1024;

type Asking = Pick<RouteInput<unknown, unknown, unknown>, 'header' | 'signal'>;

interface Sending {
  readonly found: Found;
  readonly store: Store;
  readonly part: Part;
  readonly signal: AbortSignal;
}

/**
 * Sends stored bytes as they are. A whole file is compared with the manifest on its way, and its last bytes are sent only
 * when all of them agree: what is damaged never arrives as a whole file.
 */
export class Downloads {
  readonly #context: Pick<ApiContext, 'world'>;
  #open = 0;

  constructor(context: Pick<ApiContext, 'world'>) {
    this.#context = context;
  }

  /** Throws `OBJECT_MISSING`, `RANGE_INVALID`, `RATE_LIMITED`, and what keeps the store from being read. */
  async reply(found: Found, name: string, { header, signal }: Asking): Promise<RouteReply> {
    const part = partNamed(found, name);
    const headers = headersOf(part);
    if (header('if-none-match') === headers.etag) return { status: 304, headers: { etag: headers.etag } };
    const range = mayUseRange(header('if-range'), headers.etag) ? rangeOf(header('range'), part.sizeBytes) : null;
    const stream = await this.#stream(found, { part, range, signal });
    if (range === null) return { status: 200, stream, headers: { ...headers, 'content-length': String(part.sizeBytes) } };
    const { offset, sizeBytes } = range;
    const told = { 'content-range': `bytes ${offset}-${offset + sizeBytes - 1}/${part.sizeBytes}`, 'content-length': String(sizeBytes) };
    return { status: 206, stream, headers: { ...headers, ...told } };
  }

  async #stream(
    found: Found,
    asked: { readonly part: Part; readonly range: ByteRange | null; readonly signal: AbortSignal },
  ): Promise<Readable> {
    const { part, range, signal } = asked;
    this.#take();
    try {
      const store = await this.#context.world.openStore(found.planStore);
      try {
        await requirePart(store, part, signal);
        const sending = { found, store, part, signal };
        const bytes = range === null ? this.#whole(sending) : store.readPart(part.name, signal, range);
        const stream = Readable.from(bytes, { objectMode: false, highWaterMark: waitingBytes });
        stream.once('close', () => void this.#release(store));
        return stream;
      } catch (error) {
        await store[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }

  async *#whole({ found, store, part, signal }: Sending): AsyncGenerator<Uint8Array, void, undefined> {
    const hash = createHash('sha256');
    let held: Uint8Array | undefined;
    for await (const chunk of store.readPart(part.name, signal)) {
      hash.update(chunk);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (hash.digest('hex') !== part.sha256) throw await this.#blame(found, { store, part });
    if (held !== undefined) yield held;
  }

  /** Bytes that are not what was written are a finding, whoever came across it. */
  async #blame({ snapshot }: Found, { store, part }: Pick<Sending, 'store' | 'part'>): Promise<HoldfastError> {
    const { world } = this.#context;
    const { id, plan } = snapshot.manifest;
    const finding = `"${part.name}" in "${store.location}" has other bytes than were written: its SHA-256 is not the manifest's`;
    world.log.error('A download was cut off: its bytes are damaged', { component: 'Api', plan, snapshot: id, file: part.name });
    const key = { store: snapshot.store, id };
    const { remember } = await import('../operations/verify.ts');
    await remember(world, key, { kind: 'failed', depth: 'present', at: world.clock.now(), findings: [finding] });
    return new HoldfastError('DIGEST_MISMATCH', `Cannot send ${finding}`, { hint: 'Take it from another store, and back up again' });
  }

  #take(): void {
    if (this.#open >= mostAtOnce)
      throw new HoldfastError('RATE_LIMITED', `${mostAtOnce} downloads are going on, and no more are served at once`, {
        hint: 'Wait until one of them is done',
        retry: { kind: 'after', delayMs: 10_000 },
      });
    this.#open += 1;
  }

  async #release(store: Store): Promise<void> {
    this.#open -= 1;
    try {
      await store[Symbol.asyncDispose]();
    } catch (error) {
      this.#context.world.log.warn('A store could not be closed after a download', { component: 'Api', error: String(error) });
    }
  }
}

function headersOf({ name, sha256 }: Part) {
  return {
    etag: `"${sha256}"`,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name}"`,
    'cache-control': 'no-store',
  };
}

function mayUseRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange === etag;
}

function partNamed({ snapshot }: Found, name: string): Part {
  const part = snapshot.manifest.parts.find((candidate) => candidate.name === name);
  if (part !== undefined) return part;
  throw new HoldfastError('NOT_FOUND', `Snapshot "${snapshot.manifest.id}" has no file ${JSON.stringify(name)}`, {
    hint: `See which it has: GET /api/v1/snapshots/${snapshot.manifest.id}`,
  });
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
