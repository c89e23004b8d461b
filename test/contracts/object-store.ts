import { expect } from 'vitest';
import { isHoldfastError } from '../../src/domain/errors.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { chunked, collect, collectItems, noise, sha256 } from './bytes.ts';
import type { Clause } from './contract.ts';

export interface ObjectStoreSubject {
  /** Opens the same place, again each time. */
  open(): Promise<ObjectStore>;
  /** More objects than the store lists in one page. */
  readonly manyObjects: number;
  /** More bytes than the store sends in one piece. */
  readonly manyBytes: number;
}

const never = new AbortController().signal;

/** What a driver promises (`src/ports/object-store.ts`), clause by clause. */
export const objectStoreClauses: readonly Clause<ObjectStoreSubject>[] = [
  clause('an absent object has no stat, cannot be read and can be removed', async (store) => {
    await put(store, 'present');
    expect(await store.stat('absent', never)).toBeUndefined();
    await expectCode('OBJECT_MISSING', collect(store.get('absent', { signal: never })));
    await store.remove('absent', never);
  }),
  clause('an empty object is stored', async (store) => {
    await expectStored(store, 'empty', new Uint8Array(0));
  }),
  clause('an object of one byte is stored', async (store) => {
    await expectStored(store, 'one', noise(1));
  }),
  clause('an object beyond one part comes back byte for byte', async (store, { manyBytes }) => {
    const bytes = noise(manyBytes);
    await store.put('large', chunked(bytes, 1, 70_000, 0, 1_048_576, 3), never);
    expect(sha256(await collect(store.get('large', { signal: never })))).toBe(sha256(bytes));
  }),
  clause('put, stat and list tell the same size', async (store) => {
    expect(await put(store, 'sized', noise(12_345))).toEqual({ name: 'sized', sizeBytes: 12_345 });
    expect(await store.stat('sized', never)).toEqual({ name: 'sized', sizeBytes: 12_345 });
    expect(await listed(store)).toEqual([{ name: 'sized', sizeBytes: 12_345 }]);
  }),
  clause('odd names are kept as they are', async (store) => {
    const names = [
      '~',
      '-rf',
      '--',
      '+@~',
      'A.a',
      'a.A',
      '_',
      '0',
      'x.',
      'x..y',
      'CON',
      'db_backup_20260101-020000.sql.gz.age',
      `n${'x'.repeat(199)}`,
    ];
    for (const [index, name] of names.entries()) await put(store, name, noise(10, index));
    expect((await listed(store)).map(({ name }) => name)).toEqual(names.toSorted());
    for (const [index, name] of names.entries()) expect(await read(store, name)).toEqual(noise(10, index));
  }),
  clause('names that could leave the place are refused by every method before anything is touched', async (store) => {
    let reads = 0;
    async function* body() {
      reads += 1;
      yield noise(1);
    }
    for (const name of badNames) {
      await expectCode('NAME_INVALID', store.put(name, body(), never));
      await expectCode('NAME_INVALID', collect(store.get(name, { signal: never })));
      await expectCode('NAME_INVALID', store.stat(name, never));
      await expectCode('NAME_INVALID', store.remove(name, never));
      await expectCode('NAME_INVALID', store.discardUnfinished(name, never));
    }
    expect(reads).toBe(0);
  }),
  clause('an object is never replaced', async (store) => {
    await put(store, 'kept', noise(100, 1));
    await expectCode('NAME_TAKEN', put(store, 'kept', noise(200, 2)));
    expect(await read(store, 'kept')).toEqual(noise(100, 1));
    expect(await listed(store)).toHaveLength(1);
  }),
  clause('a listing across pages yields every object once', async (store, { manyObjects }) => {
    const names = Array.from({ length: manyObjects }, (_, index) => `page-${String(index).padStart(5, '0')}`);
    for (let start = 0; start < names.length; start += 20) {
      await Promise.all(names.slice(start, start + 20).map((name) => put(store, name, noise(3))));
    }
    expect((await listed(store)).map(({ name }) => name)).toEqual(names);
  }),
  clause('a range yields its bytes', async (store) => {
    const bytes = noise(3_000_000);
    await put(store, 'ranged', bytes);
    for (const [offset, sizeBytes] of [
      [0, 1],
      [1, 2],
      [1_048_575, 3],
      [999, 2_500_000],
      [2_999_999, 1],
      [5, 0],
    ] as const) {
      expect(sha256(await collect(store.get('ranged', { offset, sizeBytes, signal: never })))).toBe(
        sha256(bytes.subarray(offset, offset + sizeBytes)),
      );
    }
    expect(sha256(await collect(store.get('ranged', { offset: 2_000_000, signal: never })))).toBe(sha256(bytes.subarray(2_000_000)));
  }),
  clause('a range beyond the end yields what there is', async (store) => {
    await put(store, 'short', noise(100));
    expect(await collect(store.get('short', { offset: 90, sizeBytes: 50, signal: never }))).toEqual(noise(100).subarray(90));
    expect(await collect(store.get('short', { offset: 100, sizeBytes: 1, signal: never }))).toHaveLength(0);
    expect(await collect(store.get('short', { offset: 5000, signal: never }))).toHaveLength(0);
  }),
  clause('a body that fails leaves nothing, and its error is passed on', async (store) => {
    const failure = new Error('the source failed');
    await expect(store.put('failing', failingBody(failure), never)).rejects.toBe(failure);
    await expectNothing(store, 'failing');
  }),
  clause('nothing is put once the signal has fired', async (store) => {
    await expectCode('CANCELLED', store.put('late', chunked(noise(10), 10), AbortSignal.abort()));
    await expectNothing(store, 'late');
  }),
  clause('an abort in the middle leaves nothing', async (store) => {
    const controller = new AbortController();
    await expectCode('CANCELLED', store.put('aborted', abortingBody(controller), controller.signal));
    await expectNothing(store, 'aborted');
  }),
  clause('an abort does not wait for a body that is stuck', async (store) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await expectCode('CANCELLED', withinSeconds(3, store.put('stuck', stuckBody(), controller.signal)));
    await expectNothing(store, 'stuck');
  }),
  clause('the body is closed when a put ends early', async (store) => {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    async function* body() {
      try {
        yield* abortingBody(controller);
      } finally {
        resolve();
      }
    }
    await expectCode('CANCELLED', store.put('closed', body(), controller.signal));
    await withinSeconds(3, promise);
  }),
  clause('an object is not seen before it is whole', async (store) => {
    const seen: unknown[] = [];
    async function* body() {
      yield noise(2_000_000);
      seen.push(await store.stat('growing', never), ...(await listed(store)));
      yield noise(10);
    }
    await store.put('growing', body(), never);
    expect(seen).toEqual([undefined]);
    expect(await store.stat('growing', never)).toEqual({ name: 'growing', sizeBytes: 2_000_010 });
  }),
  clause('puts of different names may overlap', async (store) => {
    const names = Array.from({ length: 12 }, (_, index) => `parallel-${index}`);
    await Promise.all(names.map((name, index) => store.put(name, chunked(noise(300_000, index), 70_001), never)));
    for (const [index, name] of names.entries()) expect(sha256(await read(store, name))).toBe(sha256(noise(300_000, index)));
  }),
  clause('of several puts of one name one wins, whole', async (store) => {
    const bodies = [1, 2, 3, 4].map((seed) => noise(400_000, seed));
    const results = await Promise.allSettled(bodies.map((bytes) => store.put('contested', chunked(bytes, 50_000), never)));
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(isHoldfastError(result.reason, 'NAME_TAKEN')).toBe(true);
    expect(sha256(await read(store, 'contested'))).toBe(sha256(bodies[winners[0] ?? -1] ?? new Uint8Array()));
    expect(await collectItems(store.unfinished(never))).toEqual([]);
  }),
  clause('a chunk is done with when the next is asked for: the giver may use its memory anew', async (store) => {
    const bytes = noise(3_000_000);
    const sizes = [1000, 700_000, 90, 70_000, 300_000];
    async function* body() {
      const reused = new Uint8Array(700_000);
      for await (const chunk of chunked(bytes, ...sizes)) {
        reused.set(chunk);
        yield reused.subarray(0, chunk.length);
        reused.fill(0);
      }
    }
    await store.put('own', body(), never);
    expect(sha256(await read(store, 'own'))).toBe(sha256(bytes));
  }),
  clause("a chunk that was read is its receiver's, who may give it away", async (store) => {
    const bytes = noise(3_000_000);
    await put(store, 'given', bytes);
    const kept: Uint8Array[] = [];
    for await (const chunk of store.get('given', { signal: never })) {
      kept.push(Uint8Array.from(chunk));
      if (chunk.buffer instanceof ArrayBuffer) chunk.buffer.transfer(0);
      // A store that begins anew would go on for ever.
      if (kept.length > bytes.length / 1000) break;
    }
    expect(sha256(new Uint8Array(Buffer.concat(kept)))).toBe(sha256(bytes));
  }),
  clause('a removed object is gone, others stay, and removing twice is fine', async (store) => {
    await put(store, 'going', noise(5));
    await put(store, 'staying', noise(6));
    await store.remove('going', never);
    await store.remove('going', never);
    await expectCode('OBJECT_MISSING', read(store, 'going'));
    expect(await listed(store)).toEqual([{ name: 'staying', sizeBytes: 6 }]);
    expect(await put(store, 'going', noise(7))).toEqual({ name: 'going', sizeBytes: 7 });
  }),
  clause('nothing is removed once the signal has fired', async (store) => {
    await put(store, 'stays', noise(5));
    await expectCode('CANCELLED', store.remove('stays', AbortSignal.abort()));
    expect(await read(store, 'stays')).toEqual(noise(5));
  }),
  clause('discarding what is unfinished leaves the object', async (store) => {
    await put(store, 'whole', noise(5));
    await store.discardUnfinished('whole', never);
    await store.discardUnfinished('nothing', never);
    expect(await read(store, 'whole')).toEqual(noise(5));
  }),
  clause('a read stops when the signal fires', async (store, { manyBytes }) => {
    await put(store, 'long', noise(manyBytes));
    const controller = new AbortController();
    const reading = async () => {
      for await (const chunk of store.get('long', { signal: controller.signal }))
        controller.abort(new Error(`after ${chunk.length} bytes`));
    };
    await expectCode('CANCELLED', reading());
    await expectCode('CANCELLED', collectItems(store.list(AbortSignal.abort())));
  }),
  clause('a read that is given up early harms nothing', async (store, { manyBytes }) => {
    await put(store, 'again', noise(manyBytes));
    for await (const chunk of store.get('again', { signal: never })) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(sha256(await read(store, 'again'))).toBe(sha256(noise(manyBytes)));
  }),
  clause('objects are there when the place is opened again', async (store, subject) => {
    await put(store, 'lasting', noise(50_000));
    await store[Symbol.asyncDispose]();
    await using reopened = await subject.open();
    expect(await listed(reopened)).toEqual([{ name: 'lasting', sizeBytes: 50_000 }]);
    expect(await read(reopened, 'lasting')).toEqual(noise(50_000));
  }),
  clause('space is unknown or makes sense', async (store) => {
    await put(store, 'something');
    const space = await store.space(never);
    if (space === null) return;
    expect(space.freeBytes).toBeGreaterThanOrEqual(0);
    expect(space.totalBytes).toBeGreaterThanOrEqual(space.freeBytes);
  }),
];

const badNames = [
  '',
  '.',
  '..',
  '../up',
  'a/b',
  '/etc/passwd',
  'a\\b',
  'a\0b',
  '.hidden',
  'a b',
  'line\nbreak',
  'ü',
  'x'.repeat(201),
  'x'.repeat(300),
];

function clause(name: string, check: (store: ObjectStore, subject: ObjectStoreSubject) => Promise<void>): Clause<ObjectStoreSubject> {
  return {
    name,
    async run(subject) {
      await using store = await subject.open();
      await check(store, subject);
    },
  };
}

function put(store: ObjectStore, name: string, bytes: Uint8Array = noise(4)) {
  return store.put(name, chunked(bytes, 65_536), never);
}

function read(store: ObjectStore, name: string): Promise<Uint8Array> {
  return collect(store.get(name, { signal: never }));
}

async function listed(store: ObjectStore) {
  return (await collectItems(store.list(never))).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function expectStored(store: ObjectStore, name: string, bytes: Uint8Array): Promise<void> {
  await put(store, name, bytes);
  expect(await read(store, name)).toEqual(bytes);
  expect(await store.stat(name, never)).toEqual({ name, sizeBytes: bytes.length });
  expect(await listed(store)).toEqual([{ name, sizeBytes: bytes.length }]);
}

async function expectNothing(store: ObjectStore, name: string): Promise<void> {
  // A store whose place the put would have made has a place now.
  await put(store, 'witness');
  expect(await store.stat(name, never)).toBeUndefined();
  expect(await listed(store)).toEqual([{ name: 'witness', sizeBytes: 4 }]);
  expect(await collectItems(store.unfinished(never))).toEqual([]);
}

export async function expectCode(code: ErrorCode, action: Promise<unknown>): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isHoldfastError(error, code)) throw new Error(`expected ${code}, got ${String(error)}`, { cause: error });
  expect(error.hint).not.toBe('');
}

async function* failingBody(failure: Error) {
  yield noise(1_500_000);
  yield noise(10);
  throw failure;
}

async function* abortingBody(controller: AbortController) {
  yield noise(1_500_000);
  controller.abort();
  yield noise(10);
  yield noise(10);
}

async function* stuckBody() {
  yield noise(10);
  await new Promise(() => undefined);
}

async function withinSeconds<T>(seconds: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${seconds} seconds`)), seconds * 1000);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
