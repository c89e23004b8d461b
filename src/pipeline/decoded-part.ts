import type { Codec } from './codec.ts';
import { freeMemory } from './free-memory.ts';
import { blocksAtOnce } from './parallelism.ts';

/** Frames inflated at once, or waiting for their turn. */
const decoderWidth = blocksAtOnce + 1;

/**
 * The bytes before compression, frame by frame in order, several frames inflated at once; each chunk is valid until the
 * next is asked for. Throws a plain Error saying what is wrong when the stream is damaged or ends inside a frame.
 */
export async function* decode(codec: Codec, stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (codec.passesThrough) {
    yield* stored;
    return;
  }
  const underWay: Promise<Uint8Array>[] = [];
  try {
    for await (const frame of frames(codec, stored)) {
      underWay.push(quiet(decodeOnce(codec, frame)));
      if (underWay.length >= decoderWidth) yield* lent(await underWay.shift()!);
    }
    while (underWay.length > 0) yield* lent(await underWay.shift()!);
  } finally {
    await Promise.allSettled(underWay);
  }
}

/** The frame is nobody else's. */
async function decodeOnce(codec: Codec, frame: Uint8Array): Promise<Uint8Array> {
  const block = await codec.decode(frame);
  freeMemory(frame);
  return block;
}

function* lent(block: Uint8Array): Generator<Uint8Array, void, undefined> {
  yield block;
  freeMemory(block);
}

/** A rejection is met in order, later; until then it must not count as unhandled. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function* frames(codec: Codec, stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pending = new PendingBytes();
  for await (const chunk of stored) {
    pending.append(chunk);
    for (;;) {
      const length = pending.sizeBytes === 0 ? undefined : codec.frameLength(pending.view());
      if (length === undefined || length > pending.sizeBytes) break;
      yield pending.take(length);
    }
  }
  if (pending.sizeBytes > 0) throw new Error('it ends in the middle of a compressed block');
}

/** Bytes that arrived and are not yet a whole frame, in one contiguous buffer. */
class PendingBytes {
  #buffer = Buffer.allocUnsafeSlow(4 << 20);
  #start = 0;
  #end = 0;

  get sizeBytes(): number {
    return this.#end - this.#start;
  }

  view(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #makeRoom(sizeBytes: number): void {
    const target =
      this.sizeBytes + sizeBytes > this.#buffer.length ? Buffer.allocUnsafeSlow(2 * (this.sizeBytes + sizeBytes)) : this.#buffer;
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#end = this.sizeBytes;
    this.#start = 0;
    this.#buffer = target;
  }

  /** A copy, since another thread reads it while more bytes arrive here. */
  take(sizeBytes: number): Uint8Array {
    const taken = Buffer.allocUnsafeSlow(sizeBytes);
    this.#buffer.copy(taken, 0, this.#start, this.#start + sizeBytes);
    this.#start += sizeBytes;
    return taken;
  }
}
