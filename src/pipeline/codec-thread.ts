import { parentPort } from 'node:worker_threads';
import { codecs } from './codecs.ts';
import type { CodecReply, CodecTask } from './codec-threads.ts';
import { freeMemory, withOwnMemory } from './free-memory.ts';

/** A thread of `CodecThreads`: does one task after the other. What comes of it is handed over instead of copied. */
parentPort?.on('message', (task: CodecTask) => {
  try {
    const pieces = done(task).map(withOwnMemory);
    answer(
      { pieces },
      pieces.map(({ buffer }) => buffer),
    );
  } catch (error) {
    answer({ failure: error instanceof Error ? error.message : String(error) }, []);
  }
});

function done({ kind, operation, bytes, level }: CodecTask): readonly Uint8Array[] {
  if (operation === 'encode') return codecs[kind].encode(bytes, level);
  const decoded = codecs[kind].decode(bytes);
  freeMemory(bytes);
  return [decoded];
}

function answer(reply: CodecReply, transfer: ArrayBuffer[]): void {
  parentPort?.postMessage(reply, transfer);
}
