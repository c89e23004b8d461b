import { HoldfastError } from '../domain/errors.ts';
import { checkObjectName } from '../ports/object-store.ts';

const manifestSuffix = '.manifest.json';
const backupSuffix = '.intent.json';
const removalSuffix = '.removal.json';

/** The object whose presence makes a snapshot exist. */
export function manifestNameOf(id: string): string {
  return `${id}${manifestSuffix}`;
}

/** Announces a snapshot that is being written. */
export function backupIntentNameOf(id: string): string {
  return `${id}${backupSuffix}`;
}

/** Announces that a snapshot is being removed. */
export function removalIntentNameOf(id: string): string {
  return `${id}${removalSuffix}`;
}

/** Id of the snapshot whose manifest has this name; undefined for other objects. */
export function idOfManifest(objectName: string): string | undefined {
  return withoutSuffix(objectName, manifestSuffix);
}

export function idOfBackupIntent(objectName: string): string | undefined {
  return withoutSuffix(objectName, backupSuffix);
}

export function idOfRemovalIntent(objectName: string): string | undefined {
  return withoutSuffix(objectName, removalSuffix);
}

/** True when the name is that of a manifest or an announcement of this plan's: `<plan>-YYYYMMDD-HHMMSS.…json`. */
export function belongsToPlan(objectName: string, plan: string): boolean {
  const id = idOfManifest(objectName) ?? idOfBackupIntent(objectName) ?? idOfRemovalIntent(objectName);
  return id !== undefined && id.startsWith(`${plan}-`) && /^\d{8}-\d{6}$/.test(id.slice(plan.length + 1));
}

function withoutSuffix(name: string, suffix: string): string | undefined {
  return name.length > suffix.length && name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
}

/** Refuses (`NAME_INVALID`) a part that would pass for a manifest or an announcement, or that no store can carry. */
export function checkPartName(name: string): void {
  checkObjectName(name);
  if (idOfManifest(name) === undefined && idOfBackupIntent(name) === undefined && idOfRemovalIntent(name) === undefined) return;
  throw new HoldfastError('NAME_INVALID', `Cannot use "${name}" as the name of a part: it would pass for a record of Holdfast's own`, {
    hint: 'Set fileName of the plan so that no file name ends in .manifest.json, .intent.json or .removal.json',
  });
}
