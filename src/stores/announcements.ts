import { isHoldfastError } from '../domain/errors.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { backupIntentNameOf, idOfBackupIntent, idOfRemovalIntent, removalIntentNameOf } from './archive-names.ts';
import { decodeIntent } from './intent.ts';
import type { Intent } from './intent.ts';
import { readRecord } from './manifest-object.ts';

interface IntentWorld {
  readonly objects: ObjectStore;
  readonly log: Log;
}

/** What runs have announced, among these objects; what cannot be read is told to the log. */
export async function readIntents(names: Iterable<string>, world: IntentWorld, signal: AbortSignal): Promise<Intent[]> {
  const intents: Intent[] = [];
  for (const name of names) {
    const intent = await readIntent(name, world, signal);
    if (intent !== undefined) intents.push(intent);
  }
  return intents;
}

async function readIntent(name: string, world: IntentWorld, signal: AbortSignal): Promise<Intent | undefined> {
  if (idOfBackupIntent(name) === undefined && idOfRemovalIntent(name) === undefined) return undefined;
  try {
    const intent = decodeIntent(await readRecord(world.objects, name, signal), name);
    if (intentNameOf(intent) === name) return intent;
    world.log.warn(`Left "${name}" alone: it announces another snapshot than its name says`, { announces: intent.id });
  } catch (error) {
    // Another plan's run may have ended, and taken its announcement with it.
    if (isHoldfastError(error, 'OBJECT_MISSING')) return undefined;
    if (!isHoldfastError(error, 'MANIFEST_INVALID')) throw error;
    world.log.warn(`Left "${name}" alone: it cannot be read`, { error: error.message });
  }
  return undefined;
}

export function intentNameOf(intent: Intent): string {
  return intent.verb === 'backup' ? backupIntentNameOf(intent.id) : removalIntentNameOf(intent.id);
}
