import { HoldfastError } from '../../src/domain/errors.ts';
import type { Store, SnapshotWriter } from '../../src/ports/store.ts';
import { decodeManifest, encodeManifest } from '../../src/pipeline/manifest-codec.ts';
import { systemClock } from '../../src/platform/system-clock.ts';
import { openArchiveStore } from '../../src/stores/archive-store.ts';
import { keptLog } from '../fakes/kept-log.ts';
import { MemoryObjectStore, memoryPlace } from '../fakes/memory-object-store.ts';
import { overriding } from '../fakes/overriding.ts';
import { chunked, collect } from './bytes.ts';
import { describeContract, describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { storeClauses } from './store.ts';
import type { StoreSubject } from './store.ts';

const never = new AbortController().signal;

describeContract('an archive store in memory keeps the store contract', { clauses: storeClauses, make: broken(() => ({})) });

interface Right {
  readonly store: Store;
  readonly objects: MemoryObjectStore;
}

function broken(breakIt: (right: Right) => Partial<Store>): Factory<StoreSubject> {
  return async () => {
    const objects = new MemoryObjectStore(memoryPlace());
    return {
      open: async (installation = 'own') => {
        const store = openArchiveStore({
          objects,
          name: 'memory',
          location: 'memory',
          installation,
          codec: { encode: encodeManifest, decode: decodeManifest },
          clock: systemClock,
          log: keptLog(),
        });
        return overriding(store, breakIt({ store, objects }));
      },
      async [Symbol.asyncDispose]() {},
    };
  };
}

/** Broken in its writer. */
function writing(breakIt: (writer: SnapshotWriter, right: Right) => Partial<SnapshotWriter>): Factory<StoreSubject> {
  return broken((right) => ({
    begin: async (intent, signal) => {
      const writer = await right.store.begin(intent, signal);
      return overriding(writer, breakIt(writer, right));
    },
  }));
}

function wrapped(cause: unknown): never {
  throw new HoldfastError('STORE_FAILED', 'Cannot store', { hint: 'Try again', cause });
}

const leavingParts = writing(() => ({ [Symbol.asyncDispose]: async () => undefined }));

describeContractTests('the store contract', {
  clauses: storeClauses,
  broken: {
    'a committed snapshot is listed with its manifest, and its parts read back': broken(({ store }) => ({
      async *list(signal) {
        for await (const stored of store.list(signal)) yield { ...stored, sha256: 'another' };
      },
    })),
    'a range of a part yields its bytes, as far as there are any': broken(({ store }) => ({
      readPart: (name, signal) => store.readPart(name, signal),
    })),
    'put returns the stored length, and statPart tells it too': writing((writer) => ({
      put: async (name, body, signal) => ({ ...(await writer.put(name, body, signal)), sizeBytes: 0 }),
    })),
    'nothing is listed before the commit': broken(({ store, objects }) => ({
      listNames: async (signal) => [...(await store.listNames(signal)), ...objects.place.objects.keys()],
    })),
    'disposing without a commit removes what was put': leavingParts,
    "a commit is refused when a stored length is not the manifest's": writing(() => ({ commit: async () => ({ manifestSha256: '' }) })),
    'a commit is refused when a part is missing': writing(() => ({ commit: async () => ({ manifestSha256: '' }) })),
    'a part that was not announced is refused': writing((_, { objects }) => ({
      put: (name, body, signal) => objects.put(name, body, signal),
    })),
    'a part that fails to be read leaves nothing, and its error is passed on': writing((writer) => ({
      put: (name, body, signal) => writer.put(name, body, signal).catch(wrapped),
    })),
    'an abort leaves nothing': writing((writer) => ({ put: (name, body) => writer.put(name, body, never) })),
    'parts may be put at the same time': writing((writer) => {
      let busy = false;
      return {
        put: async (name, body, signal) => {
          if (busy) wrapped('one at a time');
          busy = true;
          return writer.put(name, body, signal).finally(() => (busy = false));
        },
      };
    }),
    'a snapshot is never replaced': broken(({ store, objects }) => ({
      begin: async (intent, signal) => {
        objects.place.objects.delete(`${intent.id}.manifest.json`);
        return store.begin(intent, signal);
      },
    })),
    'a part of another snapshot is never replaced or removed': writing((writer, { objects }) => ({
      put: async (name, body, signal) => {
        objects.place.objects.delete(name);
        return writer.put(name, body, signal);
      },
    })),
    'a part that was announced is refused to every other snapshot': broken(({ store }) => ({
      begin: (intent, signal) => store.begin(intent.plan === 'office' ? { ...intent, partNames: [] } : intent, signal),
    })),
    'snapshot and part names that could leave the place are refused': broken(({ store }) => ({
      begin: (intent, signal) => store.begin({ ...intent, partNames: [] }, signal),
    })),
    'what is not there is missing': broken(({ store }) => ({
      readPart: (name) => chunked(new TextEncoder().encode(`${name} of ${store.name}`), 10),
    })),
    'a removed snapshot is gone with its parts, others stay, and removing twice is fine': broken(({ objects }) => ({
      remove: (manifest, signal) => objects.remove(`${manifest.id}.manifest.json`, signal),
    })),
    'nothing is removed once the signal has fired': broken(({ store }) => ({ remove: (manifest) => store.remove(manifest, never) })),
    'a sweep removes what a dead run left': broken(() => ({ sweep: async () => [] })),
    'a sweep leaves committed snapshots alone': broken(({ objects }) => ({
      sweep: async () => {
        const names = [...objects.place.objects.keys()];
        objects.place.objects.clear();
        return names;
      },
    })),
    'a sweep leaves the runs of other plans alone': broken(({ store }) => ({ sweep: (_, signal) => store.sweep('home', signal) })),
    'a sweep leaves the runs of another installation alone': broken(({ objects }) => ({
      sweep: async () => {
        const [name = ''] = [...objects.place.objects.keys()].filter((key) => key.startsWith('db_'));
        objects.place.objects.delete(name);
        return name === '' ? [] : [name];
      },
    })),
    'snapshots are there when the place is opened again': broken(({ objects }) => ({
      [Symbol.asyncDispose]: async () => objects.place.objects.clear(),
    })),
    'a probe passes and leaves nothing': broken(({ objects }) => ({
      probe: async (signal) => {
        await objects.put('home-probe.manifest.json', chunked(await collect(chunked(new Uint8Array(1), 1)), 1), signal);
      },
    })),
    'space is unknown or makes sense': broken(() => ({ space: async () => ({ freeBytes: 2, totalBytes: 1 }) })),
  },
});
