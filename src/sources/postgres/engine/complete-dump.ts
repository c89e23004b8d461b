import { HoldfastError } from '../../../domain/errors.ts';

const endMarkers = ['\n-- PostgreSQL database dump complete\n', '\n-- PostgreSQL database cluster dump complete\n'];
/** The marker is followed by a few short lines at most (`\unrestrict` and its key since 15.14). */
const tailBytes = 1024;

/**
 * Hands the bytes on and, at the end, throws `DUMP_INCOMPLETE` unless there were exactly as many as were backed up and they
 * end with pg_dump's end marker: the last guard before psql commits, since a dump that is cut short loads without an error.
 */
export async function* completeDump(source: AsyncIterable<Uint8Array>, expectedBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  let tail: Uint8Array = new Uint8Array();
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    // A copy, since the giver may reuse the chunk.
    tail = chunk.length >= tailBytes ? Buffer.from(chunk.subarray(-tailBytes)) : Buffer.concat([tail, chunk]).subarray(-tailBytes);
    yield chunk;
  }
  if (sizeBytes !== expectedBytes) throw incomplete(`${sizeBytes} bytes came, ${expectedBytes} were backed up`);
  const end = Buffer.from(tail).toString('latin1');
  if (!endMarkers.some((marker) => end.includes(marker))) throw incomplete('its end marker is missing');
}

function incomplete(state: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The dump is not complete and was not loaded: ${state}`, {
    hint: 'Run "holdfast verify" on the snapshot, and restore another one if it is damaged',
  });
}
