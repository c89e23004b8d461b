import { describe, expect, test } from 'vitest';
import { load, problems, refusal, warnings } from '../../test/fixtures/config/load.ts';
import { eventKinds } from '../domain/events.ts';
import type { Secret } from '../domain/secret.ts';

const least = { DATABASE_URL: 'postgres://app:pw@db/shop', BACKUP_DIR: '/b' };

async function only(environment: Record<string, string>) {
  const { plans } = await load({ environment });
  const [plan] = plans.values();
  if (plan === undefined || plans.size !== 1) throw new Error(`expected one plan, not ${plans.size}`);
  return plan;
}

function urlOf(config: unknown): Secret {
  return (config as { readonly url: Secret }).url;
}

describe('the environment alone', () => {
  test('makes a plan of DATABASE_URL and BACKUP_DIR', async () => {
    const plan = await only(least);
    expect(plan).toMatchObject({
      name: 'default',
      layout: 'separate',
      compression: { kind: 'gzip', level: 1 },
      fileName: '{name}_backup_{timestamp}',
      schedule: null,
      stores: [{ kind: 'local', name: 'local:/b', config: { path: '/b' }, keep: null }],
    });
    const [source] = plan.sources;
    expect([source?.kind, source?.name]).toEqual(['postgres', 'shop']);
    const url = urlOf(source?.config);
    expect([url.reveal(), url.origin]).toEqual(['postgres://app:pw@db/shop', 'env:DATABASE_URL']);
  });

  test.each<[Record<string, string>, object]>([
    [{ BACKUP_PLAN: 'shop' }, { name: 'shop' }],
    [{ BACKUP_DIR: 'backups' }, { stores: [{ config: { path: '/srv/app/backups' } }] }],
    [{ BACKUP_DIR: '~/backups' }, { stores: [{ config: { path: '/home/me/backups' } }] }],
    [{ BACKUP_LAYOUT: 'bundle' }, { layout: 'bundle', fileName: '{plan}_backup_{timestamp}' }],
    [{ BACKUP_COMPRESSION: 'zstd' }, { compression: { kind: 'zstd', level: 1 } }],
    [{ BACKUP_COMPRESSION_LEVEL: '6' }, { compression: { kind: 'gzip', level: 6 } }],
    [{ BACKUP_COMPRESSION: 'none' }, { compression: { kind: 'none', level: 0 } }],
    [{ BACKUP_FILE_NAME: '{prefix}_{name}_{timestamp}' }, { fileName: '{prefix}_{name}_{timestamp}' }],
    [{ BACKUP_VERIFY: 'present' }, { verify: 'present' }],
    [
      { BACKUP_SCHEDULE: '0 */6 * * *' },
      { schedule: { cron: '0 */6 * * *', timeZone: null, missed: 'skip', missedWithinMs: null, jitterMs: 0 } },
    ],
    [{ BACKUP_SCHEDULE: '0 2 * * *', BACKUP_TIMEZONE: 'Europe/Berlin' }, { schedule: { timeZone: 'Europe/Berlin' } }],
    [{ BACKUP_SCHEDULE_DAYS: 'Mon,Wed, Fri', BACKUP_SCHEDULE_TIME: '02:15' }, { schedule: { cron: '15 2 * * MON,WED,FRI' } }],
    [{ BACKUP_SCHEDULE_DAYS: 'Sat-Mon', BACKUP_SCHEDULE_TIME: '23:45' }, { schedule: { cron: '45 23 * * MON,SAT,SUN' } }],
    [{ BACKUP_SCHEDULE_TIME: '02:00' }, { schedule: { cron: '0 2 * * *' } }],
    [{ BACKUP_SCHEDULE: '0 2 * * *', BACKUP_ENABLED: 'true' }, { schedule: { cron: '0 2 * * *' } }],
    [{ BACKUP_SCHEDULE: '0 2 * * *', BACKUP_ENABLED: 'false' }, { schedule: null }],
    [
      { BACKUP_SCHEDULE: '0 2 * * *', BACKUP_SCHEDULE_MISSED: 'within 6h', BACKUP_SCHEDULE_JITTER: '10m' },
      { schedule: { missed: 'within', missedWithinMs: 21_600_000, jitterMs: 600_000 }, schedules: { expire: null } },
    ],
    [
      { BACKUP_SCHEDULE: '0 2 * * *', BACKUP_RETENTION_DAYS: '30', BACKUP_TIMEZONE: 'Europe/Berlin' },
      { schedules: { expire: { cron: '0 3 * * *', timeZone: 'Europe/Berlin' }, verify: null, drill: null } },
    ],
    [
      { BACKUP_CLEANUP_SCHEDULE: '5 3 * * *', BACKUP_VERIFY_SCHEDULE: '0 5 * * SAT', BACKUP_DRILL_SCHEDULE: '0 6 1 * *' },
      { schedules: { expire: { cron: '5 3 * * *' }, verify: { cron: '0 5 * * SAT', which: 'newest' }, drill: { cron: '0 6 1 * *' } } },
    ],
    [
      { BACKUP_SCHEDULE: '0 2 * * *', BACKUP_RETENTION_DAYS: '30', BACKUP_DRILL_SCHEDULE: '0 6 1 * *', BACKUP_ENABLED: 'false' },
      { schedule: null, schedules: { expire: null, verify: null, drill: null } },
    ],
    [
      { BACKUP_PAGER: '110', BACKUP_PING_URL: 'https://ping.example.org/x', BACKUP_ALERT_ON: 'backup-failed overdue' },
      {
        notify: [
          { kind: 'pager', name: 'pager:110', events: ['backup-failed', 'overdue'] },
          { kind: 'ping', events: ['backup-started', 'backup-succeeded', 'backup-failed', 'overdue'] },
        ],
      },
    ],
    [{ BACKUP_PAGER: '110', BACKUP_ALERT_ON: 'all' }, { notify: [{ events: eventKinds }] }],
    [{ BACKUP_RETENTION_DAYS: '30' }, { stores: [{ keep: { days: 30 } }] }],
    [{ BACKUP_RETENTION_COUNT: '7' }, { stores: [{ keep: { last: 7 } }] }],
    [
      {
        BACKUP_RETENTION_DAILY: '7',
        BACKUP_RETENTION_WEEKLY: '4',
        BACKUP_RETENTION_MONTHLY: '12',
        BACKUP_RETENTION_YEARLY: '2',
        BACKUP_TIMEZONE: 'Asia/Tokyo',
      },
      { stores: [{ keep: { daily: 7, weekly: 4, monthly: 12, yearly: 2, timeZone: 'Asia/Tokyo' } }] },
    ],
    [{ BACKUP_AGE_RECIPIENTS: 'age1a age1b' }, { encryption: { recipients: ['age1a', 'age1b'], passphrase: null } }],
    [
      { BACKUP_FILES: '/srv/a:rel:~/c', BACKUP_FILES_EXCLUDE: '*.tmp:**/cache/**' },
      {
        sources: [
          {},
          { kind: 'files', name: 'files', config: { paths: ['/srv/a', '/srv/app/rel', '/home/me/c'], exclude: ['*.tmp', '**/cache/**'] } },
        ],
      },
    ],
    [{ BACKUP_DATABASES: 'shop, blog' }, { sources: [{ config: { databases: ['shop', 'blog'] } }] }],
    [{ BACKUP_DATABASES: 'all', BACKUP_GLOBALS: 'yes' }, { sources: [{ config: { databases: 'all', globals: true } }] }],
    [
      { BACKUP_SCHEDULE: '', BACKUP_RETENTION_DAYS: ' ' },
      { schedule: null, stores: [{ keep: null }] },
    ],
  ])('understands %o', async (environment, expected) => {
    expect(await only({ ...least, ...environment })).toMatchObject(expected);
  });

  test('takes PGHOST for a database that the client library finds, and BACKUP_FILES without any', async () => {
    expect(await only({ PGHOST: 'db', BACKUP_DIR: '/b' })).toMatchObject({ sources: [{ kind: 'postgres', name: 'postgres', config: {} }] });
    expect((await only({ BACKUP_FILES: '/srv/photos', BACKUP_DIR: '/b' })).sources).toEqual([
      { kind: 'files', name: 'photos', config: { paths: ['/srv/photos'], exclude: [] } },
    ]);
  });

  test('reads a secret from the file that its _FILE twin names', async () => {
    const files = { '/run/secrets/db': 'postgres://app:pw@db/shop\n', '/run/secrets/pass': 'correct horse\n' };
    const { plans } = await load({
      files,
      environment: { DATABASE_URL_FILE: '/run/secrets/db', BACKUP_AGE_PASSPHRASE_FILE: '/run/secrets/pass', BACKUP_DIR: '/b' },
    });
    const plan = plans.get('default');
    const url = urlOf(plan?.sources[0]?.config);
    expect([url.reveal(), url.origin]).toEqual(['postgres://app:pw@db/shop', 'file:/run/secrets/db']);
    expect(plan?.encryption?.passphrase?.reveal()).toBe('correct horse');
  });

  test('takes values as they are: ${…} means nothing in them', async () => {
    const plan = await only({ ...least, BACKUP_AGE_PASSPHRASE: 'a${env:HOME}b' });
    expect(plan.encryption?.passphrase?.reveal()).toBe('a${env:HOME}b');
  });

  test.each<[Record<string, string>, ...string[]]>([
    [{ DATABASE_URL: least.DATABASE_URL }, 'BACKUP_DIR: is not set; it names the directory that receives the backups'],
    [{ BACKUP_DIR: '/b' }, 'DATABASE_URL: is not set, nor are PGHOST or BACKUP_FILES: one of them says what to back up'],
    [{ ...least, BACKUP_SCHEDULE_TIME: '02:10' }, 'BACKUP_SCHEDULE_TIME: 02:10 is not on a quarter of an hour; choose 02:00 or 02:15'],
    [{ ...least, BACKUP_SCHEDULE_DAYS: 'Mon' }, 'BACKUP_SCHEDULE_DAYS: needs "time" beside "days"'],
    [
      { ...least, BACKUP_SCHEDULE_TIME: '02:15', BACKUP_SCHEDULE: '0 2 * * *' },
      'BACKUP_SCHEDULE_TIME: give "cron", or "days" and "time", not both',
    ],
    [{ ...least, BACKUP_SCHEDULE: '0 0 31 2 *' }, 'BACKUP_SCHEDULE: never comes true: there is no such date'],
    [
      { ...least, BACKUP_SCHEDULE: '0 2 * * *', BACKUP_RETENTION_DAYS: '30', BACKUP_TIMEZONE: 'Berlin' },
      'BACKUP_TIMEZONE: unknown time zone "Berlin"; write a name such as "Europe/Berlin"',
    ],
    [{ ...least, BACKUP_COMPRESSION: 'bzip2' }, 'BACKUP_COMPRESSION: must be "none", "gzip" or "zstd", not "bzip2"'],
    [{ ...least, BACKUP_COMPRESSION: 'none', BACKUP_COMPRESSION_LEVEL: '3' }, 'BACKUP_COMPRESSION_LEVEL: "none" takes no level'],
    [{ ...least, BACKUP_RETENTION_DAYS: 'thirty' }, 'BACKUP_RETENTION_DAYS: must be a number, not text'],
    [{ ...least, BACKUP_ENABLED: 'maybe' }, 'BACKUP_ENABLED: must be true or false'],
    [{ ...least, DATABASE_URL_FILE: '/x' }, 'DATABASE_URL_FILE: is set beside DATABASE_URL; set one of the two'],
    [{ DATABASE_URL_FILE: '/x', BACKUP_DIR: '/b' }, 'DATABASE_URL_FILE: "${file:/x}" leads nowhere: /x does not exist'],
    [
      { ...least, BACKUP_PLAN: 'My Plan' },
      'BACKUP_PLAN: a plan\'s name must begin with a letter or digit and hold only a-z, 0-9, "_" and "-", at most 64',
    ],
    [{ ...least, BACKUP_BUCKET_ENDPOINT: 'https://s3' }, 'BACKUP_BUCKET_ENDPOINT: is missing'],
  ])('refuses %o', async (environment, ...expected) => {
    expect(await problems({ environment })).toEqual(expected);
  });

  test('tells what to set, and how to write a file, when there is nothing', async () => {
    const error = await refusal({ environment: { HOME: '/home/me' } });
    expect(error.code).toBe('CONFIG_NOT_FOUND');
    expect(error.message).toContain('no DATABASE_URL, PGHOST or BACKUP_FILES in the environment');
    expect(error.hint).toContain('BACKUP_DIR');
    expect(error.hint).toContain('sources:');
  });

  test('warns of names that nothing reads, with the nearest that something does', async () => {
    expect(
      await warnings({
        environment: {
          ...least,
          BACKUP_RETENTON_DAYS: '7',
          HOLDFAST_DATADIR: '/x',
          BACKUP_ALERT_EMAIL: 'me@example.org',
          BACKUP_FILES_EXCLUDE: 'x',
        },
      }),
    ).toEqual([
      'BACKUP_FILES_EXCLUDE: has no effect without BACKUP_FILES (BACKUP_FILES_EXCLUDE belongs to files)',
      'BACKUP_ALERT_EMAIL: is not known and has no effect; did you mean BACKUP_ALERT_ON?',
      'BACKUP_RETENTON_DAYS: is not known and has no effect; did you mean BACKUP_RETENTION_DAYS?',
      'HOLDFAST_DATADIR: is not known and has no effect; did you mean HOLDFAST_DATA_DIR?',
    ]);
  });

  test('warns of events that nobody is told', async () => {
    expect(await warnings({ environment: { ...least, BACKUP_ALERT_ON: 'all' } })).toEqual([
      'BACKUP_ALERT_ON: has no effect: no other BACKUP_ALERT_… variable says whom to tell',
    ]);
  });

  test('is silent about everything else in the environment', async () => {
    expect(
      await warnings({ environment: { ...least, PATH: '/bin', BACKUP: '1', HOLDFAST_DATA_DIR: '/d', HOLDFAST_BENCH_DIR: '/x' } }),
    ).toEqual([]);
  });
});

describe('the environment beside a file', () => {
  const text = 'plans: { home: { sources: [{ kind: files, paths: ["${env:BACKUP_ROOT}"] }], stores: [{ kind: local, path: /b }] } }\n';

  test('is used where a reference finds the file that a _FILE twin names', async () => {
    const files = { '/srv/app/holdfast.yaml': text, '/run/secrets/root': '/srv' };
    expect(await warnings({ files, environment: { BACKUP_ROOT_FILE: '/run/secrets/root' } })).toEqual([]);
  });

  test('is used by reference only, and says so of variables that would have made a plan', async () => {
    expect(
      await warnings({
        files: text,
        environment: {
          BACKUP_ROOT: '/srv',
          BACKUP_DIR: '/c',
          BACKUP_SCHEDULE: '0 2 * * *',
          DATABASE_URL: 'postgres://h/d',
          BACKUP_AGE_IDENTITY_FILE: '/opens/older/snapshots',
        },
      }),
    ).toEqual(['BACKUP_DIR: and BACKUP_SCHEDULE are set but have no effect: the plans come from holdfast.yaml']);
  });
});
