import { parentPort, workerData } from 'node:worker_threads';
import type { CodecThreadData } from './pipeline/codec-threads.ts';
import { serveCodecs } from './pipeline/serve-codecs.ts';
import { zlibDeflate } from './pipeline/zlib-deflate.ts';
import { loadLibdeflate } from './platform/libdeflate.ts';

/** A compression thread put together: with the system's libdeflate where there is one. */
const { loaded } = workerData as CodecThreadData;
const deflate = (await loadLibdeflate()) ?? zlibDeflate;
if (parentPort !== null) serveCodecs(parentPort, deflate);
Atomics.store(loaded, 0, 1);
Atomics.notify(loaded, 0);
