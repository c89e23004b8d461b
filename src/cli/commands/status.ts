import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { formatAge, formatDuration } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import { choosePlan, refresh } from '../../operations/choose.ts';
import type { OpenWorld } from '../../operations/context.ts';
import { heldInAll, planStatusOf, type PlanState } from '../../operations/status.ts';
import type { Run, SnapshotFacts } from '../../ports/history.ts';
import { exitCodes } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandSetup } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { toJson } from './list.ts';

export function statusCommand(program: Command, setup: CommandSetup): void {
  program
    .command('status')
    .summary('tell whether the data is safe, since when that is proven, and what needs you')
    .argument('[plan]', 'only this plan')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async ({ configuration, world, terminal, signal, doors }, [name]) => {
        const plans = name === undefined ? [...configuration.plans.values()] : [choosePlan(configuration, name)];
        if (plans.length === 0) throw noPlans();
        const trouble = await refresh(
          plans.flatMap((plan) => plan.stores),
          world,
          signal,
        );
        const nextBackup = await doors.nextBackups();
        const statuses = await Promise.all(plans.map((plan) => planStatusOf(plan, world, (after) => nextBackup(plan, after))));
        const json = {
          plans: await Promise.all(statuses.map((status) => statusJson(status, world))),
          trouble,
          history: world.historyTrouble,
        };
        terminal.result(statuses.map((status) => describe(status, terminal)).join('\n\n'), json);
        warnOfTrouble(trouble, terminal);
        const isUnsafe = trouble.length > 0 || world.historyTrouble !== null || statuses.some(({ health }) => health.kind === 'critical');
        const isDoubtful = statuses.some(({ health }) => health.kind === 'warning');
        return isUnsafe ? exitCodes.failed : isDoubtful ? exitCodes.degraded : exitCodes.done;
      }),
    );
}

function noPlans(): HoldfastError {
  return new HoldfastError('CONFIG_NOT_FOUND', 'There is no plan here whose status could be told', {
    hint: 'See what the store holds: holdfast list --store DIR',
  });
}

async function statusJson(status: PlanState, world: OpenWorld) {
  const { plan, health, newest, newestProven, lastRun, lastDrill, nextDueAt, isRunning } = status;
  return {
    plan: plan.name,
    health: health.kind,
    reasons: health.reasons,
    running: isRunning,
    ...heldInAll(status),
    newest: await snapshotJson(newest, world),
    newestVerified: await snapshotJson(newestProven, world),
    lastRun: lastRun ?? null,
    lastDrill: lastDrill ?? null,
    nextDueAt,
  };
}

async function snapshotJson(facts: SnapshotFacts | undefined, { history }: OpenWorld) {
  const [summary] = facts === undefined ? [] : await history.summaries({ id: facts.id, store: facts.store });
  return summary === undefined ? null : toJson(summary);
}

function describe(status: PlanState, terminal: Terminal): string {
  const { plan, health, newestProven, lastRun, lastDrill, nextDueAt, now } = status;
  const { snapshots, sizeBytes } = heldInAll(status);
  const colour = ({ healthy: 'good', warning: 'doubtful', critical: 'bad' } as const)[health.kind];
  const facts: [string, string][] = [
    [
      'Last backup',
      lastRun === undefined
        ? 'never'
        : `${formatAge(lastRun.startedAt, now)}: ${status.isRunning && lastRun.end === null ? 'running' : (lastRun.end?.outcome ?? 'died')}`,
    ],
    ['Newest proven', newestProven === undefined ? 'none' : `${newestProven.id}, ${formatAge(new Date(newestProven.createdAt), now)}`],
    ['Last drill', lastDrill === undefined ? 'never' : drillText(lastDrill, now)],
    ['Snapshots', `${snapshots}, ${formatBytes(sizeBytes)} in ${plan.stores.map((store) => store.name).join(', ')}`],
    ...(nextDueAt === null ? [] : [['Next due', nextDueAt.toISOString()] as [string, string]]),
  ];
  return [
    `${terminal.mark(plan.name, 'strong')}: ${terminal.mark(health.kind, colour)}`,
    ...facts.map(([label, value]) => `  ${label.padEnd(14)} ${value}`),
    ...health.reasons.flatMap(({ message, action }) => [`  ${terminal.mark('!', colour)} ${message}`, `    → ${action}`]),
  ].join('\n');
}

function drillText(run: Run, now: Date): string {
  const { rtoMs } = (run.end?.details ?? {}) as { readonly rtoMs?: unknown };
  const took = typeof rtoMs === 'number' ? `, restored in ${formatDuration(rtoMs)}` : '';
  return `${formatAge(run.startedAt, now)}: ${run.end?.outcome ?? 'not ended'}${took}`;
}
