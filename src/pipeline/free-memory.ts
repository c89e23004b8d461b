import { Buffer } from 'node:buffer';

/**
 * Gives the memory behind bytes that nobody reads any more back at once. Left to the garbage collector, buffers of a
 * megabyte each would make it mark the whole heap for every 64 MB of data.
 */
export function freeMemory(bytes: Uint8Array): void {
  if (ownsMemory(bytes)) bytes.buffer.transfer(0);
}

/** Bytes that may be handed to another thread: the same, or a copy of those that lie in memory which others use too. */
export function withOwnMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return ownsMemory(bytes) ? bytes : Uint8Array.from(bytes);
}

/** Small buffers are slices of one that Node shares out. */
function ownsMemory(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength > Buffer.poolSize;
}
