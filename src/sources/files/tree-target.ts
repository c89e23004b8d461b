import type { OpenContext } from '../../ports/descriptor.ts';
import type { TreeTarget } from '../../ports/tree-target.ts';
import { freshDirectory } from './fresh-directory.ts';
import { latin1 } from './latin1.ts';
import { promote, stagingDirectory, stagingLeftovers } from './promotion.ts';
import { removeTree } from './remove-tree.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { targetError } from './target-errors.ts';
import { compareTree } from './tree-comparison.ts';
import { ThreadedTreeWriter } from './tree-writer.ts';

/**
 * Directories of this machine to restore into. `HOLDFAST_SCRATCH_DIR`, else `TMPDIR`, says where drills restore.
 */
export function openTreeTarget(context: Pick<OpenContext, 'environment' | 'log'>): TreeTarget {
  return {
    open: async (directory, options) => new ThreadedTreeWriter(freshDirectory(directory), options),
    scratch: () => scratchDirectory(context.environment),
    discard: (directory) => discard(directory),
    stagingDirectory: (place, label) => {
      for (const directory of stagingLeftovers(place))
        context.log.warn('An interrupted restore left a directory; remove it when you need nothing of what is in it', { directory });
      return stagingDirectory(place, label);
    },
    compare: compareTree,
    promote,
  };
}

async function discard(directory: string): Promise<void> {
  try {
    await removeTree(latin1(Buffer.from(directory)));
  } catch (error) {
    throw targetError(error, `remove "${directory}"`);
  }
}
