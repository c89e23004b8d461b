import type { OpenContext } from '../../ports/descriptor.ts';
import type { TreeTarget } from '../../ports/tree-target.ts';
import { freshDirectory } from './fresh-directory.ts';
import { leftBehind } from './left-behind.ts';
import { promote } from './promotion.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { removeStagingLeftovers, stagingDirectory } from './staging.ts';
import { compareTree } from './tree-comparison.ts';
import { ThreadedTreeWriter } from './tree-writer.ts';

/**
 * Directories of this machine to restore into. `HOLDFAST_SCRATCH_DIR`, else `TMPDIR`, says where drills restore.
 */
export function openTreeTarget(context: Pick<OpenContext, 'environment' | 'log'>): TreeTarget {
  return {
    open: async (directory, options) => new ThreadedTreeWriter(freshDirectory(directory), options),
    scratch: () => scratchDirectory(context.environment),
    stage: async (place, label) => {
      await removeStagingLeftovers(place, context.log);
      return await stagingDirectory(place, label);
    },
    compare: compareTree,
    promote,
    leftBehind,
  };
}
