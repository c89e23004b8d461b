import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { indexContents, noFolderAt, pathBelow } from '../../operations/browse.ts';
import { findSnapshot, refresh, storesOf, unusable, withStore } from '../../operations/choose.ts';
import { printablePath } from '../../operations/read-archive.ts';
import { unsealed } from '../../operations/seal.ts';
import type { FolderEntry } from '../../ports/folder-index.ts';
import type { CommandSetup } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';

export function browseCommand(program: Command, setup: CommandSetup): void {
  program
    .command('browse')
    .summary('look into a snapshot, folder by folder and table by table')
    .argument('<id>', 'snapshot')
    .argument('[path]', 'a database or folder in it; absent: the top')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async ({ world, configuration, terminal, signal, doors }, [id, path = '']) => {
        const trouble = await refresh(storesOf(configuration), world, signal);
        warnOfTrouble(trouble, terminal);
        const { snapshot, plan, planStore } = await findSnapshot(configuration, world, {
          id,
          plan: undefined,
          passOver: unusable(trouble),
        });
        const { manifest, cipher } = await unsealed(snapshot.manifest, plan, world);
        using index = await doors.openFolderIndex();
        await withStore(world, planStore, (store) => indexContents({ store, manifest, cipher, tools: world, signal }, index));
        const folder = Buffer.from(path.replace(/\/+$/u, ''));
        const entries = index.page(folder, { after: undefined, limit: Number.MAX_SAFE_INTEGER });
        if (entries === undefined) throw noFolderAt(manifest.id, folder);
        const placed = entries.map((entry) => ({ ...entry, path: pathBelow(folder, entry) }));
        terminal.result(entryTable(placed, terminal), placed.map(toJson));
        return exitCodes.done;
      }),
    );
}

type Placed = FolderEntry & { readonly path: Buffer };

function toJson({ name, path, modifiedAt, linkTarget, ...entry }: Placed) {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return {
    name: text(name),
    path: text(path),
    ...entry,
    modifiedAt: modifiedAt?.toISOString() ?? null,
    linkTarget: linkTarget === null ? null : text(linkTarget),
  };
}

function entryTable(entries: readonly Placed[], terminal: Terminal): string {
  if (entries.length === 0) return 'There is nothing in it';
  const rows = entries.map(({ path, type, sizeBytes, rows: count, modifiedAt }) => [
    printablePath(path),
    type,
    sizeBytes === null ? '' : formatBytes(sizeBytes),
    count === null ? '' : String(count),
    modifiedAt?.toISOString().slice(0, 19).replace('T', ' ') ?? '',
  ]);
  return table(['PATH', 'TYPE', 'SIZE', 'ROWS', 'CHANGED (UTC)'], rows, { right: [2, 3], columns: terminal.columns });
}
