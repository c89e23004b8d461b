import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunked, collect, collectItems, noise } from '../../test/contracts/bytes.ts';
import { describeContract } from '../../test/contracts/contract.ts';
import { expectCode } from '../../test/contracts/object-store.ts';
import { save, storeClauses } from '../../test/contracts/store.ts';
import { Crash, CrashingObjectStore, crashMoments } from '../../test/fakes/crashing-object-store.ts';
import type { CrashMoment } from '../../test/fakes/crashing-object-store.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { MemoryObjectStore, memoryPlace } from '../../test/fakes/memory-object-store.ts';
import type { MemoryPlace } from '../../test/fakes/memory-object-store.ts';
import { overriding } from '../../test/fakes/overriding.ts';
import { canMount, loopFileSystem } from '../../test/fixtures/loop-file-system.ts';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { HoldfastError } from '../domain/errors.ts';
import { decodeManifest, encodeManifest } from '../pipeline/manifest-codec.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Store } from '../ports/store.ts';
import { openArchiveStore } from './archive-store.ts';
import { LocalObjects } from './local/local-objects.ts';

const never = new AbortController().signal;
const id = 'home-20260101-020000';
const nextId = 'home-20260102-020000';
const parts = { 'files.tar.zst': noise(2000, 1), 'app.sql.zst': noise(1000, 2) };

function storeOn(
  objects: ObjectStore,
  options: { readonly installation?: string; readonly now?: Date; readonly log?: ReturnType<typeof keptLog> } = {},
): Store {
  const { installation = 'own', now, log = keptLog() } = options;
  const clock = now === undefined ? systemClock : { ...systemClock, now: () => now };
  return openArchiveStore({
    objects,
    name: 'store',
    location: '/backups',
    installation,
    codec: { encode: encodeManifest, decode: decodeManifest },
    clock,
    log,
  });
}

function intent(options: {
  readonly id?: string;
  readonly plan?: string;
  readonly installation?: string;
  readonly partNames: readonly string[];
  readonly verb?: string;
  readonly startedAt?: string;
}): Uint8Array {
  const {
    id: intentId = nextId,
    plan = 'home',
    installation = 'own',
    verb = 'backup',
    startedAt = new Date().toISOString(),
    partNames,
  } = options;
  return Buffer.from(
    JSON.stringify({ format: 'holdfast-intent', version: 1, verb, id: intentId, plan, installation, startedAt, partNames }),
  );
}

function names(place: MemoryPlace): string[] {
  return [...place.objects.keys()].toSorted();
}

const whole = [...Object.keys(parts), `${id}.manifest.json`].toSorted();

describeContract('an archive store on the local store keeps the store contract', {
  clauses: storeClauses,
  async make() {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-archive-'));
    // As at the start of a run: the probe makes the directory.
    await storeOn(new LocalObjects(join(directory, 'store'), keptLog())).probe(never);
    return {
      open: async (installation = 'own') => storeOn(new LocalObjects(join(directory, 'store'), keptLog()), { installation }),
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    };
  },
});

describe('what lies in the store', () => {
  it('a snapshot is its parts and its manifest, and nothing else', async () => {
    const place = memoryPlace();
    await save(storeOn(new MemoryObjectStore(place)), id, parts);
    expect(names(place)).toEqual(whole);
  });

  it('while it is written, an announcement lists the parts, so that anyone can tell what they are', async () => {
    const place = memoryPlace();
    await using _writer = await storeOn(new MemoryObjectStore(place)).begin({ id, plan: 'home', partNames: ['a.tar'] }, never);
    const announced: unknown = JSON.parse(Buffer.from(place.objects.get(`${id}.intent.json`) ?? []).toString());
    expect(announced).toMatchObject({
      format: 'holdfast-intent',
      version: 1,
      verb: 'backup',
      id,
      plan: 'home',
      installation: 'own',
      partNames: ['a.tar'],
    });
  });

  it('the manifest is put last, after every part was found at its length', async () => {
    const order: string[] = [];
    const objects = new MemoryObjectStore();
    const told = overriding<ObjectStore>(objects, {
      put: (name, body, signal) => {
        order.push(`put ${name}`);
        return objects.put(name, body, signal);
      },
      remove: (name, signal) => {
        order.push(`remove ${name}`);
        return objects.remove(name, signal);
      },
    });
    const { manifest } = await save(storeOn(told), id, parts);
    await storeOn(told).remove(manifest, never);
    expect(order).toEqual([
      `put ${id}.intent.json`,
      'put files.tar.zst',
      'put app.sql.zst',
      `put ${id}.manifest.json`,
      `remove ${id}.intent.json`,
      `put ${id}.removal.json`,
      `remove ${id}.manifest.json`,
      'remove files.tar.zst',
      'remove app.sql.zst',
      `remove ${id}.removal.json`,
    ]);
  });

  it('a part may not pass for a manifest or an announcement', async () => {
    const store = storeOn(new MemoryObjectStore());
    for (const name of ['x.manifest.json', 'x.intent.json', 'x.removal.json']) {
      await expectCode('NAME_INVALID', store.begin({ id, plan: 'home', partNames: [name] }, never));
      await expectCode('NAME_INVALID', store.remove(sampleManifest(id, { parts: { [name]: noise(1) } }), never));
    }
  });

  it('a manifest that another machine committed under the same id meanwhile is not replaced, and not removed', async () => {
    const place = memoryPlace();
    const log = keptLog();
    const running = (async () => {
      await using writer = await storeOn(new MemoryObjectStore(place), { log }).begin({ id, plan: 'home', partNames: ['mine.tar'] }, never);
      await writer.put('mine.tar', chunked(noise(10), 10), never);
      place.objects.set(`${id}.manifest.json`, Buffer.from('theirs'));
      await writer.commit(sampleManifest(id, { parts: { 'mine.tar': noise(10) } }), never);
    })();
    await expectCode('NAME_TAKEN', running);
    expect(names(place)).toEqual([`${id}.manifest.json`]);
  });

  it('a snapshot stays committed when its announcement cannot be removed', async () => {
    const place = memoryPlace();
    const objects = new MemoryObjectStore(place);
    const log = keptLog();
    const stubborn = overriding<ObjectStore>(objects, {
      remove: () => Promise.reject(new HoldfastError('STORE_FAILED', 'Cannot remove', { hint: 'Wait' })),
    });
    await save(storeOn(stubborn, { log }), id, parts);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
    expect(await storeOn(objects).sweep('home', never)).toEqual([`${id}.intent.json`]);
    expect(names(place)).toEqual(whole);
  });
});

describe('readManifest() and list()', () => {
  it("a manifest under another snapshot's name is swapped", async () => {
    const place = memoryPlace();
    const store = storeOn(new MemoryObjectStore(place));
    await save(store, id, parts);
    place.objects.set(`${nextId}.manifest.json`, place.objects.get(`${id}.manifest.json`) ?? noise(1));
    await expectCode('MANIFEST_SWAPPED', store.readManifest(nextId, never));
    const kinds = (await collectItems(store.list(never))).map((stored) => `${stored.objectName} ${stored.kind}`);
    expect(kinds.toSorted()).toEqual([`${id}.manifest.json readable`, `${nextId}.manifest.json unreadable`]);
  });

  it.each(['', '{', 'null', '{"format":"holdfast-manifest","version":2}'])(
    'a manifest that says %j is invalid, and does not hide the others',
    async (text) => {
      const place = memoryPlace();
      const store = storeOn(new MemoryObjectStore(place));
      await save(store, id, parts);
      place.objects.set(`${nextId}.manifest.json`, Buffer.from(text));
      await expectCode('MANIFEST_INVALID', store.readManifest(nextId, never));
      const found = await collectItems(store.list(never));
      expect(found.filter((stored) => stored.kind === 'readable')).toHaveLength(1);
      expect(found.flatMap((stored) => (stored.kind === 'unreadable' ? [stored.error] : []))).toMatchObject([{ code: 'MANIFEST_INVALID' }]);
    },
  );

  it('a place that is gone in the middle of a listing ends it, rather than making every snapshot unreadable', async () => {
    const objects = new MemoryObjectStore();
    await save(storeOn(objects), id, parts);
    const gone = overriding<ObjectStore>(objects, {
      get: () => {
        throw new HoldfastError('STORE_ABSENT', 'Cannot read', { hint: 'Connect it' });
      },
    });
    await expectCode('STORE_ABSENT', collectItems(storeOn(gone).list(never)));
  });
});

describe('sweep()', () => {
  it('never touches what no announcement lists', async () => {
    const place = memoryPlace();
    const store = storeOn(new MemoryObjectStore(place));
    await save(store, id, parts);
    place.objects.set('holiday.tar.zst', noise(10));
    place.objects.set(`${nextId}.sql.gz`, noise(10));
    place.unfinished.add('strange.tar');
    expect(await store.sweep('home', never)).toEqual([]);
    expect(names(place)).toEqual([...whole, 'holiday.tar.zst', `${nextId}.sql.gz`].toSorted());
    expect([...place.unfinished]).toEqual(['strange.tar']);
  });

  it('never removes a part of a committed snapshot, whatever an announcement says', async () => {
    const place = memoryPlace();
    const store = storeOn(new MemoryObjectStore(place));
    await save(store, id, parts);
    place.objects.set(`${nextId}.intent.json`, intent({ partNames: [...Object.keys(parts), 'debris.tar'] }));
    place.objects.set(
      `home-20260103-020000.removal.json`,
      intent({ id: 'home-20260103-020000', verb: 'remove', partNames: Object.keys(parts) }),
    );
    place.objects.set('debris.tar', noise(5));
    expect(await store.sweep('home', never)).toContain('debris.tar');
    expect(names(place)).toEqual(whole);
  });

  it('never removes a part that a run of another plan has announced too', async () => {
    const place = memoryPlace();
    place.objects.set(`${nextId}.intent.json`, intent({ partNames: ['contested.tar'] }));
    place.objects.set(
      'office-20260102-020000.intent.json',
      intent({ id: 'office-20260102-020000', plan: 'office', partNames: ['contested.tar'] }),
    );
    place.objects.set('contested.tar', noise(5));
    await storeOn(new MemoryObjectStore(place)).sweep('home', never);
    expect(names(place)).toEqual(['contested.tar', 'office-20260102-020000.intent.json']);
  });

  it('removes no parts while a manifest cannot be read, and says why', async () => {
    const place = memoryPlace();
    const log = keptLog();
    place.objects.set(`${id}.manifest.json`, Buffer.from('damaged'));
    place.objects.set(`${nextId}.intent.json`, intent({ partNames: ['debris.tar'] }));
    place.objects.set('debris.tar', noise(5));
    expect(await storeOn(new MemoryObjectStore(place), { log }).sweep('home', never)).toEqual([]);
    expect(names(place)).toEqual(['debris.tar', `${id}.manifest.json`, `${nextId}.intent.json`].toSorted());
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining(`"${id}.manifest.json" cannot be read`) }]);
  });

  it.each([
    ['not JSON', Buffer.from('{')],
    [
      'of another version',
      Buffer.from(
        intent({ partNames: ['debris.tar'] })
          .toString()
          .replace('"version":1', '"version":2'),
      ),
    ],
    ['of another snapshot', intent({ id: 'home-20260109-020000', partNames: ['debris.tar'] })],
    ['with a name that leaves the place', intent({ partNames: ['debris.tar', '../up'] })],
    ['with the name of a manifest', intent({ partNames: ['debris.tar', `${id}.manifest.json`] })],
  ])('leaves an announcement alone that is %s, and says so', async (_, bytes) => {
    const place = memoryPlace();
    const log = keptLog();
    place.objects.set(`${nextId}.intent.json`, bytes);
    place.objects.set('debris.tar', noise(5));
    expect(await storeOn(new MemoryObjectStore(place), { log }).sweep('home', never)).toEqual([]);
    expect(names(place)).toEqual(['debris.tar', `${nextId}.intent.json`]);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
  });

  it('removes what another installation left once two days have passed', async () => {
    const place = memoryPlace();
    place.objects.set(
      `${nextId}.intent.json`,
      intent({ installation: 'another', startedAt: '2026-01-02T02:00:00Z', partNames: ['debris.tar'] }),
    );
    place.objects.set('debris.tar', noise(5));
    const sweepAt = (now: string) => storeOn(new MemoryObjectStore(place), { now: new Date(now) }).sweep('home', never);
    expect(await sweepAt('2026-01-04T01:59:00Z')).toEqual([]);
    // A clock that was set back proves nothing.
    expect(await sweepAt('2025-01-01T00:00:00Z')).toEqual([]);
    expect(await sweepAt('2026-01-04T02:01:00Z')).toEqual(['debris.tar', `${nextId}.intent.json`]);
    expect(names(place)).toEqual([]);
  });

  it('withdraws a removal that had removed nothing: retention decides anew, on what is known today', async () => {
    const place = memoryPlace();
    const store = storeOn(new MemoryObjectStore(place));
    await save(store, id, parts);
    place.objects.set(`${id}.removal.json`, intent({ id, verb: 'remove', partNames: Object.keys(parts) }));
    expect(await store.sweep('home', never)).toEqual([`${id}.removal.json`]);
    expect(names(place)).toEqual(whole);
  });

  it('changes nothing after an abort', async () => {
    const place = memoryPlace();
    place.objects.set(`${nextId}.intent.json`, intent({ partNames: ['debris.tar'] }));
    place.objects.set('debris.tar', noise(5));
    await expectCode('CANCELLED', storeOn(new MemoryObjectStore(place)).sweep('home', AbortSignal.abort()));
    expect(names(place)).toEqual(['debris.tar', `${nextId}.intent.json`]);
  });
});

describe('probe()', () => {
  it('removes what a probe that was killed had left', async () => {
    const place = memoryPlace();
    place.objects.set('holdfast-probe-own', noise(3));
    place.unfinished.add('holdfast-probe-own');
    await storeOn(new MemoryObjectStore(place)).probe(never);
    expect([names(place), [...place.unfinished]]).toEqual([[], []]);
  });

  it('leaves nothing when it is told to stop', async () => {
    const stop = new AbortController();
    const objects = new MemoryObjectStore();
    async function* stopped(name: string): AsyncGenerator<Uint8Array, void, undefined> {
      stop.abort();
      yield* objects.get(name, { signal: stop.signal });
    }
    await expectCode('CANCELLED', storeOn(overriding<ObjectStore>(objects, { get: stopped })).probe(stop.signal));
    expect(names(objects.place)).toEqual([]);
  });

  it('passes for several plans at the same moment', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-probe-'));
    await Promise.all([1, 2, 3].map(() => storeOn(new LocalObjects(directory, keptLog())).probe(never)));
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it.each([
    [
      'forgets',
      'OBJECT_MISSING',
      (objects: MemoryObjectStore): Partial<ObjectStore> => ({ put: async (name) => ({ name, sizeBytes: objects.place.objects.size }) }),
    ],
    [
      'alters',
      'DIGEST_MISMATCH',
      (objects: MemoryObjectStore): Partial<ObjectStore> => ({ get: (name, options) => altered(objects.get(name, options)) }),
    ],
  ] as const)('fails on a store that %s what it was given', async (_, code, breakIt) => {
    const objects = new MemoryObjectStore();
    await expectCode(code, storeOn(overriding<ObjectStore>(objects, breakIt(objects))).probe(never));
  });
});

async function* altered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) yield chunk.map((byte) => byte ^ 1);
}

describe('a process that is killed', () => {
  /** What a run does to a store: one snapshot replaces another. */
  async function runOnce(store: Store): Promise<void> {
    await store.probe(never);
    await store.sweep('home', never);
    await save(store, nextId, { 'next.tar': noise(50, 3), 'next.contents': noise(5, 4) });
    await store.remove(sampleManifest(id, { parts }), never);
  }

  async function placeWithOneSnapshot(): Promise<MemoryPlace> {
    const place = memoryPlace();
    await save(storeOn(new MemoryObjectStore(place)), id, parts);
    place.objects.set('holiday.jpg', noise(7));
    return place;
  }

  async function die(
    place: MemoryPlace,
    crash: { readonly at: number; readonly moment: CrashMoment },
    work: (store: Store) => Promise<void>,
  ): Promise<boolean> {
    const objects = new CrashingObjectStore(place, crash);
    await work(storeOn(objects)).catch((error: unknown) => {
      if (!objects.crashed || !(error instanceof Crash)) throw error;
    });
    return objects.crashed;
  }

  /** Only whole snapshots, and the strangers' files; a snapshot that was whole before and was not being removed is still there. */
  async function expectOnlySnapshots(place: MemoryPlace): Promise<readonly string[]> {
    const store = storeOn(new MemoryObjectStore(place));
    const expected = ['holiday.jpg'];
    const ids = await store.listNames(never);
    for (const found of ids) {
      const { manifest } = await store.readManifest(found, never);
      expected.push(`${found}.manifest.json`, ...manifest.parts.map((part) => part.name));
      for (const part of manifest.parts) expect(place.objects.get(part.name)?.length).toBe(part.sizeBytes);
    }
    expect(names(place)).toEqual(expected.toSorted());
    expect([...place.unfinished].filter((name) => !name.startsWith('holdfast-probe'))).toEqual([]);
    return ids;
  }

  it('during any change, in any way, leaves only what the next run removes', async () => {
    for (const moment of crashMoments) {
      for (let at = 0; ; at++) {
        const place = await placeWithOneSnapshot();
        const crashed = await die(place, { at, moment }, runOnce);
        const store = storeOn(new MemoryObjectStore(place));
        await store.probe(never);
        await store.sweep('home', never);
        const ids = await expectOnlySnapshots(place);
        expect(ids.length).toBeGreaterThan(0);
        expect(await store.sweep('home', never)).toEqual([]);
        if (!crashed) break;
      }
    }
  });

  it('again while it tidies up, and again, leaves only what the next run removes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat({ max: 14 }), moment: fc.constantFrom(...crashMoments) }), { minLength: 1, maxLength: 5 }),
        async (crashes) => {
          const place = await placeWithOneSnapshot();
          for (const [index, crash] of crashes.entries()) {
            await die(place, crash, async (store) => {
              await store.probe(never);
              await store.sweep('home', never);
              await save(store, `home-2026020${index + 1}-020000`, { [`part-${index}.tar`]: noise(20, index) });
              const [oldest] = (await store.listNames(never)).toSorted();
              if (oldest !== undefined && index > 1) await store.remove((await store.readManifest(oldest, never)).manifest, never);
            });
          }
          const store = storeOn(new MemoryObjectStore(place));
          await store.probe(never);
          await store.sweep('home', never);
          expect((await expectOnlySnapshots(place)).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

it.runIf(canMount('ext4'))('a store that fills up in the second part leaves the disk as it was before the run', async () => {
  await using disk = await loopFileSystem('ext4', { sizeMiB: 24 });
  const store = storeOn(new LocalObjects(join(disk.path, 'store'), keptLog()));
  await save(store, id, parts);
  const before = await store.space(never);
  const running = (async () => {
    await using writer = await store.begin({ id: nextId, plan: 'home', partNames: ['one.tar', 'two.tar'] }, never);
    await writer.put('one.tar', chunked(noise(8_000_000), 1_000_000), never);
    await writer.put('two.tar', chunked(noise(30_000_000), 1_000_000), never);
  })();
  await expectCode('STORE_FULL', running);
  expect((await readdir(join(disk.path, 'store'))).toSorted()).toEqual(whole);
  expect((await store.space(never))?.freeBytes).toBeGreaterThan((before?.freeBytes ?? Infinity) - 500_000);
  expect(await collect(store.readPart('app.sql.zst', never))).toEqual(parts['app.sql.zst']);
});
