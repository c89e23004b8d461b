import { HoldfastError } from '../../src/domain/errors.ts';
import { checkObjectName } from '../../src/ports/object-store.ts';
import type { GetOptions, ObjectStat, ObjectStore } from '../../src/ports/object-store.ts';
import { MemoryObjectStore, memoryPlace } from '../fakes/memory-object-store.ts';
import type { MemoryPlace } from '../fakes/memory-object-store.ts';
import { overriding } from '../fakes/overriding.ts';
import { collect } from './bytes.ts';
import { describeContract, describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { objectStoreClauses } from './object-store.ts';
import type { ObjectStoreSubject } from './object-store.ts';

describeContract('MemoryObjectStore keeps the object store contract', {
  clauses: objectStoreClauses,
  make: opened((place) => new MemoryObjectStore(place)),
});

type Body = AsyncIterable<Uint8Array>;
const never = new AbortController().signal;

/** A store that is right but for what `breakIt` overrides. */
function broken(breakIt: (right: MemoryObjectStore) => Partial<ObjectStore>): Factory<ObjectStoreSubject> {
  return opened((place) => {
    const right = new MemoryObjectStore(place);
    return overriding<ObjectStore>(right, breakIt(right));
  });
}

function opened(open: (place: MemoryPlace) => ObjectStore): Factory<ObjectStoreSubject> {
  return async () => {
    const place = memoryPlace();
    return { open: async () => open(place), manyObjects: 45, manyBytes: 2_500_001, async [Symbol.asyncDispose]() {} };
  };
}

async function keep(right: MemoryObjectStore, name: string, bytes: Uint8Array): Promise<ObjectStat> {
  right.place.objects.set(name, bytes);
  return { name, sizeBytes: bytes.length };
}

const putIgnoringTheSignal = (right: MemoryObjectStore) => ({
  put: (name: string, body: Body) => right.put(name, body, never),
});

const puttingAsItFlows = (right: MemoryObjectStore) => ({
  put: async (name: string, body: Body) => {
    let bytes = new Uint8Array(0);
    for await (const chunk of body) {
      bytes = new Uint8Array(Buffer.concat([bytes, chunk]));
      right.place.objects.set(name, bytes);
    }
    return { name, sizeBytes: bytes.length };
  },
});

const leavingRemains = (right: MemoryObjectStore) => ({
  put: async (name: string, body: Body, signal: AbortSignal) => {
    try {
      return await right.put(name, body, signal);
    } catch (error) {
      right.place.unfinished.add(name);
      throw error;
    }
  },
});

const losing = (bytesLost: (bytes: Uint8Array) => boolean) => (right: MemoryObjectStore) => ({
  put: async (name: string, body: Body) => {
    const bytes = await collect(body);
    return keep(right, name, bytesLost(bytes) ? bytes.subarray(0, -1) : bytes);
  },
});

const replacing = (right: MemoryObjectStore) => ({
  put: async (name: string, body: Body) => {
    checkObjectName(name);
    return keep(right, name, await collect(body));
  },
});

const getting = (change: (options: GetOptions) => GetOptions) => (right: MemoryObjectStore) => ({
  get: (name: string, options: GetOptions) => right.get(name, change(options)),
});

describeContractTests('the object store contract', {
  clauses: objectStoreClauses,
  broken: {
    'an absent object has no stat, cannot be read and can be removed': broken((right) => ({
      get: (name, options) => (right.place.objects.has(name) ? right.get(name, options) : collectNothing()),
    })),
    'an empty object is stored': broken((right) => ({
      put: async (name, body) => {
        const bytes = await collect(body);
        return bytes.length === 0 ? { name, sizeBytes: 0 } : keep(right, name, bytes);
      },
    })),
    'an object of one byte is stored': broken(losing((bytes) => bytes.length === 1)),
    'an object beyond one part comes back byte for byte': broken(losing((bytes) => bytes.length > 1_048_576)),
    'put, stat and list tell the same size': broken((right) => ({
      stat: async (name, signal) => ((await right.stat(name, signal)) === undefined ? undefined : { name, sizeBytes: 0 }),
    })),
    'odd names are kept as they are': broken((right) => ({
      put: (name, body, signal) => right.put(name.toLowerCase(), body, signal),
    })),
    'names that could leave the place are refused by every method before anything is touched': broken((right) => ({
      put: async (name, body, signal) => {
        const bytes = await collect(body);
        return right.put(name, [bytes] as unknown as Body, signal);
      },
    })),
    'an object is never replaced': broken(replacing),
    'a listing across pages yields every object once': broken((right) => ({
      async *list(signal) {
        let count = 0;
        for await (const object of right.list(signal)) if (count++ < 40) yield object;
      },
    })),
    'a range yields its bytes': broken(getting(({ offset: _, ...rest }) => rest)),
    'a range beyond the end yields what there is': broken((right) => ({
      async *get(name, options) {
        const bytes = await collect(right.get(name, options));
        if (options.sizeBytes !== undefined && bytes.length < options.sizeBytes) throw new RangeError('beyond the end');
        yield bytes;
      },
    })),
    'a body that fails leaves nothing, and its error is passed on': broken((right) => ({
      put: (name, body, signal) =>
        right.put(name, body, signal).catch((cause: unknown) => {
          throw new HoldfastError('STORE_FAILED', 'Cannot store', { hint: 'Try again', cause });
        }),
    })),
    'nothing is put once the signal has fired': broken(putIgnoringTheSignal),
    'an abort in the middle leaves nothing': broken(leavingRemains),
    'an abort does not wait for a body that is stuck': broken((right) => ({
      put: async (name, body, signal) => right.put(name, [await collect(body)] as unknown as Body, signal),
    })),
    'the body is closed when a put ends early': broken((right) => ({
      put: (name, body, signal) => {
        const iterator = body[Symbol.asyncIterator]();
        return right.put(name, { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }, signal);
      },
    })),
    'an object is not seen before it is whole': broken(puttingAsItFlows),
    'puts of different names may overlap': broken((right) => {
      let current: Uint8Array[] = [];
      return {
        put: async (name, body) => {
          current = [];
          for await (const chunk of body) current.push(chunk);
          return keep(right, name, new Uint8Array(Buffer.concat(current)));
        },
      };
    }),
    'of several puts of one name one wins, whole': broken(replacing),
    'a chunk is done with when the next is asked for: the giver may use its memory anew': broken((right) => ({
      put: async (name, body) => keep(right, name, await collect(body)),
    })),
    "a chunk that was read is its receiver's, who may give it away": broken((right) => ({
      async *get(name, options) {
        const { sizeBytes = 0 } = (await right.stat(name, never)) ?? {};
        for (let position = options.offset ?? 0; position < sizeBytes;) {
          const chunk = await collect(
            right.get(name, { ...options, offset: position, sizeBytes: Math.min(options.sizeBytes ?? Infinity, 65_536) }),
          );
          yield chunk;
          if (chunk.length === 0) return;
          position += chunk.length;
        }
      },
    })),
    'a removed object is gone, others stay, and removing twice is fine': broken(() => ({ remove: async () => undefined })),
    'nothing is removed once the signal has fired': broken((right) => ({ remove: (name) => right.remove(name, never) })),
    'discarding what is unfinished leaves the object': broken((right) => ({
      discardUnfinished: (name, signal) => right.remove(name, signal),
    })),
    'a read stops when the signal fires': broken(getting((options) => ({ ...options, signal: never }))),
    'a read that is given up early harms nothing': broken((right) => ({
      async *get(name, options) {
        let whole = false;
        try {
          yield* right.get(name, options);
          whole = true;
        } finally {
          if (!whole) await right.remove(name, never);
        }
      },
    })),
    'objects are there when the place is opened again': broken((right) => ({
      [Symbol.asyncDispose]: async () => right.place.objects.clear(),
    })),
    'space is unknown or makes sense': broken(() => ({ space: async () => ({ freeBytes: 2, totalBytes: 1 }) })),
  },
});

async function* collectNothing(): AsyncGenerator<Uint8Array, void, undefined> {
  yield* [];
}
