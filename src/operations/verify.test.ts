import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readlink, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { overriding } from '../../test/fakes/overriding.ts';
import { install, type Listed, type Report } from '../../test/e2e/holdfast.ts';
import { HoldfastError } from '../domain/errors.ts';
import { systemClock } from '../platform/system-clock.ts';
import { loadConfiguration, openWorld } from '../world.ts';
import { findSnapshot } from './choose.ts';
import { verifySnapshot } from './verify.ts';

/** A snapshot encrypted to one key; files with that key and with another. */
async function encryptedSnapshot() {
  const installation = await install();
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'note'), 'kept\n');
  const [right, wrong] = [await generateIdentity(), await generateIdentity()];
  const keys = { right: join(installation.directory, 'right'), wrong: join(installation.directory, 'wrong') };
  await writeFile(keys.right, right, { mode: 0o600 });
  await writeFile(keys.wrong, wrong, { mode: 0o600 });
  await installation.configure(`
plans:
  home:
    encryption: { recipients: [${await identityToRecipient(right)}] }
    sources: [{ kind: files, paths: [${tree}] }]
    stores: [{ kind: local, path: ${installation.store} }]
`);
  await installation.json(['backup']);
  return Object.assign(installation, { keys });
}

test('a wrong key is to blame by itself: it marks no snapshot as damaged', async () => {
  await using installation = await encryptedSnapshot();
  const wrongKey = { env: { BACKUP_AGE_IDENTITY_FILE: installation.keys.wrong } };
  const verified = await installation.run(['verify', '--json'], wrongKey);
  expect(verified.json<Report>().error).toMatchObject({ code: 'KEY_REJECTED' });
  expect([verified.exitCode, verified.stderr]).toEqual([1, expect.not.stringContaining('no effect')]);
  expect(await installation.json<Listed[]>(['list'])).toMatchObject([{ verification: { kind: 'passed', depth: 'present' } }]);

  const backup = await installation.run(['backup', '--json'], wrongKey);
  expect(backup.json<Report>()).toMatchObject({ outcome: 'failed', error: { code: 'KEY_REJECTED' } });
  await installation.json(['verify', '--latest'], { env: { BACKUP_AGE_IDENTITY_FILE: installation.keys.right } });
});

test('damage is told for what it is although the key is wrong', async () => {
  await using installation = await encryptedSnapshot();
  const name = (await readdir(installation.store)).find((file) => file.includes('.tar'))!;
  await using file = await open(join(installation.store, name), 'r+');
  await file.write(Buffer.from([0xff]), 0, 1, 40);
  const verified = await installation.run(['verify', '--json'], { env: { BACKUP_AGE_IDENTITY_FILE: installation.keys.wrong } });
  expect([verified.exitCode, verified.json()]).toMatchObject([4, { outcome: 'failed', findings: [expect.stringContaining(name)] }]);
});

async function openFilesIn(directory: string): Promise<string[]> {
  const links = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return links.filter((link) => link.startsWith(directory));
}

test('a verification that is called off midway leaves no file of the store open', async () => {
  await using installation = await install();
  const tree = join(installation.directory, 'tree');
  await mkdir(tree);
  for (const name of ['one', 'two']) await writeFile(join(tree, name), randomBytes(2 ** 20));
  const file = await installation.configure(`
plans: { home: { compression: none, sources: [{ kind: files, paths: [${tree}] }], stores: [{ kind: local, path: ${installation.store} }] } }
`);
  await installation.json(['backup']);

  const context = { clock: systemClock, log: keptLog(), environment: installation.env };
  const configuration = await loadConfiguration({ file, store: undefined, missingSecrets: 'defer' }, context);
  const started = {
    trigger: { kind: 'command', user: 'ada', dueAt: null },
    newRunKey: randomUUID,
    emit: async () => undefined,
  } as const;
  const opening = { context, progress: { step: () => undefined }, check: false, historyUrl: null, started };
  await using world = await openWorld(opening);
  const { plan, planStore, snapshot } = await findSnapshot(configuration, world, { id: undefined, plan: 'home' });
  await using store = await world.openStore(planStore);
  const calledOff = new AbortController();
  const reading = overriding(store, {
    async *readPart(name, signal) {
      for await (const chunk of store.readPart(name, signal)) {
        yield chunk;
        // By then the first entry was looked up in the listing.
        if (name.includes('.tar')) calledOff.abort(new HoldfastError('CANCELLED', 'Enough', { hint: 'Verify again' }));
      }
    },
  });
  const request = { store: reading, snapshot, depth: 'readable', plan, signal: calledOff.signal } as const;
  await expect(verifySnapshot(world, request)).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await openFilesIn(installation.store)).toEqual([]);
});

test('why a snapshot could not be verified is told in JSON too', async () => {
  await using installation = await encryptedSnapshot();
  await rename(installation.store, `${installation.store}.away`);
  const verified = await installation.run(['verify', '--json']);
  expect([verified.exitCode, verified.json()]).toMatchObject([4, { outcome: 'failed', error: { code: 'STORE_ABSENT' } }]);
});
