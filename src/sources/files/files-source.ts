import { basename } from 'node:path';
import type { SourceDescriptor } from '../../ports/descriptor.ts';
import type { Source } from '../../ports/source.ts';
import { type FilesConfig, filesSchema } from './files-config.ts';

/**
 * Directories and files of this machine, as one tree. A single directory becomes the folder `<name>` of the archive;
 * several paths, or a single file, lie in that folder under their own names. Patterns match the path of a file below the
 * configured path:
 *  - without a slash (`*.tmp`) its name, at any depth; with one (`logs/*.log`, `/tmp`) the whole path;
 *  - with a slash at the end, directories only;
 *  - `*` and `?` stay within a name, `**` spans folders, `[a-z]` and `{a,b}` are sets; leading dots are nothing special;
 *  - a directory that is excluded is not read at all; `cache/**` keeps the directory and leaves out what is in it.
 */
export const filesSource: SourceDescriptor<FilesConfig> = {
  kind: 'files',
  title: 'Files and directories',
  schema: filesSchema,
  defaultName: ({ paths }) => (paths.length === 1 ? basename(paths[0] ?? '') || 'root' : 'files'),
  environment: [
    { variable: 'BACKUP_FILES', key: 'paths', format: 'paths', asks: true },
    { variable: 'BACKUP_FILES_EXCLUDE', key: 'exclude', format: 'paths', asks: false },
  ],
  open: (config, context) => lazySource(async () => new (await import('./file-trees.ts')).FileTrees(config, context)),
};

/** What reads is loaded when it is needed: most commands never read a source. */
function lazySource(load: () => Promise<Source>): Source {
  return {
    units: async (signal) => await (await load()).units(signal),
    async [Symbol.asyncDispose]() {
      // Nothing stays open between calls: each read closes what it opened.
    },
  };
}
