import { type Command, Option } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { formatDuration } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { snapshotSizeBytes } from '../../domain/snapshot.ts';
import { findSnapshot, refresh, snapshotsOf, storesOf, unusable, withStore, type Found } from '../../operations/choose.ts';
import type { CompareDepth } from '../../ports/dump-engine.ts';
import type { Destination } from '../../operations/restore-moves.ts';
import { intendedChanges, restore, type IntendedChange, type RestoreReport } from '../../operations/restore.ts';
import { unsealed } from '../../operations/seal.ts';
import { exitCodeOfRun } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandContext, CommandSetup } from '../command.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { describeVerification } from './list.ts';

interface RestoreFlags {
  readonly toDatabase?: string;
  readonly toDirectory?: string;
  readonly inPlace?: boolean;
  readonly only?: readonly string[];
  readonly compare?: CompareDepth;
  readonly yes?: boolean;
}

export function restoreCommand(program: Command, setup: CommandSetup): void {
  program
    .command('restore')
    .summary('restore a snapshot, or one database, table or path of it')
    .argument('[id]', 'snapshot; without it you are asked')
    .option(
      '--to-database <url>',
      'into this database: loaded beside it, compared, swapped in, the old one kept (or $HOLDFAST_TARGET_URL, which no process list shows)',
    )
    .option('--to-directory <dir>', 'files, and dumps as scripts, into a directory that is absent or empty')
    .option('--in-place', 'everything to where it came from; what stands there is kept under a dated name')
    .option('--only <what...>', 'a database, a table (public.users or app:public.users), a path')
    .addOption(
      new Option('--compare <depth>', 'before databases are put into place, count the rows of every table, or read each back as well')
        .choices(['counts', 'full'])
        .default('counts'),
    )
    .option('--yes', 'do not ask')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [id], flags: RestoreFlags) => {
        const { world, configuration, terminal, signal } = context;
        const trouble = await refresh(storesOf(configuration), world, signal);
        warnOfTrouble(trouble, terminal);
        const found = await findSnapshot(configuration, world, {
          id: id ?? (await askSnapshot(context)),
          plan: undefined,
          passOver: unusable(trouble),
        });
        const destination = destinationOf(flags, context) ?? (await askDestination(context));
        const request = {
          snapshot: found.snapshot,
          plan: found.plan,
          destination,
          only: flags.only ?? [],
          compare: flags.compare ?? 'counts',
        };
        const { manifest } = await unsealed(found.snapshot.manifest, found.plan, world);
        const changes = intendedChanges({ ...request, snapshot: { ...found.snapshot, manifest } }, world);
        if (flags.yes !== true) await confirm(context, found, changes);
        const report = await withStore(world, found.planStore, (store) => restore({ ...request, store, signal }, world));
        terminal.result(describe(report, terminal), report);
        if (report.error !== null && !terminal.isJson) terminal.failure(report.error);
        return exitCodeOfRun(report);
      }),
    );
}

function destinationOf(flags: RestoreFlags, { doors }: CommandContext): Destination | undefined {
  const named = flags.toDatabase !== undefined || flags.toDirectory !== undefined || flags.inPlace === true;
  const url = flags.toDatabase === undefined ? null : new Secret(flags.toDatabase, 'command line');
  const database = named ? url : doors.secretVariable('HOLDFAST_TARGET_URL');
  const chosen: Destination[] = [
    ...(database === null ? [] : [{ kind: 'database', url: database } as const]),
    ...(flags.toDirectory === undefined ? [] : [{ kind: 'directory', directory: doors.absolutePath(flags.toDirectory) } as const]),
    ...(flags.inPlace === true ? [{ kind: 'in-place' } as const] : []),
  ];
  if (chosen.length > 1)
    throw new HoldfastError('USAGE', 'A restore goes to one place', { hint: 'Use one of --to-database, --to-directory and --in-place' });
  return chosen[0];
}

/** On a terminal people choose; a script must say. */
function requireTerminal(terminal: Terminal, missing: string, hint: string): void {
  if (!terminal.isInteractive) throw new HoldfastError('USAGE', missing, { hint });
}

async function askSnapshot({ world, terminal, configuration }: CommandContext): Promise<string> {
  requireTerminal(terminal, 'Which snapshot?', 'Name one: holdfast restore ID …, with an id of holdfast list');
  const prompts = await import('@clack/prompts');
  const plans = [...configuration.plans.keys()];
  const plan =
    plans.length < 2
      ? plans[0]
      : await answer(prompts.select({ message: 'Which plan?', options: plans.map((value) => ({ value, label: value })) }));
  const snapshots = await snapshotsOf(world, { plan, stores: storesOf(configuration) });
  if (snapshots.length === 0)
    throw new HoldfastError('SNAPSHOT_UNKNOWN', 'There is no snapshot yet', { hint: 'Look into another store: holdfast rescue STORE' });
  const options = snapshots.slice(0, 50).map(({ manifest, verification }) => ({
    value: manifest.id,
    label: `${manifest.createdAt.slice(0, 16).replace('T', ' ')}  ${formatBytes(snapshotSizeBytes(manifest))}  proven: ${describeVerification(verification, terminal)}${manifest.outcome === 'degraded' ? '  degraded' : ''}`,
    hint: manifest.description ?? manifest.id,
  }));
  return await answer(prompts.select({ message: 'Which snapshot?', options }));
}

async function askDestination({ terminal, doors }: CommandContext): Promise<Destination> {
  requireTerminal(terminal, 'Where to?', 'Use --to-database URL, --to-directory DIR or --in-place');
  const prompts = await import('@clack/prompts');
  const kind = await answer(
    prompts.select<Destination['kind']>({
      message: 'Where to?',
      options: [
        { value: 'in-place', label: 'Where it came from', hint: 'what stands there is kept under a dated name' },
        { value: 'directory', label: 'Into a new directory', hint: 'nothing live is touched' },
        { value: 'database', label: 'Into a database of your choice', hint: 'loaded beside, compared, then swapped in' },
      ],
    }),
  );
  if (kind === 'in-place') return { kind };
  if (kind === 'directory')
    return { kind, directory: doors.absolutePath(await answer(prompts.text({ message: 'Which directory? It must be absent or empty' }))) };
  return { kind, url: new Secret(await answer(prompts.password({ message: 'URL of the database (postgres://…)' })), 'prompt') };
}

async function answer<T>(asked: Promise<T | symbol>): Promise<Exclude<T, symbol>> {
  const value = await asked;
  if (typeof value === 'symbol')
    throw new HoldfastError('CANCELLED', 'Not restored: nobody answered', { hint: 'Run the command again when you are ready' });
  return value as Exclude<T, symbol>;
}

async function confirm({ terminal }: CommandContext, { snapshot }: Found, changes: readonly IntendedChange[]): Promise<void> {
  const rows = changes.map(({ what, where, effect }) => [what, where, effect]);
  if (!terminal.isInteractive)
    throw new HoldfastError(
      'CONFIRMATION_NEEDED',
      `Restoring "${snapshot.manifest.id}" would change: ${changes.map(({ what, where }) => `${what} to ${where}`).join('; ')}`,
      {
        hint: 'Add --yes when that is what you want',
        details: { changes },
      },
    );
  terminal.info(
    `Snapshot ${snapshot.manifest.id} of ${snapshot.manifest.createdAt}\n${table(['WHAT', 'WHERE', 'HOW'], rows, { columns: terminal.columns })}`,
  );
  const prompts = await import('@clack/prompts');
  if (!(await answer(prompts.confirm({ message: 'Restore?', initialValue: false }))))
    throw new HoldfastError('CANCELLED', 'Not restored: you said no', { hint: 'Nothing was changed' });
}

function describe(report: RestoreReport, terminal: Terminal): string {
  if (report.details === null) return '';
  const { databases, files, remarks } = report.details;
  return [
    `${terminal.mark('restored', 'good')}: snapshot ${report.snapshotId} in ${formatDuration(report.durationMs)}`,
    ...databases.map((restored) =>
      restored.schema === null
        ? `  database ${restored.database} on ${restored.location}: ${restored.tables} tables, ${restored.rows} rows, ${restored.compared === 'full' ? 'all equal to the manifest' : 'as many as in the manifest'}${restored.oldName === null ? '' : `; the old one is now "${restored.oldName}"`}`
        : `  tables are in schema "${restored.schema}" of database ${restored.database} on ${restored.location}`,
    ),
    ...databases
      .filter(({ withoutRows }) => withoutRows.length > 0)
      .map(
        ({ database, withoutRows }) => `  empty in ${database}, since their rows were left out of the backup: ${withoutRows.join(', ')}`,
      ),
    ...(files?.places ?? []).map(({ path, kept }) => `  files in ${path}${kept === null ? '' : `; what stood there is now ${kept}`}`),
    ...(files === null
      ? []
      : [
          `  ${files.entries} entries, from an archive whose digest was compared${files.places.some(({ kept }) => kept !== null) ? ', and compared themselves before the swap' : ''}`,
        ]),
    ...remarks.map((remark) => `  note: ${remark}`),
  ].join('\n');
}
