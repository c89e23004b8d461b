import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { describeContract } from '../../test/contracts/contract.ts';
import { expectCode } from '../../test/contracts/object-store.ts';
import { serviceStateClauses } from '../../test/contracts/service-state.ts';
import type { Clock } from '../ports/clock.ts';
import { openServiceState } from './service-state.ts';

const at = new Date('2026-03-01T12:00:00.000Z');
const fixed = (now: Date): Clock => ({ now: () => now, monotonicMs: () => 0 });

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  const file = join(directory, 'data', 'service.sqlite');
  return {
    directory,
    file,
    open: (now = at) => openServiceState(file, { clock: fixed(now) }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

describeContract('the state in SQLite keeps the contract of the service state', { clauses: serviceStateClauses, make: scratch });

it('the file and its directory are for their owner alone', async () => {
  await using place = await scratch();
  await using state = await place.open();
  await state.accounts.recordFailure('name:ada', at);
  const data = join(place.directory, 'data');
  expect((await stat(data)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(data)) expect((await stat(join(data, name))).mode & 0o777).toBe(0o600);
});

it('what is outdated is removed when the state is opened; the audit stays', async () => {
  await using place = await scratch();
  {
    await using state = await place.open();
    const { id } = await state.accounts.createUser({ name: 'Ada', role: 'viewer', createdAt: at, passwordHash: null, oidc: null });
    const session = { tokenHash: 'a', userId: id, createdAt: at, expiresAt: at, address: '', agent: '' };
    await state.accounts.createSession(session);
    await state.accounts.recordFailure('name:ada', at);
    await state.audit.append({
      at,
      actor: 'Ada',
      actorKind: 'user',
      address: '',
      act: 'sign-in',
      target: null,
      result: 'done',
      details: {},
    });
  }
  const muchLater = new Date(at.getTime() + 40 * 24 * 3_600_000);
  await using reopened = await place.open(muchLater);
  const database = new DatabaseSync(place.file);
  expect(database.prepare('select count(*) as count from sessions').get()).toEqual({ count: 0 });
  database.close();
  expect(await reopened.accounts.failures('name:ada', new Date(0))).toEqual([]);
  expect(await reopened.audit.entries({ limit: 9 })).toHaveLength(1);
});

it.each([
  ['is no database', (file: string) => writeFile(file, 'this is a text, and a rather long one at that'.repeat(100))],
  ['is cut short', (file: string) => truncate(file, 5000)],
  ['is of a newer Holdfast', async (file: string) => query(file, 'PRAGMA user_version = 99')],
])('a state that %s is refused as such', async (_, breakIt) => {
  await using place = await scratch();
  await (await place.open())[Symbol.asyncDispose]();
  await breakIt(place.file);
  await expectCode('STATE_UNREADABLE', place.open());
});

it('a state that cannot be made says where', async () => {
  await using place = await scratch();
  const file = join(place.directory, 'file');
  await writeFile(file, '');
  const opening = openServiceState(join(file, 'service.sqlite'), { clock: fixed(at) });
  await expectCode('STATE_UNREADABLE', opening);
  await expect(opening).rejects.toThrow(file);
});

function query(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}
