import type { Command } from 'commander';
import { formatDuration } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { VerifyDepth } from '../../domain/snapshot.ts';
import { recordRun, type ToldError } from '../../operations/record-run.ts';
import { verifySnapshot, type VerifyReport } from '../../operations/verify.ts';
import { exitCodeOfRun, exitCodes, type ExitCode } from '../exit-codes.ts';
import { findSnapshot, refresh, snapshotsOf, storesOf, warnOfTrouble, withStore, type Found } from '../plans.ts';
import type { CommandContext, CommandSetup } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface VerifyFlags {
  readonly latest?: boolean;
  readonly all?: boolean;
  readonly plan?: string;
  readonly depth: string;
}

export function verifyCommand(program: Command, setup: CommandSetup): void {
  program
    .command('verify')
    .summary('compare stored bytes with the manifest')
    .argument('[id]', 'snapshot; without it the newest')
    .option('--latest', 'the newest snapshot (of each plan, unless --plan says which)')
    .option('--all', 'every snapshot')
    .option('--plan <plan>', 'only of this plan')
    .option('--depth <depth>', 'present (size and digest) or readable (to the end, every file and table)', 'readable')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [id], flags: VerifyFlags) => {
        const { world, configuration, terminal, signal } = context;
        const depth = parseDepth(flags.depth);
        const trouble = await refresh(storesOf(configuration), world, signal);
        const chosen = await choose(context, { ...flags, id });
        const results: (VerifyReport | NotVerified)[] = [];
        let exit: ExitCode = trouble.length > 0 && id === undefined ? exitCodes.unproven : exitCodes.done;
        for (const found of chosen) {
          if (results.length > 0 && signal.aborted) break;
          const run = await verifyOne(context, found, depth);
          results.push(
            run.details ?? { snapshotId: found.snapshot.manifest.id, store: found.planStore.name, outcome: run.outcome, error: run.error },
          );
          if (run.error !== null && run.details === null && !terminal.isJson) terminal.failure(run.error);
          exit = Math.max(exit, exitCodeOfRun(run)) as ExitCode;
        }
        const reports = results.filter((result): result is VerifyReport => 'findings' in result);
        terminal.result(
          reports.map((report) => describe(report, terminal)).join('\n'),
          results.length === 1 && flags.all !== true ? results[0] : results,
        );
        warnOfTrouble(trouble, terminal);
        return exit;
      }),
    );
}

/** What could not be looked at, and why. */
interface NotVerified {
  readonly snapshotId: string;
  readonly store: string;
  readonly outcome: Outcome;
  readonly error: ToldError | null;
}

function parseDepth(text: string): Exclude<VerifyDepth, 'drilled'> {
  if (text === 'present' || text === 'readable') return text;
  throw new HoldfastError('USAGE', `"${text}" is not a depth that verify knows`, {
    hint: 'Use --depth present or --depth readable; the third depth is holdfast drill',
  });
}

async function choose(context: CommandContext, flags: VerifyFlags & { readonly id: string | undefined }): Promise<Found[]> {
  const { configuration, world } = context;
  if (flags.id !== undefined) return [await findSnapshot(configuration, world, { id: flags.id, plan: flags.plan })];
  if (flags.all === true) return await allOf(context, flags.plan);
  const plans = flags.plan === undefined ? [...configuration.plans.keys()] : [flags.plan];
  // Without any plan, the newest of the store that was named.
  const choices = plans.length === 0 ? [undefined] : plans;
  return await Promise.all(choices.map((plan) => findSnapshot(configuration, world, { id: undefined, plan })));
}

/** Every snapshot in every store that was looked into, also of plans that are not configured any more. */
async function allOf({ configuration, world }: CommandContext, plan: string | undefined): Promise<Found[]> {
  const found: Found[] = [];
  for (const planStore of storesOf(configuration))
    for (const { manifest } of await snapshotsOf(world, { plan, stores: [planStore] })) {
      const [snapshot] = await world.history.snapshots({ id: manifest.id, store: planStore.name });
      if (snapshot !== undefined) found.push({ plan: configuration.plans.get(manifest.plan) ?? null, planStore, snapshot });
    }
  return found;
}

async function verifyOne({ world, signal }: CommandContext, { plan, planStore, snapshot }: Found, depth: Exclude<VerifyDepth, 'drilled'>) {
  return await recordRun<VerifyReport>(world, {
    verb: 'verify',
    plan: snapshot.manifest.plan,
    body: async () => {
      const details = await withStore(world, planStore, (store) => verifySnapshot(world, { store, snapshot, depth, plan, signal }));
      const snapshotId = snapshot.manifest.id;
      if (details.outcome === 'passed') return { outcome: 'succeeded' as const, snapshotId, details };
      const error = {
        code: 'NOT_VERIFIED',
        message: `Snapshot "${snapshotId}" is damaged: ${details.findings.join('; ')}`,
        hint: 'Back up again now, and check the disk that holds this store',
      };
      return { outcome: 'failed' as const, snapshotId, details, error };
    },
  });
}

function describe(report: VerifyReport, terminal: Terminal): string {
  const verdict = report.outcome === 'passed' ? terminal.mark('verified', 'good') : terminal.mark('DAMAGED', 'bad');
  const lines = [`${verdict}: ${report.snapshotId} in ${report.store}, depth ${report.depth}, in ${formatDuration(report.durationMs)}`];
  for (const finding of report.findings) lines.push(`  ${finding}`);
  for (const remark of report.remarks) lines.push(`  note: ${remark}`);
  return lines.join('\n');
}
