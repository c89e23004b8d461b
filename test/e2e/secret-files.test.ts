import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createApplication } from '../fixtures/application-database.ts';
import { startPostgres } from '../fixtures/postgres-cluster.ts';
import { databaseContent } from './database-content.ts';
import { install, type Report } from './holdfast.ts';

it('every secret may come from a file, as containers are handed them, and the server from a service', async () => {
  await using cluster = await startPostgres({ auth: 'scram' });
  await createApplication(cluster, 'app');
  await cluster.createDatabase('copy');
  await using installation = await install();
  const secret = async (name: string, text: string): Promise<string> => {
    const path = join(installation.directory, name);
    await writeFile(path, `${text}\n`, { mode: 0o600 });
    return path;
  };
  const service = `[shop]\nhost=${cluster.host}\nport=${cluster.port}\nuser=${cluster.superuser}\ndbname=app`;
  const env = {
    PGSERVICE: 'shop',
    PGSERVICEFILE: await secret('services', service),
    PGPASSWORD_FILE: await secret('password', cluster.password ?? ''),
    BACKUP_DIR: installation.store,
    BACKUP_AGE_PASSPHRASE_FILE: await secret('passphrase', 'correct horse'),
  };
  const { snapshotId } = await installation.json<Report>(['backup'], { env });
  const target = { HOLDFAST_TARGET_URL_FILE: await secret('target', cluster.url('copy')) };
  await installation.json(['restore', snapshotId, '--only', 'app', '--yes'], { env: { ...env, ...target } });
  expect(await databaseContent(cluster, 'copy')).toEqual(await databaseContent(cluster, 'app'));

  const absent = await installation.run(['backup', '--json'], { env: { ...env, PGPASSWORD_FILE: '/run/secrets/none' } });
  expect([absent.exitCode, absent.json<Report>().error]).toMatchObject([2, { code: 'SECRET_MISSING' }]);
  const unknown = await installation.run(['backup', '--json'], { env: { ...env, PGSERVICE: 'none' } });
  expect([unknown.exitCode, unknown.json<Report>().error]).toMatchObject([2, { code: 'CONFIG_INVALID' }]);
});
