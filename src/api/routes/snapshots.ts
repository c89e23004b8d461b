import { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Principal } from '../../domain/principal.ts';
import { noFolderAt, pathBelow } from '../../operations/browse.ts';
import type { Found } from '../../operations/choose.ts';
import type { OperationContext } from '../../operations/context.ts';
import { unsealed } from '../../operations/seal.ts';
import type { FolderEntry, FolderIndex } from '../../ports/folder-index.ts';
import type { ApiContext } from '../api-context.ts';
import { requireConfirmed } from '../confirmations.ts';
import {
  contentsPage,
  copyRequest,
  deleteRequest,
  entryType,
  page,
  planName,
  run,
  snapshotDetail,
  snapshotId,
  snapshotSummary,
  verifyRequest,
  type ContentsPage,
} from '../contract.ts';
import { pageOf, pageQuery, placeOf } from '../cursors.ts';
import { bytesOfPath, pathQuery, presentPath } from '../listed-path.ts';
import { presentSnapshot } from '../present-snapshot.ts';
import { route, type AnyRoute } from '../route.ts';
import { bestOf, copiesOf, planNamed } from '../sight.ts';
import { snapshotsSeen } from '../snapshots-seen.ts';
import { accepted, startRun } from '../start-run.ts';

const ofSnapshot = { group: 'snapshots', params: z.strictObject({ id: snapshotId }) } as const;
const reading = { ...ofSnapshot, method: 'GET' } as const;
const act = { ...ofSnapshot, method: 'POST', needs: 'operator', idempotencyKey: 'accepted', replies: { 202: run } } as const;
const storeName = z.string().min(1).max(256);

export function snapshotRoutes(context: ApiContext): readonly AnyRoute[] {
  return [...snapshotReadings(context), ...snapshotActs(context)];
}

function snapshotReadings(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/snapshots',
      id: 'listSnapshots',
      group: 'snapshots',
      summary: 'List snapshots, newest first; one with copies comes once for each store',
      needs: 'viewer',
      query: z.strictObject({ ...pageQuery, plan: planName.optional(), store: storeName.optional() }),
      replies: { 200: page('SnapshotPage', snapshotSummary) },
      handle: async ({ query, principal }) => ({ status: 200, body: await snapshotsSeen(context, principal, query) }),
    }),
    route({
      ...reading,
      path: '/api/v1/snapshots/:id',
      id: 'getSnapshot',
      summary: 'Tell of one snapshot: what it holds, where its copies are, how to restore it without Holdfast',
      needs: 'viewer',
      replies: { 200: snapshotDetail },
      handle: async ({ params, principal }) => {
        const copies = await copiesOf(context, principal, { id: params.id });
        return { status: 200, body: presentSnapshot(copies, await openedIfPossible(copies[0], context.world)) };
      },
    }),
    route({
      ...reading,
      path: '/api/v1/snapshots/:id/contents',
      id: 'browseSnapshot',
      summary: 'What a snapshot holds in one place: databases and folders, the tables of a database, the files of a folder',
      needs: 'operator',
      query: z.strictObject({ ...pageQuery, ...pathQuery }),
      replies: { 200: contentsPage },
      handle: async ({ params: { id }, query: { limit, before, ...at }, principal }) => {
        const found = bestOf(await copiesOf(context, principal, { id }));
        const wanted = { id, folder: bytesOfPath(at), limit, before };
        return { status: 200, body: await context.listings.read(found, ({ folders }) => contentsOf(folders, wanted)) };
      },
    }),
  ];
}

function snapshotActs(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      ...act,
      path: '/api/v1/snapshots/:id/verify',
      id: 'verifySnapshot',
      summary: 'Read a snapshot back and compare it with its manifest',
      body: verifyRequest,
      act: 'verify',
      handle: async ({ params, body, principal, runKey }) => {
        const { name: plan } = await planOfSnapshot(context, principal, { id: params.id, store: body.store });
        const work = { verb: 'verify', plan, snapshot: params.id, store: body.store ?? null, depth: body.depth, which: 'newest' } as const;
        return accepted(startRun(context, { principal, runKey }, work), params.id);
      },
    }),
    route({
      ...act,
      path: '/api/v1/snapshots/:id/copies',
      id: 'copySnapshot',
      summary: 'Copy a snapshot to another store',
      body: copyRequest,
      act: 'copy',
      handle: async ({ params, body, principal, runKey }) => {
        const plan = await planOfSnapshot(context, principal, { id: params.id });
        requireStore(plan, body.to);
        const work = { verb: 'copy', plan: plan.name, snapshot: params.id, to: body.to } as const;
        return accepted(startRun(context, { principal, runKey }, work), params.id);
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/snapshots/:id',
      id: 'deleteSnapshot',
      group: 'snapshots',
      summary: 'Delete a snapshot from one store, or from all; needs a confirmation',
      needs: 'administrator',
      params: ofSnapshot.params,
      body: deleteRequest,
      idempotencyKey: 'required',
      replies: { 202: run },
      act: 'delete',
      handle: async ({ params, body: { confirmation, ...target }, principal, runKey }) => {
        if (target.snapshot !== params.id) throw otherSnapshot(params.id, target.snapshot);
        const { name: plan } = await planOfSnapshot(context, principal, { id: params.id, store: target.store });
        await requireConfirmed(context, { act: 'delete', target, principal }, confirmation);
        const work = { verb: 'delete', plan, snapshot: params.id, store: target.store ?? null } as const;
        return accepted(startRun(context, { principal, runKey }, work), params.id);
      },
    }),
  ];
}

/** The plan that a snapshot belongs to, which must still be configured for anything to be done with it. */
async function planOfSnapshot(
  context: ApiContext,
  principal: Principal | null,
  wanted: { readonly id: string; readonly store?: string | undefined },
): Promise<Plan> {
  const [{ snapshot }] = await copiesOf(context, principal, wanted);
  return planNamed(context, principal, snapshot.manifest.plan);
}

function requireStore({ name, stores }: Plan, wanted: string): void {
  if (stores.some((store) => store.name === wanted)) return;
  throw new HoldfastError('NOT_FOUND', `Plan "${name}" has no store ${JSON.stringify(wanted)}`, {
    hint: 'See which there are: GET /api/v1/stores',
  });
}

function otherSnapshot(inPath: string, inBody: string): HoldfastError {
  return new HoldfastError('REQUEST_INVALID', `The path names snapshot "${inPath}", the body "${inBody}"`, {
    hint: 'Name the same snapshot in both',
  });
}

/** Without its key an encrypted manifest still tells sizes, digests and copies. */
async function openedIfPossible({ plan, snapshot }: Found, world: OperationContext): Promise<Manifest> {
  try {
    return (await unsealed(snapshot.manifest, plan, world)).manifest;
  } catch (error) {
    if (isHoldfastError(error, 'KEY_MISSING') || isHoldfastError(error, 'KEY_REJECTED')) return snapshot.manifest;
    throw error;
  }
}

const place = z.strictObject({ type: entryType, name: z.base64().max(6000) });

interface Wanted {
  readonly id: string;
  readonly folder: Buffer;
  readonly limit: number;
  readonly before?: string | undefined;
}

function contentsOf(folders: FolderIndex, { id, folder, limit, before }: Wanted): ContentsPage {
  const from = placeOf(before, place);
  const after = from === undefined ? undefined : { type: from.type, name: Buffer.from(from.name, 'base64') };
  const entries = folders.page(folder, { after, limit: limit + 1 });
  if (entries === undefined) throw noFolderAt(id, folder);
  const { items, next } = pageOf(entries, limit, ({ type, name }) => ({ type, name: Buffer.from(name).toString('base64') }));
  return { path: folder.toString(), entries: items.map((entry) => presentEntry(folder, entry)), next };
}

function presentEntry(folder: Buffer, { linkTarget: _, name, modifiedAt, ...entry }: FolderEntry): ContentsPage['entries'][number] {
  const path = pathBelow(folder, { ...entry, name });
  return { ...entry, name: Buffer.from(name).toString(), ...presentPath(path), modifiedAt: modifiedAt?.toISOString() ?? null };
}
