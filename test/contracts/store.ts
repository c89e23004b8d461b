import { expect } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import type { Store, StoredManifest } from '../../src/ports/store.ts';
import { sampleManifest } from '../fixtures/sample-manifest.ts';
import { chunked, collect, collectItems, noise, sha256 } from './bytes.ts';
import type { Clause } from './contract.ts';
import { expectCode } from './object-store.ts';

export interface StoreSubject {
  /** Opens the same place, again each time, as the given installation (one of its own when none is given). */
  open(installation?: string): Promise<Store>;
}

const never = new AbortController().signal;
const plan = 'home';
const id = 'home-20260101-020000';
const parts = { 'db_app_20260101.sql.zst': noise(300_000, 1), 'files_20260101.tar.zst': noise(200_000, 2) };
const [firstPart = '', secondPart = ''] = Object.keys(parts);

/** What a store promises (`src/ports/store.ts`), clause by clause. */
export const storeClauses: readonly Clause<StoreSubject>[] = [
  clause('a committed snapshot is listed with its manifest, and its parts read back', async (store) => {
    const { manifest, manifestSha256 } = await save(store);
    expect(await store.listNames(never)).toEqual([id]);
    expect(await readable(store)).toEqual([{ id, sha256: manifestSha256 }]);
    expect(await store.readManifest(id, never)).toEqual({ manifest, sha256: manifestSha256 });
    await expectParts(store, parts);
  }),
  clause('a range of a part yields its bytes, as far as there are any', async (store) => {
    await save(store);
    const bytes = parts['db_app_20260101.sql.zst'];
    for (const [offset, sizeBytes] of [
      [0, 1],
      [100_000, 150_000],
      [299_990, 50],
      [300_000, 1],
      [7, 0],
    ] as const)
      expect(sha256(await collect(store.readPart(firstPart, never, { offset, sizeBytes })))).toBe(
        sha256(bytes.subarray(offset, offset + sizeBytes)),
      );
  }),
  clause('put returns the stored length, and statPart tells it too', async (store) => {
    await using writer = await begin(store);
    expect(await put(writer, firstPart)).toEqual({ name: firstPart, sizeBytes: 300_000 });
    expect(await store.statPart(firstPart, never)).toEqual({ name: firstPart, sizeBytes: 300_000 });
    expect(await store.statPart(secondPart, never)).toBeUndefined();
  }),
  clause('nothing is listed before the commit', async (store) => {
    await using writer = await begin(store);
    await put(writer, firstPart);
    await put(writer, secondPart);
    await expectNoSnapshot(store);
  }),
  clause('disposing without a commit removes what was put', async (store) => {
    await abandon(store, async (writer) => {
      await put(writer, firstPart);
    });
    await expectNothing(store);
    await save(store);
  }),
  clause("a commit is refused when a stored length is not the manifest's", async (store) => {
    await abandon(store, async (writer) => {
      await put(writer, firstPart);
      await put(writer, secondPart);
      await expectCode('LENGTH_MISMATCH', writer.commit(sampleManifest(id, { parts: { ...parts, [secondPart]: noise(199_999) } }), never));
    });
    await expectNothing(store);
  }),
  clause('a commit is refused when a part is missing', async (store) => {
    await abandon(store, async (writer) => {
      await put(writer, firstPart);
      await expect(writer.commit(sampleManifest(id, { parts }), never)).rejects.toThrow();
    });
    await expectNothing(store);
  }),
  clause('a part that was not announced is refused', async (store) => {
    await abandon(store, async (writer) => {
      await expectCode('NAME_INVALID', writer.put('other.tar', chunked(noise(10), 10), never));
      expect(await store.statPart('other.tar', never)).toBeUndefined();
    });
  }),
  clause('a part that fails to be read leaves nothing, and its error is passed on', async (store) => {
    const failure = new Error('the source failed');
    await abandon(store, async (writer) => {
      await put(writer, firstPart);
      await expect(writer.put(secondPart, failing(failure), never)).rejects.toBe(failure);
    });
    await expectNothing(store);
  }),
  clause('an abort leaves nothing', async (store) => {
    const controller = new AbortController();
    await abandon(store, async (writer) => {
      await put(writer, firstPart);
      await expectCode('CANCELLED', writer.put(secondPart, aborting(controller), controller.signal));
      await expectCode('CANCELLED', writer.commit(sampleManifest(id, { parts }), controller.signal));
    });
    await expectNothing(store);
  }),
  clause('parts may be put at the same time', async (store) => {
    await using writer = await begin(store);
    await Promise.all(Object.keys(parts).map((name) => put(writer, name)));
    await writer.commit(sampleManifest(id, { parts }), never);
    await expectParts(store, parts);
  }),
  clause('a snapshot is never replaced', async (store) => {
    await save(store);
    await expectCode('NAME_TAKEN', begin(store));
    await expectParts(store, parts);
    expect(await store.listNames(never)).toEqual([id]);
  }),
  clause('a part of another snapshot is never replaced or removed', async (store) => {
    await save(store);
    await abandon(
      store,
      async (writer) => {
        await expectCode('NAME_TAKEN', put(writer, firstPart));
      },
      'home-20260102-020000',
    );
    await expectParts(store, parts);
  }),
  clause('a part that was announced is refused to every other snapshot', async (store) => {
    await using writer = await begin(store);
    await expectCode('NAME_TAKEN', store.begin({ id: 'office-20260101-020000', plan: 'office', partNames: [firstPart] }, never));
    await put(writer, firstPart);
    await put(writer, secondPart);
    await writer.commit(sampleManifest(id, { parts }), never);
    await expectParts(store, parts);
  }),
  clause('snapshot and part names that could leave the place are refused', async (store) => {
    for (const bad of ['../up', 'a/b', '.hidden', 'x'.repeat(300), '']) {
      await expectCode('NAME_INVALID', store.begin({ id: bad === '' ? '.x' : bad, plan, partNames: [] }, never));
      await expectCode('NAME_INVALID', store.begin({ id, plan, partNames: [bad] }, never));
      await expectCode('NAME_INVALID', collect(store.readPart(bad, never)));
    }
    await expectNothing(store);
  }),
  clause('what is not there is missing', async (store) => {
    await save(store);
    await expectCode('OBJECT_MISSING', store.readManifest('home-20250101-020000', never));
    await expectCode('OBJECT_MISSING', collect(store.readPart('absent.tar', never)));
    expect(await store.statPart('absent.tar', never)).toBeUndefined();
  }),
  clause('a removed snapshot is gone with its parts, others stay, and removing twice is fine', async (store) => {
    const other = { 'other.tar.zst': noise(1000, 3) };
    const { manifest } = await save(store);
    await save(store, 'home-20260102-020000', other);
    await store.remove(manifest, never);
    await store.remove(manifest, never);
    expect(await store.listNames(never)).toEqual(['home-20260102-020000']);
    for (const name of Object.keys(parts)) expect(await store.statPart(name, never)).toBeUndefined();
    await expectParts(store, other);
  }),
  clause('nothing is removed once the signal has fired', async (store) => {
    const { manifest } = await save(store);
    await expectCode('CANCELLED', store.remove(manifest, AbortSignal.abort()));
    await expectParts(store, parts);
    expect(await store.listNames(never)).toEqual([id]);
  }),
  clause('a sweep removes what a dead run left', async (store, subject) => {
    const dead = await begin(store);
    await put(dead, firstPart);
    await using next = await subject.open();
    expect(await next.sweep(plan, never)).toContain(firstPart);
    await expectNothing(next);
    expect(await next.sweep(plan, never)).toEqual([]);
    await save(next);
  }),
  clause('a sweep leaves committed snapshots alone', async (store) => {
    await save(store);
    await store.sweep(plan, never);
    expect(await store.listNames(never)).toEqual([id]);
    await expectParts(store, parts);
  }),
  clause('a sweep leaves the runs of other plans alone', async (store) => {
    await using writer = await begin(store);
    await put(writer, firstPart);
    await store.sweep('office', never);
    await store.sweep('hom', never);
    await put(writer, secondPart);
    await writer.commit(sampleManifest(id, { parts }), never);
    await expectParts(store, parts);
  }),
  clause('a sweep leaves the runs of another installation alone', async (store, subject) => {
    await using writer = await begin(store);
    await put(writer, firstPart);
    await using foreign = await subject.open('another');
    expect(await foreign.sweep(plan, never)).toEqual([]);
    await put(writer, secondPart);
    await writer.commit(sampleManifest(id, { parts }), never);
    await expectParts(foreign, parts);
  }),
  clause('snapshots are there when the place is opened again', async (store, subject) => {
    const { manifestSha256 } = await save(store);
    await store[Symbol.asyncDispose]();
    await using reopened = await subject.open();
    expect(await readable(reopened)).toEqual([{ id, sha256: manifestSha256 }]);
    await expectParts(reopened, parts);
  }),
  clause('a probe passes and leaves nothing', async (store) => {
    await store.probe(never);
    await expectNothing(store);
    expect(await store.sweep(plan, never)).toEqual([]);
  }),
  clause('space is unknown or makes sense', async (store) => {
    await save(store);
    const space = await store.space(never);
    if (space === null) return;
    expect(space.freeBytes).toBeGreaterThanOrEqual(0);
    expect(space.totalBytes).toBeGreaterThanOrEqual(space.freeBytes);
  }),
];

type Writer = Awaited<ReturnType<Store['begin']>>;

function clause(name: string, check: (store: Store, subject: StoreSubject) => Promise<void>): Clause<StoreSubject> {
  return {
    name,
    async run(subject) {
      await using store = await subject.open();
      await check(store, subject);
    },
  };
}

function begin(store: Store, snapshotId = id): Promise<Writer> {
  return store.begin({ id: snapshotId, plan, partNames: Object.keys(parts) }, never);
}

function put(writer: Writer, name: string) {
  return writer.put(name, chunked(parts[name as keyof typeof parts], 70_000), never);
}

/** Stores one snapshot, in full. */
export async function save(
  store: Store,
  snapshotId = id,
  content: Readonly<Record<string, Uint8Array>> = parts,
): Promise<{ readonly manifest: Manifest; readonly manifestSha256: string }> {
  const manifest = sampleManifest(snapshotId, { parts: content });
  await using writer = await store.begin({ id: snapshotId, plan: manifest.plan, partNames: Object.keys(content) }, never);
  for (const [name, bytes] of Object.entries(content)) await writer.put(name, chunked(bytes, 70_000), never);
  return { manifest, ...(await writer.commit(manifest, never)) };
}

async function abandon(store: Store, work: (writer: Writer) => Promise<void>, snapshotId = id): Promise<void> {
  await using writer = await begin(store, snapshotId);
  await work(writer);
}

async function readable(store: Store): Promise<unknown[]> {
  return (await collectItems(store.list(never))).map((stored: StoredManifest) =>
    stored.kind === 'readable' ? { id: stored.manifest.id, sha256: stored.sha256 } : stored.error,
  );
}

async function expectParts(store: Store, content: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(content)) expect(sha256(await collect(store.readPart(name, never)))).toBe(sha256(bytes));
}

async function expectNoSnapshot(store: Store): Promise<void> {
  expect(await store.listNames(never)).toEqual([]);
  expect(await readable(store)).toEqual([]);
}

async function expectNothing(store: Store): Promise<void> {
  await expectNoSnapshot(store);
  for (const name of Object.keys(parts)) expect(await store.statPart(name, never)).toBeUndefined();
}

async function* failing(failure: Error) {
  yield noise(100_000);
  throw failure;
}

async function* aborting(controller: AbortController) {
  yield noise(100_000);
  controller.abort();
  yield noise(100_000);
}
