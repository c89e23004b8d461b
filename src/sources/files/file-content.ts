import { fstatSync } from 'node:fs';
import type { Issue } from '../../domain/manifest.ts';
import type { Extent, TreeEntry } from '../../domain/tree-entry.ts';
import type { PacedReader } from '../../platform/paced-reader.ts';
import { isSystemError, systemReason } from '../../platform/system-error.ts';
import type { TreeSink } from '../../ports/source.ts';
import type { OpenFile } from './open-file.ts';
import type { Turns } from './turns.ts';

/** What went wrong with a file's content; null when the archive holds what the file held all the while. */
export type ContentProblem = Pick<Issue, 'problem' | 'detail'> | null;

interface Copying {
  readonly entry: TreeEntry;
  readonly sink: TreeSink;
  readonly turns: Turns;
  readonly reader: PacedReader;
}

/** Hands one file to the sink, from `begin` to `endFile`, and compares its state before with that after. */
export async function copyContent(file: OpenFile, copying: Copying): Promise<ContentProblem> {
  const { entry, sink } = copying;
  await sink.begin(entry);
  const shortage = await copyExtents(file.fd, copying);
  const problem = shortage ?? changeOf(file);
  await sink.endFile(shortage !== null ? 'short' : problem !== null ? 'changed' : 'whole');
  return problem;
}

async function copyExtents(fd: number, copying: Copying): Promise<ContentProblem> {
  const { extents = [{ offset: 0, sizeBytes: copying.entry.sizeBytes }] } = copying.entry;
  for (const extent of extents) {
    const problem = await copyExtent(fd, extent, copying);
    if (problem !== null) return problem;
  }
  return null;
}

async function copyExtent(fd: number, { offset, sizeBytes }: Extent, { sink, turns, reader }: Copying): Promise<ContentProblem> {
  const end = offset + sizeBytes;
  for (let position = offset; position < end;) {
    const window = sink.window();
    const at = { position, sizeBytes: Math.min(window.length, end - position) };
    const read = attempt(() => reader.read(fd, window, at), position);
    if (typeof read === 'object') return read;
    position += read;
    await sink.filled(read);
    if (position < end) await turns.spend(read);
  }
  return null;
}

/** Bytes read, or why there are none. */
function attempt(read: () => number, position: number): number | Exclude<ContentProblem, null> {
  try {
    return read() || { problem: 'shrank', detail: `it ended at ${position} bytes while it was read; zeros stand for the rest` };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { problem: 'unreadable', detail: `${systemReason(error.code)} at byte ${position}; zeros stand for the rest` };
  }
}

function changeOf({ fd, stats: before }: OpenFile): ContentProblem {
  const after = fstatSync(fd, { bigint: true });
  if (after.size > before.size)
    return { problem: 'grew', detail: `from ${before.size} to ${after.size} bytes while it was read; the first ${before.size} are kept` };
  if (after.size < before.size) return { problem: 'shrank', detail: `from ${before.size} to ${after.size} bytes while it was read` };
  // The time of change alone may mean that content was written and the time of modification set back; or that a name was
  // added or removed, as when a new version was renamed over this one, which then was read whole.
  const isRenamed = after.nlink !== before.nlink;
  const isWritten = after.mtimeNs !== before.mtimeNs || (after.ctimeNs !== before.ctimeNs && !isRenamed);
  return isWritten ? { problem: 'changed', detail: 'it was changed while it was read' } : null;
}
