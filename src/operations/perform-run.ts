import { HoldfastError } from '../domain/errors.ts';
import { worstOutcome } from '../domain/outcome.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import type { RequestedDestination, RunRequest } from '../domain/run-request.ts';
import type { WorkerReport } from '../ports/runner.ts';
import { backUp } from './back-up.ts';
import {
  choosePlan,
  findSnapshot,
  newestOf,
  refresh,
  snapshotsOf,
  storesOf,
  unusable,
  withStore,
  type Found,
  type StoreTrouble,
} from './choose.ts';
import type { Configuration, OperationContext } from './context.ts';
import { copyRun } from './copy-run.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { drill } from './drill.ts';
import { expire } from './expire.ts';
import { recordRun, type RunReport } from './record-run.ts';
import type { Destination } from './restore-moves.ts';
import { restore } from './restore.ts';
import { verifyOne } from './verify-run.ts';

/** What there is to do, and with what. */
interface Performing {
  readonly request: RunRequest;
  readonly plan: Plan;
  readonly configuration: Configuration;
  readonly context: OperationContext;
  readonly signal: AbortSignal;
}

type Performed = Pick<RunReport, 'outcome' | 'error'> & { readonly snapshotId: string | null; readonly details: unknown };
type Requested<V extends RunRequest['verb']> = Extract<RunRequest, { verb: V }>;

/**
 * Does what a request says, as the command of the same verb would. Never throws: what could not even begin is recorded as a
 * failed run too, under the request's key.
 */
export async function performRun(
  request: RunRequest,
  configuration: Configuration,
  context: OperationContext,
  signal: AbortSignal,
): Promise<WorkerReport> {
  const startedMs = context.clock.monotonicMs();
  const { outcome, error, snapshotId, details } = await perform(request, configuration, context, signal).catch((thrown: unknown) =>
    recordRun(context, { verb: request.verb, plan: request.plan, body: () => Promise.reject(thrown as Error) }),
  );
  return { outcome, snapshotId, error, durationMs: Math.round(context.clock.monotonicMs() - startedMs), details };
}

async function perform(
  request: RunRequest,
  configuration: Configuration,
  context: OperationContext,
  signal: AbortSignal,
): Promise<Performed> {
  const performing = { request, plan: choosePlan(configuration, request.plan), configuration, context, signal };
  switch (request.verb) {
    case 'backup':
      return await backUp(performing.plan, { description: request.description, signal }, context);
    case 'expire':
      return await performExpire(performing);
    case 'verify':
      return await performVerify(performing, request);
    case 'drill':
      return await performDrill(performing, request);
    case 'copy':
      return await performCopy(performing, request);
    case 'delete':
      return await deleteSnapshot({ plan: performing.plan, id: request.snapshot, store: request.store, signal }, context);
    case 'restore':
      return await performRestore(performing, request);
  }
}

async function performExpire({ plan, context, signal }: Performing): Promise<Performed> {
  const { outcome, error, stores } = await expire(plan, { dryRun: false, signal }, context);
  return { outcome, error, snapshotId: null, details: { stores } };
}

async function performVerify(performing: Performing, { depth, ...wanted }: Requested<'verify'>): Promise<Performed> {
  const { context, signal } = performing;
  const trouble = await refreshPlan(performing);
  const chosen = await toVerify(performing, wanted);
  const runs: Performed[] = [];
  for (const found of chosen) if (!signal.aborted) runs.push(await verifyOne(context, found, { depth, signal }));
  const [first] = trouble;
  // A copy that cannot be looked at is not proven.
  if (first !== undefined) context.log.warn(`Store ${first.store} could not be looked into: ${first.message}`, { next: first.hint });
  const outcome = worstOutcome([...runs.map((run) => run.outcome), ...trouble.map(() => 'degraded' as const)]);
  const [newest] = runs;
  const error = runs.find((run) => run.error !== null)?.error ?? null;
  return { outcome, error, snapshotId: newest?.snapshotId ?? null, details: { verified: runs.map((run) => run.details), trouble } };
}

/** Every store's own copy counts: those of the newest snapshot that each has, of all, or of the one that is named. */
async function toVerify(
  { plan, context }: Performing,
  { snapshot: id, store, which }: Pick<Requested<'verify'>, 'snapshot' | 'store' | 'which'>,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const planStore of plan.stores.filter(({ name }) => store === null || name === store)) {
    const known = await snapshotsOf(context, { plan: plan.name, stores: [planStore] });
    const wanted = id === null ? known.slice(0, which === 'newest' ? 1 : known.length) : known.filter(({ manifest }) => manifest.id === id);
    for (const { manifest } of wanted) {
      const [snapshot] = await context.history.snapshots({ id: manifest.id, store: planStore.name });
      if (snapshot !== undefined) found.push({ plan, planStore, snapshot });
    }
  }
  if (found.length > 0) return found;
  throw new HoldfastError(
    'SNAPSHOT_UNKNOWN',
    `There is no ${id === null ? 'snapshot' : `snapshot "${id}"`} of plan "${plan.name}" to verify`,
    {
      hint: `Make one: holdfast backup ${plan.name}`,
    },
  );
}

async function performDrill(performing: Performing, { snapshot: id }: Requested<'drill'>): Promise<Performed> {
  const { plan, context, signal } = performing;
  const trouble = await refreshPlan(performing);
  const found = id === null ? await newestOf(plan, context) : await find(performing, { id, trouble });
  return await withStore(context, found.planStore, (store) => drill({ plan, store, snapshot: found.snapshot, signal }, context));
}

async function performCopy(performing: Performing, { snapshot, to }: Requested<'copy'>): Promise<Performed> {
  const { plan, context, signal } = performing;
  const trouble = await refreshPlan(performing);
  const found = await find(performing, { id: snapshot, trouble });
  return await copyRun({ plan, found, to: storeNamed(performing, to), signal }, context);
}

function storeNamed({ plan, configuration }: Performing, name: string): PlanStore {
  const stores = storesOf(configuration, [plan]);
  const store = stores.find((candidate) => candidate.name === name);
  if (store !== undefined) return store;
  throw new HoldfastError('USAGE', `Plan "${plan.name}" has no store "${name}"`, {
    hint: `Name one of its stores: ${stores.map((candidate) => candidate.name).join(', ')}`,
  });
}

async function performRestore(performing: Performing, { snapshot: id, store, only, ...wanted }: Requested<'restore'>): Promise<Performed> {
  const { plan, context, signal } = performing;
  const trouble = await refreshPlan(performing);
  const found = await find(performing, { id, store, trouble });
  const destination = await destinationOf(wanted.destination, context);
  const request = { snapshot: found.snapshot, plan, destination, only, compare: 'counts', signal } as const;
  // What a backup reads must not be swapped under it.
  await using _lock = destination.kind === 'in-place' ? await context.lock.acquire(plan.name) : undefined;
  return await withStore(context, found.planStore, (opened) => restore({ ...request, store: opened }, context));
}

async function destinationOf(wanted: RequestedDestination, context: OperationContext): Promise<Destination> {
  return wanted.kind === 'database' ? { kind: 'database', url: await context.resolveReference(wanted.reference) } : wanted;
}

async function refreshPlan({ plan, configuration, context, signal }: Performing): Promise<StoreTrouble[]> {
  return await refresh(storesOf(configuration, [plan]), context, signal);
}

interface Wanted {
  readonly id: string;
  /** Null: whichever has a copy that can be read. */
  readonly store?: string | null;
  readonly trouble: readonly StoreTrouble[];
}

async function find({ plan, configuration, context }: Performing, { id, store = null, trouble }: Wanted): Promise<Found> {
  const stores = plan.stores.filter(({ name }) => store === null || name === store);
  const own = { ...configuration, plans: new Map([[plan.name, { ...plan, stores }]]) };
  const found = await findSnapshot(own, context, { id, plan: plan.name, passOver: unusable(trouble) });
  return { ...found, plan };
}
