import { resolve } from 'node:path';
import type { StoreDescriptor } from '../../ports/descriptor.ts';
import { localConfig } from './local-config.ts';
import type { LocalConfig } from './local-config.ts';

/**
 * A directory of this machine: a disk, or whatever is mounted there. Objects are its files, for their owner alone.
 * The directory is made by the first `put`; anything else refuses with `STORE_ABSENT` while it does not exist, so a
 * mistyped path cannot look like an empty store.
 */
export const localStore: StoreDescriptor<LocalConfig> = {
  kind: 'local',
  title: 'Directory on this machine',
  schema: localConfig,
  location: (config) => resolve(config.path),
  directory: (config) => resolve(config.path),
  environment: [{ variable: 'BACKUP_DIR', key: 'path', format: 'text', asks: true }],
  async open(config, context) {
    const { LocalObjects } = await import('./local-objects.ts');
    return new LocalObjects(resolve(config.path), context.log);
  },
};
