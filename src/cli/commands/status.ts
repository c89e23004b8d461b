import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { formatAge, formatDuration } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';
import { counts } from '../../domain/retention.ts';
import { snapshotSizeBytes, type SnapshotSummary } from '../../domain/snapshot.ts';
import { assessHealth, type Health } from '../../domain/staleness.ts';
import { choosePlan, refresh, snapshotsOf } from '../../operations/choose.ts';
import type { Run } from '../../ports/history.ts';
import { exitCodes } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandContext, CommandSetup } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { toJson } from './list.ts';

/** The last few of each verb tell the health; they are asked for apart, so that many of one hide none of the other. */
const runsRead = 10;

export function statusCommand(program: Command, setup: CommandSetup): void {
  program
    .command('status')
    .summary('tell whether the data is safe, since when that is proven, and what needs you')
    .argument('[plan]', 'only this plan')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [name]) => {
        const { configuration, world, terminal, signal } = context;
        const plans = name === undefined ? [...configuration.plans.values()] : [choosePlan(configuration, name)];
        if (plans.length === 0) throw noPlans();
        const trouble = await refresh(
          plans.flatMap((plan) => plan.stores),
          world,
          signal,
        );
        const statuses = await Promise.all(plans.map((plan) => statusOf(plan, context)));
        const json = { plans: statuses.map(statusJson), trouble, history: world.historyTrouble };
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

interface Status {
  readonly plan: Plan;
  readonly health: Health;
  readonly snapshots: readonly SnapshotSummary[];
  readonly newestProven: SnapshotSummary | undefined;
  readonly lastRun: Run | undefined;
  readonly lastDrill: Run | undefined;
  readonly nextDueAt: Date | null;
  readonly isRunning: boolean;
  readonly now: Date;
}

async function statusOf(plan: Plan, { world, doors }: CommandContext): Promise<Status> {
  const now = doors.now();
  const stores = plan.stores.map((store) => store.name);
  const snapshots = await snapshotsOf(world, { plan: plan.name, stores: plan.stores });
  const backups = await world.history.runs({ plan: plan.name, verb: 'backup', limit: runsRead });
  const drills = await world.history.runs({ plan: plan.name, verb: 'drill', limit: runsRead });
  const [lastRun] = backups;
  const [lastDrill] = drills;
  const runs = [...backups, ...drills].toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const isRunning = await world.lock.isHeld(plan.name);
  const schedule = plan.schedule;
  const dueAt = schedule === null || lastRun === undefined ? null : await doors.nextDue(schedule, lastRun.startedAt);
  const facts = snapshots.map(({ manifest, store, verification }) => ({
    ...manifest,
    createdAt: new Date(manifest.createdAt),
    store,
    verification,
  }));
  const health = assessHealth({
    plan: plan.name,
    objectives: plan.objectives,
    drillEvery: plan.drill.every,
    stores,
    snapshots: facts,
    runs,
    isRunning,
    dueAt,
    now,
  });
  const newestProven = snapshots.find(({ manifest, verification }) => counts({ outcome: manifest.outcome, verification }));
  const nextDueAt = schedule === null ? null : await doors.nextDue(schedule, now);
  return { plan, health, snapshots, newestProven, lastRun, lastDrill, nextDueAt, isRunning, now };
}

function statusJson({ plan, health, snapshots, newestProven, lastRun, lastDrill, nextDueAt, isRunning }: Status) {
  return {
    plan: plan.name,
    health: health.kind,
    reasons: health.reasons,
    running: isRunning,
    snapshots: snapshots.length,
    sizeBytes: snapshots.reduce((sum, { manifest }) => sum + snapshotSizeBytes(manifest), 0),
    newest: snapshots[0] === undefined ? null : toJson(snapshots[0]),
    newestVerified: newestProven === undefined ? null : toJson(newestProven),
    lastRun: lastRun ?? null,
    lastDrill: lastDrill ?? null,
    nextDueAt,
  };
}

function describe(status: Status, terminal: Terminal): string {
  const { plan, health, snapshots, newestProven, lastRun, lastDrill, nextDueAt, now } = status;
  const colour = ({ healthy: 'good', warning: 'doubtful', critical: 'bad' } as const)[health.kind];
  const total = snapshots.reduce((sum, { manifest }) => sum + snapshotSizeBytes(manifest), 0);
  const facts: [string, string][] = [
    [
      'Last backup',
      lastRun === undefined
        ? 'never'
        : `${formatAge(lastRun.startedAt, now)}: ${status.isRunning && lastRun.end === null ? 'running' : (lastRun.end?.outcome ?? 'died')}`,
    ],
    [
      'Newest proven',
      newestProven === undefined ? 'none' : `${newestProven.manifest.id}, ${formatAge(new Date(newestProven.manifest.createdAt), now)}`,
    ],
    ['Last drill', lastDrill === undefined ? 'never' : drillText(lastDrill, now)],
    ['Snapshots', `${snapshots.length}, ${formatBytes(total)} in ${plan.stores.map((store) => store.name).join(', ')}`],
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
