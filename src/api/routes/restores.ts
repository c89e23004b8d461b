import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import { mayAct, type Principal } from '../../domain/principal.ts';
import type { RequestedDestination } from '../../domain/run-request.ts';
import type { Secret } from '../../domain/secret.ts';
import type { IntendedChange } from '../../operations/restore.ts';
import type { Destination } from '../../operations/restore-moves.ts';
import type { OperationContext } from '../../operations/context.ts';
import type { z } from 'zod';
import { unsealed } from '../../operations/seal.ts';
import { previewExpire } from '../../operations/preview-expire.ts';
import { formatBytes } from '../../domain/byte-size.ts';
import { newestCounting } from '../../domain/retention.ts';
import { snapshotSizeBytes } from '../../domain/snapshot.ts';
import type { ApiContext } from '../api-context.ts';
import { confirmationFor, requireConfirmed } from '../confirmations.ts';
import { confirmation, confirmationRequest, restoreRequest, run, type deleteTarget, type restoreTarget } from '../contract.ts';
import { route, type AnyRoute } from '../route.ts';
import { bestOf, copiesOf, planNamed } from '../sight.ts';
import { accepted, startRun } from '../start-run.ts';

export function restoreRoutes(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/confirmations',
      id: 'askConfirmation',
      group: 'restore',
      summary: 'Tell what a restore, a deletion or an expiry would change, and give the token without which it is not done',
      needs: 'operator',
      body: confirmationRequest,
      replies: { 201: confirmation },
      handle: async ({ body, principal }) => {
        const changes = await changesOf(context, principal, body);
        return { status: 201, body: await confirmationFor(context, { ...body, principal }, changes) };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/restores',
      id: 'restore',
      group: 'restore',
      summary: 'Restore a snapshot or a part of it: verified, put beside, compared, swapped; needs a confirmation',
      needs: 'administrator',
      body: restoreRequest,
      idempotencyKey: 'required',
      replies: { 202: run },
      act: 'restore',
      handle: async ({ body: { confirmation: token, ...target }, principal, runKey }) => {
        const { plan } = await restorable(context, principal, target);
        await requireConfirmed(context, { act: 'restore', target, principal }, token);
        const { snapshot, store = null, destination, only } = target;
        return accepted(
          startRun(context, { principal, runKey }, { verb: 'restore', plan: plan.name, snapshot, store, destination, only }),
          snapshot,
        );
      },
    }),
  ];
}

type RestoreTarget = z.infer<typeof restoreTarget>;
type DeleteTarget = z.infer<typeof deleteTarget>;

async function changesOf(
  context: ApiContext,
  principal: Principal | null,
  asked: z.infer<typeof confirmationRequest>,
): Promise<IntendedChange[]> {
  if (asked.act === 'expire') return await expireChanges(context, principal, asked.target.plan);
  requireAdministrator(principal, asked.act);
  return asked.act === 'delete'
    ? await deleteChanges(context, principal, asked.target)
    : await restoreChanges(context, principal, asked.target);
}

function requireAdministrator(principal: Principal | null, act: string): void {
  if (principal !== null && mayAct(principal, 'administrator', null)) return;
  throw new HoldfastError('FORBIDDEN', `Only an administrator may ${act}`, { hint: 'Ask an administrator to do it' });
}

/** The copy to restore from. Its plan must still be configured: a run belongs to one. */
async function restorable(
  context: ApiContext,
  principal: Principal | null,
  { snapshot: id, store }: Pick<RestoreTarget, 'snapshot' | 'store'>,
) {
  const found = bestOf(await copiesOf(context, principal, { id, store }));
  return { ...found, plan: planNamed(context, principal, found.snapshot.manifest.plan) };
}

async function restoreChanges(context: ApiContext, principal: Principal | null, target: RestoreTarget): Promise<IntendedChange[]> {
  const { plan, snapshot } = await restorable(context, principal, target);
  const destination = await destinationOf(target.destination, context.world);
  const { manifest } = await unsealed(snapshot.manifest, plan, context.world);
  const { intendedChanges } = await import('../../operations/restore.ts');
  const request = { snapshot: { ...snapshot, manifest }, plan, destination, only: target.only, compare: 'counts' } as const;
  return intendedChanges(request, context.world);
}

async function destinationOf(requested: RequestedDestination, world: OperationContext): Promise<Destination> {
  if (requested.kind === 'in-place') return requested;
  if (requested.kind === 'database') return { kind: 'database', url: await resolved(requested.reference, world) };
  if (requested.directory.startsWith('/')) return requested;
  throw new HoldfastError('REQUEST_INVALID', `Cannot tell where the directory ${JSON.stringify(requested.directory)} is`, {
    hint: 'Give its whole path on the machine of the service, from / on',
  });
}

/** A reference that leads nowhere is for whoever gave it to mend, unlike one of the configuration. */
async function resolved(reference: string, world: OperationContext): Promise<Secret> {
  try {
    return await world.resolveReference(reference);
  } catch (error) {
    if (!isHoldfastError(error, 'SECRET_MISSING')) throw error;
    const errors = [{ pointer: '/body/target/destination/reference', detail: error.message }];
    throw new HoldfastError('REQUEST_INVALID', `Cannot tell which database is meant: ${error.message}`, {
      hint: error.hint,
      details: { errors },
      cause: error,
    });
  }
}

async function deleteChanges(context: ApiContext, principal: Principal | null, target: DeleteTarget): Promise<IntendedChange[]> {
  const copies = await copiesOf(context, principal, { id: target.snapshot, store: target.store });
  const plan = planNamed(context, principal, copies[0].snapshot.manifest.plan);
  const known = await context.world.history.facts({ plan: plan.name });
  const newestVerified = newestCounting(known)?.id === target.snapshot;
  const warning = newestVerified ? '; it is the newest verified snapshot of its plan' : '';
  return copies
    .filter(({ planStore }) => plan.stores.some(({ name }) => name === planStore.name))
    .map(({ planStore, snapshot }) => ({
      what: `snapshot "${target.snapshot}" (${formatBytes(snapshotSizeBytes(snapshot.manifest))})`,
      where: planStore.name,
      effect: `removed for good${warning}`,
    }));
}

async function expireChanges(context: ApiContext, principal: Principal | null, name: string): Promise<IntendedChange[]> {
  const previews = await previewExpire(planNamed(context, principal, name), context.world);
  return previews.flatMap(({ store, decisions }) =>
    decisions
      .filter(({ keep }) => !keep)
      .map(({ id, sizeBytes, reasons }) => ({
        what: `snapshot "${id}" (${formatBytes(sizeBytes)})`,
        where: store,
        effect: `removed for good: ${reasons.join('; ')}`,
      })),
  );
}
