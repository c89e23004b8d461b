import type { Command } from 'commander';
import { formatDuration } from '../../domain/duration.ts';
import { HoldfastError, type ToldError } from '../../domain/errors.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Plan, PlanStore } from '../../domain/plan.ts';
import type { VerifyDepth } from '../../domain/snapshot.ts';
import { findSnapshot, refresh, snapshotsOf, storesOf, type Found } from '../../operations/choose.ts';
import { verifyOne } from '../../operations/verify-run.ts';
import type { VerifyReport } from '../../operations/verify.ts';
import { exitCodeOfRun, exitCodes, type ExitCode } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
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
    .option('--latest', 'the newest snapshot in every store (of each plan, unless --plan says which)')
    .option('--all', 'every snapshot')
    .option('--plan <plan>', 'only of this plan')
    .option('--depth <depth>', 'present (size and digest) or readable (to the end, every file and table)', 'readable')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [id], flags: VerifyFlags) => {
        const { world, configuration, terminal, signal } = context;
        const depth = parseDepth(flags.depth);
        const trouble = await refresh(storesOf(configuration), world, signal);
        const { chosen, missing } = await choose(context, { ...flags, id });
        const results: (VerifyReport | NotVerified)[] = [...missing];
        let exit: ExitCode = (trouble.length > 0 && id === undefined) || missing.length > 0 ? exitCodes.unproven : exitCodes.done;
        if (!terminal.isJson) for (const { error } of missing) if (error !== null) terminal.failure(error);
        for (const found of chosen) {
          if (results.length > missing.length && signal.aborted) break;
          const run = await verifyOne(world, found, { depth, signal });
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
  /** Null when a store has none of the plan. */
  readonly snapshotId: string | null;
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

interface Choice {
  readonly chosen: readonly Found[];
  readonly missing: readonly NotVerified[];
}

async function choose(context: CommandContext, flags: VerifyFlags & { readonly id: string | undefined }): Promise<Choice> {
  const { configuration, world } = context;
  if (flags.id !== undefined) return only(await findSnapshot(configuration, world, { id: flags.id, plan: flags.plan }));
  if (flags.all === true) return { chosen: await allOf(context, flags.plan), missing: [] };
  const names = flags.plan === undefined ? [...configuration.plans.keys()] : [flags.plan];
  const plans = names.flatMap((name) => configuration.plans.get(name) ?? []);
  // Without a plan that is configured, the newest of the store that was named.
  if (plans.length === 0) return only(await findSnapshot(configuration, world, { id: undefined, plan: flags.plan }));
  const choices = await Promise.all(plans.map((plan) => newestInEach(plan, context)));
  return { chosen: choices.flatMap(({ chosen }) => chosen), missing: choices.flatMap(({ missing }) => missing) };
}

function only(found: Found): Choice {
  return { chosen: [found], missing: [] };
}

/** The newest snapshot that each store of the plan has: a copy is as good as its own bytes. */
async function newestInEach(plan: Plan, { configuration, world }: CommandContext): Promise<Choice> {
  // Throws when there is none at all.
  await findSnapshot(configuration, world, { id: undefined, plan: plan.name });
  const chosen: Found[] = [];
  const missing: NotVerified[] = [];
  const planned = new Set(plan.stores.map(({ name }) => name));
  for (const planStore of storesOf(configuration, [plan])) {
    const [newest] = await snapshotsOf(world, { plan: plan.name, stores: [planStore] });
    const id = newest?.manifest.id;
    const [snapshot] = id === undefined ? [] : await world.history.snapshots({ id, store: planStore.name });
    if (snapshot !== undefined) chosen.push({ plan, planStore, snapshot });
    else if (planned.has(planStore.name)) missing.push(noneIn(planStore, plan));
  }
  return { chosen, missing };
}

function noneIn({ name: store }: PlanStore, plan: Plan): NotVerified {
  const error = {
    code: 'SNAPSHOT_UNKNOWN',
    message: `Store "${store}" has no snapshot of plan "${plan.name}"`,
    hint: `Copy what it lacks with the next run: holdfast backup ${plan.name}`,
  } as const;
  return { snapshotId: null, store, outcome: 'failed', error };
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

function describe(report: VerifyReport, terminal: Terminal): string {
  const verdict = report.outcome === 'passed' ? terminal.mark('verified', 'good') : terminal.mark('DAMAGED', 'bad');
  const lines = [`${verdict}: ${report.snapshotId} in ${report.store}, depth ${report.depth}, in ${formatDuration(report.durationMs)}`];
  for (const finding of report.findings) lines.push(`  ${finding}`);
  for (const remark of report.remarks) lines.push(`  note: ${remark}`);
  return lines.join('\n');
}
