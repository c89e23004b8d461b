import { parentPort, workerData } from 'node:worker_threads';
import { loadPosix } from '../../platform/posix.ts';
import { EntryComparison, type EntryToCompare } from './compare-entry.ts';
import { toMessage } from './target-errors.ts';
import type { Answer } from './worker-thread.ts';

const { directory } = workerData as { readonly directory: string };
const comparison = new EntryComparison(directory, { timesAreExact: (await loadPosix()) !== undefined });

parentPort?.on('message', (entries: readonly EntryToCompare[]) => {
  let answer: Answer<readonly string[]>;
  try {
    answer = { kind: 'done', value: entries.flatMap((entry) => comparison.differences(entry)) };
  } catch (error) {
    answer = { kind: 'failed', error: toMessage(error) };
  }
  parentPort?.postMessage(answer, []);
});
parentPort?.postMessage({ kind: 'ready' } satisfies Answer<never>, []);
