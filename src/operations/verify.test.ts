import { mkdir, open, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { install, type Listed, type Report } from '../../test/e2e/holdfast.ts';

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

test('why a snapshot could not be verified is told in JSON too', async () => {
  await using installation = await encryptedSnapshot();
  await rename(installation.store, `${installation.store}.away`);
  const verified = await installation.run(['verify', '--json']);
  expect([verified.exitCode, verified.json()]).toMatchObject([4, { outcome: 'failed', error: { code: 'STORE_ABSENT' } }]);
});
