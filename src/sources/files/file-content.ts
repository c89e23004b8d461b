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

export interface Pace {
  readonly turns: Turns;
  readonly reader: PacedReader;
}

interface Copying extends Pace {
  readonly entry: TreeEntry;
  readonly sink: TreeSink;
}

/**
 * Hands one file to the sink, from `begin` to `endFile`, and compares its state before with that after. A small file costs
 * no promise when nothing has to wait: most files are small.
 */
export function copyContent(file: OpenFile, copying: Copying): ContentProblem | Promise<ContentProblem> {
  const { entry, sink } = copying;
  const begun = sink.begin(entry);
  if (begun !== undefined || !isReadAtOnce(file, copying)) return copyWaiting(begun, file, copying);
  const filled = sink.filled(entry.sizeBytes);
  return filled === undefined ? ended(file, null, sink) : filled.then(() => ended(file, null, sink));
}

/** Whether the window holds the whole content now. */
function isReadAtOnce({ fd }: OpenFile, { entry, sink, reader }: Copying): boolean {
  const { sizeBytes } = entry;
  if (sizeBytes === 0 || entry.extents !== undefined) return false;
  const window = sink.window();
  return sizeBytes <= window.length && attempt(reader, fd, window, { position: 0, sizeBytes }) === sizeBytes;
}

async function copyWaiting(begun: void | Promise<void>, file: OpenFile, copying: Copying): Promise<ContentProblem> {
  await begun;
  return await ended(file, await copyExtents(file.fd, copying), copying.sink);
}

function ended(file: OpenFile, shortage: ContentProblem, sink: TreeSink): ContentProblem | Promise<ContentProblem> {
  const problem = shortage ?? changeOf(file);
  const wait = sink.endFile(shortage !== null ? 'short' : problem !== null ? 'changed' : 'whole');
  return wait === undefined ? problem : wait.then(() => problem);
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
    const read = attempt(reader, fd, window, at);
    if (typeof read === 'object') return read;
    position += read;
    await sink.filled(read);
    if (position < end) await turns.spend(read);
  }
  return null;
}

interface ReadAt {
  readonly position: number;
  readonly sizeBytes: number;
}

/** Bytes read, or why there are none. */
function attempt(reader: PacedReader, fd: number, window: Uint8Array, at: ReadAt): number | Exclude<ContentProblem, null> {
  try {
    return (
      reader.read(fd, window, at) || {
        problem: 'shrank',
        detail: `it ended at ${at.position} bytes while it was read; zeros stand for the rest`,
      }
    );
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { problem: 'unreadable', detail: `${systemReason(error.code)} at byte ${at.position}; zeros stand for the rest` };
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
