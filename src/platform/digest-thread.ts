import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { DigestReply, DigestRequest } from './background-digester.ts';

/** The thread of `BackgroundDigester`: hashes the slots it is told of, in order. */
const slots = workerData as readonly Uint8Array[];
const hash = createHash('sha256');

parentPort?.on('message', (request: DigestRequest) => {
  const reply: DigestReply = request === 'finish' ? { digest: hash.digest('hex') } : hashed(request.slot, request.sizeBytes);
  parentPort?.postMessage(reply);
});

function hashed(slot: number, sizeBytes: number): DigestReply {
  hash.update(slots[slot]!.subarray(0, sizeBytes));
  return { slot };
}
