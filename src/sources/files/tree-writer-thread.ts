import { closeSync, lstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { loadPosix } from '../../platform/posix.ts';
import { AttributeWriter } from './attribute-writer.ts';
import { EntryWriter } from './entry-writer.ts';
import { latin1Bytes } from './latin1.ts';
import { RemarkList } from './remark-list.ts';
import { targetError, toMessage } from './target-errors.ts';
import type { Answer } from './worker-thread.ts';
import type { WriterAnswer, WriterRequest, WriterSettings } from './tree-writer.ts';

const { directory, owners, durable } = workerData as WriterSettings;
const path = latin1Bytes(directory);
const posix = await loadPosix();
const remarks = new RemarkList();
const writer = new EntryWriter(
  directory,
  new AttributeWriter({ owners, posix, remarks, inherits: inherits(), flushesFiles: durable && posix === undefined }),
);

/** A set-group-id bit or a default ACL of the target would rub off on all that is made in it. */
function inherits(): boolean {
  return (lstatSync(path).mode & 0o2000) !== 0 || posix?.readXattrs(path).has('system.posix_acl_default') === true;
}

function perform({ operations, data }: Extract<WriterRequest, { kind: 'write' }>): WriterAnswer {
  const bytes = new Uint8Array(data);
  let position = 0;
  for (const operation of operations) {
    writer.perform(operation, bytes.subarray(position, position + operation.dataBytes));
    position += operation.dataBytes;
  }
  return { kind: 'written', data };
}

function finish(): WriterAnswer {
  const entries = writer.finish();
  if (durable && posix !== undefined) flush();
  return { kind: 'finished', entries, remarks: remarks.all() };
}

function flush(): void {
  const fd = openSync(path, 'r');
  try {
    posix?.syncFileSystem(fd);
  } catch (error) {
    throw targetError(error, 'put the restored tree on stable storage');
  } finally {
    closeSync(fd);
  }
}

parentPort?.on('message', (request: WriterRequest) => {
  let answer: Answer<WriterAnswer>;
  try {
    answer = { kind: 'done', value: request.kind === 'write' ? perform(request) : finish() };
  } catch (error) {
    answer = { kind: 'failed', error: toMessage(error) };
  }
  const returned = answer.kind === 'done' && answer.value.kind === 'written' ? [answer.value.data] : [];
  parentPort?.postMessage(answer, returned);
});
parentPort?.postMessage({ kind: 'ready' } satisfies Answer<never>, []);
