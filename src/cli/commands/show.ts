import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { isHoldfastError } from '../../domain/errors.ts';
import type { DumpRecord, Manifest, TreeRecord } from '../../domain/manifest.ts';
import { snapshotSizeBytes } from '../../domain/snapshot.ts';
import type { ListedEntry } from '../../domain/tree-entry.ts';
import { findSnapshot, refresh, storesOf, unusable, withStore, type Found } from '../../operations/choose.ts';
import { listedEntries } from '../../operations/extract-trees.ts';
import { printablePath } from '../../operations/read-archive.ts';
import { unsealed } from '../../operations/seal.ts';
import { exitCodes } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandContext, CommandSetup } from '../command.ts';
import { jsonWithList } from '../json-list.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { describeVerification, verificationJson } from './list.ts';

export function showCommand(program: Command, setup: CommandSetup): void {
  program
    .command('show')
    .summary('show what a snapshot holds and how to restore it')
    .argument('<id>', 'snapshot')
    .option('--contents', 'list every file, with its digest')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [id], flags: { readonly contents?: boolean }) => {
        const { world, configuration, terminal, signal } = context;
        const trouble = await refresh(storesOf(configuration), world, signal);
        warnOfTrouble(trouble, terminal);
        const found = await findSnapshot(configuration, world, { id, plan: undefined, passOver: unusable(trouble) });
        const { verification, store } = found.snapshot;
        const { manifest } = await opened(found, context);
        const json = { ...manifest, sizeBytes: snapshotSizeBytes(manifest), store, verification: verificationJson(verification) };
        if (flags.contents === true) await showContents(found, json, context);
        else terminal.result(describe({ ...found, snapshot: { ...found.snapshot, manifest } }, terminal), json);
        return exitCodes.done;
      }),
    );
}

/** Without the key, an encrypted snapshot shows what is not encrypted. */
async function opened({ snapshot, plan }: Found, { world, terminal }: CommandContext): Promise<Pick<Found['snapshot'], 'manifest'>> {
  try {
    return await unsealed(snapshot.manifest, plan, world);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    terminal.warn(error.message, { next: error.hint });
    return snapshot;
  }
}

/** There may be millions of files: each is shown as it is read. */
async function showContents(
  { snapshot, plan, planStore }: Found,
  json: object,
  { world, terminal, signal }: CommandContext,
): Promise<void> {
  await withStore(world, planStore, async (store) => {
    const { manifest, cipher } = await unsealed(snapshot.manifest, plan, world);
    const entries = listedEntries({ store, manifest, cipher, tools: world, signal });
    await terminal.stream(terminal.isJson ? jsonWithList(json, 'contents', each(entries, contentJson)) : each(entries, contentLine));
  });
}

async function* each<T>(entries: AsyncIterable<ListedEntry>, shown: (entry: ListedEntry) => T): AsyncGenerator<T, void, undefined> {
  for await (const entry of entries) yield shown(entry);
}

function contentLine(entry: ListedEntry): string {
  return `${entry.sha256 === '' ? entry.type.padEnd(64) : entry.sha256}  ${printablePath(entry.path)}\n`;
}

function contentJson({ path, mtimeNs, linkTarget, ...entry }: ListedEntry) {
  return { path: Buffer.from(path).toString(), ...entry, mtimeNs: String(mtimeNs), linkTarget: Buffer.from(linkTarget).toString() };
}

function describe({ snapshot, planStore }: Found, terminal: Terminal): string {
  const { manifest, verification } = snapshot;
  const facts = [
    ['Snapshot', terminal.mark(manifest.id, 'strong')],
    ['Plan', manifest.plan],
    ['Taken', `${manifest.createdAt} on ${manifest.host}, by Holdfast ${manifest.holdfast}`],
    ['Outcome', manifest.outcome],
    ['Proven', describeVerification(verification, terminal)],
    ['Store', planStore.name],
    ['Size', formatBytes(snapshotSizeBytes(manifest))],
    [
      'Packed',
      `${manifest.layout}, ${manifest.compression.kind}${manifest.encryption === null ? '' : `, encrypted (${manifest.encryption.passphrase ? 'passphrase' : manifest.encryption.recipients.join(', ')})`}`,
    ],
    ...(manifest.description === null ? [] : [['Note', manifest.description]]),
  ];
  const sections = [
    facts.map(([label, value]) => `${label!.padEnd(9)} ${value}`).join('\n'),
    table(
      ['PART', 'SIZE', 'SHA-256'],
      manifest.parts.map((part) => [part.name, formatBytes(part.sizeBytes), part.sha256]),
      { right: [1], columns: terminal.columns },
    ),
    ...manifest.units.map((unit) => (unit.content === 'dump' ? describeDump(unit, terminal) : describeTree(unit))),
    ...issues(manifest),
    `To restore without Holdfast, in the store's directory:\n${manifest.restore.map((command) => `  ${command}`).join('\n')}`,
  ];
  return sections.join('\n\n');
}

function describeDump({ name, dump }: DumpRecord, terminal: Terminal): string {
  const head = `Database ${name} (${dump.engine} ${dump.serverVersion}, ${dump.scope}, by ${dump.tool})`;
  if (dump.tables.length === 0) return head;
  const rows = dump.tables.map((row) => [`${row.schema}.${row.name}`, String(row.rows), formatBytes(row.sizeBytes), row.sha256]);
  return `${head}\n${table(['TABLE', 'ROWS', 'BYTES', 'SHA-256 OF ITS ROWS'], rows, { right: [1, 2], columns: terminal.columns })}`;
}

function describeTree({ name, roots, counts, sizeBytes }: TreeRecord): string {
  const places = roots.map((root) => `  ${root.archivePath}  from ${root.originalPath}`).join('\n');
  return `Files ${name}: ${counts.files} files, ${counts.directories} directories, ${counts.symlinks} symlinks, ${counts.hardlinks} hard links, ${formatBytes(sizeBytes)}\n${places}`;
}

function issues(manifest: Manifest): string[] {
  if (manifest.issues.length === 0) return [];
  return [
    `Not as it stood:\n${manifest.issues.map((issue) => `  ${issue.severity}: ${issue.unit}: ${issue.subject}: ${issue.problem}, ${issue.detail}`).join('\n')}`,
  ];
}
