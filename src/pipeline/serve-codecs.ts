import type { MessagePort } from 'node:worker_threads';
import type { Deflate } from '../ports/deflate.ts';
import type { CodecReply, CodecTask } from './codec-threads.ts';
import { codecsOver } from './codecs.ts';
import { freeMemory, withOwnMemory } from './free-memory.ts';

/** What a thread of `CodecThreads` does: one task after the other. What comes of it is handed over instead of copied. */
export function serveCodecs(port: MessagePort, deflate: Deflate): void {
  const codecs = codecsOver(deflate);

  function done({ kind, operation, bytes, level }: CodecTask): Uint8Array {
    if (operation === 'encode') return codecs[kind].encode(bytes, level);
    const decoded = codecs[kind].decode(bytes);
    freeMemory(bytes);
    return decoded;
  }

  port.on('message', (task: CodecTask) => {
    try {
      const bytes = withOwnMemory(done(task));
      port.postMessage({ bytes } satisfies CodecReply, [bytes.buffer]);
    } catch (error) {
      port.postMessage({ failure: error instanceof Error ? error.message : String(error) } satisfies CodecReply);
    }
  });
}
