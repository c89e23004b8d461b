import type { Manifest } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from '../operations/context.ts';

interface Archive {
  readonly plan: Plan;
  readonly manifest: Manifest;
  /** Name of the archive. */
  readonly part: string;
}

/**
 * What a restore of this archive alone is told to put back: the databases and folders in it. Empty, for all, when the
 * snapshot has no other archive.
 */
export async function unitOf(context: OperationContext, { plan, manifest, part }: Archive): Promise<readonly string[]> {
  if (manifest.parts.filter(({ role }) => role === 'archive').length === 1) return [];
  const { unsealed } = await import('../operations/seal.ts');
  const { manifest: opened } = await unsealed(manifest, plan, context);
  return opened.units
    .filter((unit) => unit.part === part)
    .flatMap((unit) => (unit.content === 'dump' ? [unit.name] : unit.roots.map(({ archivePath }) => archivePath)));
}
