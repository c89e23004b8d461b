import { z } from 'zod';
import { pathText } from '../../ports/config-fields.ts';

export const localConfig = z.strictObject({
  path: pathText().describe('Directory that holds the snapshots; made, readable by its owner alone, when it does not exist'),
});

export type LocalConfig = z.infer<typeof localConfig>;
