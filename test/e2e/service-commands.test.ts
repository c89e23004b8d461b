import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesIn, install, type Installation, type Listed, type Report } from './holdfast.ts';

const viennaNights = 'schedule: { cron: "30 2 * * *", timeZone: Europe/Vienna }';

async function withPlan(keys: string, stores = '{ kind: local, path: "../store", name: one }'): Promise<Installation> {
  const installation = await install();
  const photos = join(installation.directory, 'photos');
  await mkdir(photos);
  await writeFile(join(photos, 'cat.jpg'), 'meow');
  await installation.configure(`plans: { home: { sources: [{ kind: files, paths: [${photos}] }], stores: [${stores}], ${keys} } }`);
  return installation;
}

/** A command whose standard input holds this line. */
function told(line: string) {
  return { wrapper: ['sh', '-c', `printf '%s\\n' '${line}' | "$0" "$@"`] };
}

/** Everything that the installation keeps, as one text. */
async function keptBy({ dataDirectory }: Installation): Promise<string> {
  const files = (await filesIn(dataDirectory)).map((name) => join(dataDirectory, name));
  const texts = await Promise.all(files.map(async (file) => ((await stat(file)).isFile() ? await readFile(file, 'latin1') : '')));
  return texts.join('\n');
}

it('schedule preview shows the next runs of all schedules and why, where the clocks change too', async () => {
  await using installation = await withPlan(`${viennaNights}, schedules: { expire: { time: "03:00", timeZone: Europe/Vienna } }`);
  const runs = await installation.json(['schedule', 'preview', 'home', '--from', '2026-10-24T12:00:00Z', '--count', '3']);
  expect(runs).toEqual([
    {
      plan: 'home',
      verb: 'backup',
      at: '2026-10-25T00:30:00.000Z',
      local: '2026-10-25T02:30:00+02:00[Europe/Vienna]',
      why: '30 2 * * * in Europe/Vienna; 02:30 comes twice this day: the first',
    },
    {
      plan: 'home',
      verb: 'expire',
      at: '2026-10-25T02:00:00.000Z',
      local: '2026-10-25T03:00:00+01:00[Europe/Vienna]',
      why: '0 3 * * * in Europe/Vienna',
    },
    {
      plan: 'home',
      verb: 'backup',
      at: '2026-10-26T01:30:00.000Z',
      local: '2026-10-26T02:30:00+01:00[Europe/Vienna]',
      why: '30 2 * * * in Europe/Vienna',
    },
  ]);
  expect(await installation.json<unknown[]>(['schedule', 'preview'])).toHaveLength(10);
  const refused = await installation.run(['schedule', 'preview', '--from', 'tomorrow']);
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('"tomorrow" is no instant')]);
});

it('status tells the time that the schedule really has next, jitter included', async () => {
  await using installation = await withPlan('schedule: { cron: "0 0 1 1 *", timeZone: UTC, jitter: 10h }');
  await installation.json(['backup']);
  const [next] = await installation.json<readonly { readonly at: string }[]>(['schedule', 'preview', '--count', '1']);
  expect(await installation.json(['status'])).toMatchObject({ plans: [{ nextDueAt: next?.at }] });
});

it('token create prints a token that is kept as a digest alone, and list and revoke know it', async () => {
  await using installation = await withPlan(viennaNights);
  const made = await installation.json<{ token: string; id: string; expiresAt: string }>(
    'token create --role viewer --name grafana --plan home --expires 90d'.split(' '),
  );
  expect(made).toMatchObject({ token: expect.stringMatching(/^hft_[\w-]{43}$/u) as string, role: 'viewer', plans: ['home'] });
  const plain = await installation.run(['token', 'create', '--role', 'administrator']);
  expect(plain.stdout).toMatch(/^hft_[\w-]{43}\n$/u);
  const listed = await installation.json<{ id: string; name: string }[]>(['token', 'list']);
  expect(listed.map(({ name }) => name).toSorted()).toEqual(['cli', 'grafana']);
  expect(await keptBy(installation)).not.toContain(made.token);
  expect(JSON.stringify(listed)).not.toContain(made.token);
  await installation.json(['token', 'revoke', made.id]);
  expect(await installation.json<unknown[]>(['token', 'list'])).toHaveLength(1);
  const again = await installation.run(['token', 'revoke', made.id, '--json']);
  expect([again.exitCode, again.json<{ error: { code: string } }>().error.code]).toEqual([2, 'TOKEN_UNKNOWN']);
});

it('token create refuses a role, a plan and a duration that do not exist', async () => {
  await using installation = await withPlan(viennaNights);
  for (const flags of [['--role', 'admin'], [], ['--role', 'viewer', '--plan', 'hom'], ['--role', 'viewer', '--expires', '0d']]) {
    expect((await installation.run(['token', 'create', ...flags])).exitCode, flags.join(' ')).toBe(2);
  }
  expect(await installation.json<unknown[]>(['token', 'list'])).toEqual([]);
});

it('user create takes the password from standard input, keeps no word of it, and lets nobody in twice', async () => {
  await using installation = await withPlan(viennaNights);
  const password = 'correct horse battery';
  await installation.json(['user', 'create', 'anna', '--role', 'administrator'], told(password));
  expect(await installation.json(['user', 'list'])).toMatchObject([{ name: 'anna', role: 'administrator', hasPassword: true }]);
  expect(await keptBy(installation)).not.toContain(password);
  const twice = await installation.run(['user', 'create', 'Anna', '--role', 'viewer'], told(password));
  expect([twice.exitCode, twice.stderr]).toEqual([2, expect.stringContaining('USER_EXISTS')]);
  const short = await installation.run(['user', 'create', 'bert', '--role', 'viewer'], told('short'));
  expect(short.exitCode).toBe(2);
  const reset = await installation.json(['user', 'reset-password', 'anna'], told('another long one'));
  expect(reset).toMatchObject({ name: 'anna', removed: { passkeys: 0, oneTimeCodes: false } });
  expect((await installation.run(['user', 'reset-password', 'nobody'], told(password))).exitCode).toBe(2);
});

it('copy brings a snapshot into a store that came later, and proves it there', async () => {
  await using installation = await withPlan(viennaNights);
  const { snapshotId } = await installation.json<Report>(['backup']);
  const file = join(installation.directory, 'cwd', 'holdfast.yaml');
  const yaml = await readFile(file, 'utf8');
  await installation.configure(yaml.replace('name: one }', 'name: one }, { kind: local, path: ../usb, name: two }'));
  expect(await installation.json<Report>(['copy', snapshotId, '--to', 'two'])).toMatchObject({
    outcome: 'succeeded',
    details: { from: 'one', to: 'two', verification: { outcome: 'passed' } },
  });
  const listed = await installation.json<Listed[]>(['list']);
  expect(listed.map(({ store, verification }) => [store, verification.kind])).toEqual([
    ['one', 'passed'],
    ['two', 'passed'],
  ]);
  const unknown = await installation.run(['copy', snapshotId, '--to', 'three']);
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('Name one of: one, two')]);
});

it('serve works with variables alone, logs one JSON object a line, and lets in who has a token', async () => {
  await using installation = await install({ HOLDFAST_LISTEN: '127.0.0.1:0', BACKUP_ENABLED: 'true', BACKUP_SCHEDULE: '0 2 1 1 *' });
  const env = { BACKUP_FILES: installation.scratch, BACKUP_DIR: installation.store };
  const { token } = await installation.json<{ token: string }>(['token', 'create', '--role', 'viewer'], { env });
  const serving = installation.start(['serve', '--json'], { env });
  await serving.untilSaid(/Backup scheduler started/u);
  const [announced] = await serving.untilPrinted(/^\{.*\}\n/u);
  const { listening } = JSON.parse(announced) as { listening: string[] };
  const [address = ''] = listening;
  const ask = (path: string, headers: Record<string, string> = {}) => fetch(`${address}${path}`, { headers });
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/api/v1/me')).status).toBe(401);
  const me = await ask('/api/v1/me', { authorization: `Bearer ${token}` });
  expect([me.status, await me.json()]).toEqual([200, expect.objectContaining({ kind: 'token', role: 'viewer' })]);
  serving.kill('SIGTERM');
  const { exitCode, stderr } = await serving.ended;
  expect(exitCode).toBe(143);
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toContain('Backup scheduler started');
  expect(stderr).toMatch(/Create the administrator: http:\/\/127\.0\.0\.1:\d+\/setup#/u);
  expect(stderr).not.toContain(token);
});
