import { Buffer } from 'node:buffer';

/**
 * Gives the memory behind bytes that nobody reads any more back at once. Left to the garbage collector, buffers of a
 * megabyte each would make it mark the whole heap for every 64 MB of data.
 */
export function freeMemory({ buffer }: Uint8Array): void {
  // Small buffers are slices of one that Node shares out.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
