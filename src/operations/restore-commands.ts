import type { DumpRecord, Manifest, UnitRecord } from '../domain/manifest.ts';
import type { DumpEngine } from '../ports/dump-engine.ts';
import { segmentBytes } from '../pipeline/dump-segments.ts';
import { plainBytesCommand } from './names.ts';

type Stored = Pick<Manifest, 'compression' | 'encryption' | 'layout'>;

/**
 * The shell commands that restore every unit with standard tools: what a manifest carries for the day when Holdfast is
 * not at hand. Run them in the directory that holds the parts.
 */
export function restoreCommands(stored: Stored, units: readonly UnitRecord[], engines: ReadonlyMap<string, DumpEngine>): string[] {
  const trees = new Set<string>();
  const commands: string[] = [];
  // Roles come before the databases whose objects they own.
  const ordered = units.toSorted((a, b) => rank(a) - rank(b));
  for (const unit of ordered) {
    if (unit.content === 'dump') commands.push(dumpCommand(stored, unit, engines));
    else if (!trees.has(unit.part)) {
      trees.add(unit.part);
      commands.push(
        `${plainBytesCommand(unit.part, stored.compression.kind, stored.encryption)} | tar -xpf - --xattrs --xattrs-include='*' --acls -C TARGET_DIRECTORY`,
      );
    }
  }
  return commands;
}

function rank(unit: UnitRecord): number {
  if (unit.content === 'tree') return 2;
  return unit.dump.scope === 'globals' ? 0 : 1;
}

/** tar fails for a pattern that nothing matches, so a dump in one member is named as it is. */
function members(path: string, sizeBytes: number): string {
  return sizeBytes <= segmentBytes ? `'${path}'` : `--wildcards '${path}' '${path}.[0-9]*'`;
}

function dumpCommand(stored: Stored, unit: DumpRecord, engines: ReadonlyMap<string, DumpEngine>): string {
  const plain = plainBytesCommand(unit.part, stored.compression.kind, stored.encryption);
  const stream = unit.path === null ? plain : `${plain} | tar -xOf - ${members(unit.path, unit.sizeBytes)}`;
  return engines.get(unit.dump.engine)?.restoreCommand(unit.dump, stream) ?? stream;
}
