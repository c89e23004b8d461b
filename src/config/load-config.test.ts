import { describe, expect, test } from 'vitest';
import { load, problems, refusal, warnings } from '../../test/fixtures/config/load.ts';
import { eventGroups, eventKinds } from '../domain/events.ts';
import { Secret } from '../domain/secret.ts';

/** A plan with these lines besides, or in place of, a source and a store that work. */
function plan(...lines: string[]): string {
  const has = (key: string) => lines.some((line) => line.startsWith(`${key}:`));
  const sources = has('sources') ? [] : ['sources: [{ kind: files, paths: [/srv/photos] }]'];
  const stores = has('stores') ? [] : ['stores: [{ kind: local, path: /mnt/backups }]'];
  return ['plans:', '  home:', ...[...sources, ...stores, ...lines].map((line) => `    ${line}`), ''].join('\n');
}

async function home(...lines: string[]) {
  return (await load({ files: plan(...lines) })).plans.get('home');
}

describe('a file', () => {
  test('becomes plans, with every default filled in', async () => {
    const { plans, file, warnings: found } = await load({ files: plan() });
    expect(file).toBe('/srv/app/holdfast.yaml');
    expect(found).toEqual([]);
    expect(plans.get('home')).toEqual({
      name: 'home',
      sources: [{ kind: 'files', name: 'photos', config: { paths: ['/srv/photos'], exclude: [] } }],
      layout: 'separate',
      compression: { kind: 'zstd', level: 1 },
      encryption: null,
      stores: [{ kind: 'local', name: 'local:/mnt/backups', config: { path: '/mnt/backups' }, keep: null }],
      fileName: '{name}_backup_{timestamp}',
      schedule: null,
      schedules: { expire: null, verify: null, drill: null },
      verify: 'readable',
      drill: { every: null, server: null },
      objectives: { rpoHours: null, rtoMinutes: null },
      notify: [],
    });
  });

  test('resolves relative paths from its own directory, and ~', async () => {
    const text = plan('sources: [{ kind: files, paths: [photos, ~/letters] }]', 'stores: [{ kind: local, path: ../backups }]');
    const { plans } = await load({ files: { '/etc/app/my.yaml': text }, options: { file: '/etc/app/my.yaml' } });
    expect(plans.get('home')?.sources[0]?.config).toMatchObject({ paths: ['/etc/app/photos', '/home/me/letters'] });
    expect(plans.get('home')?.stores[0]?.config).toEqual({ path: '/etc/backups' });
  });

  test('is found by --config, HOLDFAST_CONFIG, here, and in /etc, in this order', async () => {
    const files = Object.fromEntries(
      ['/a.yaml', '/b.yaml', '/srv/app/holdfast.yaml', '/srv/app/holdfast.yml', '/etc/holdfast/holdfast.yaml'].map((path) => [
        path,
        plan(),
      ]),
    );
    const fileOf = async (names: string[], environment: Record<string, string> = {}, file?: string) => {
      const present = Object.fromEntries(Object.entries(files).filter(([path]) => names.some((name) => path.endsWith(name))));
      return (await load({ files: present, environment, options: { file } })).file;
    };
    expect(await fileOf(['yaml', 'yml'], { HOLDFAST_CONFIG: '/b.yaml' }, '/a.yaml')).toBe('/a.yaml');
    expect(await fileOf(['yaml', 'yml'], { HOLDFAST_CONFIG: '/b.yaml' })).toBe('/b.yaml');
    expect(await fileOf(['yaml', 'yml'])).toBe('/srv/app/holdfast.yaml');
    expect(await fileOf(['yml', '/etc/holdfast/holdfast.yaml'])).toBe('/srv/app/holdfast.yml');
    expect(await fileOf(['/etc/holdfast/holdfast.yaml'])).toBe('/etc/holdfast/holdfast.yaml');
  });

  test('that is named and absent is an error, whatever the environment says', async () => {
    const error = await refusal({ environment: { HOLDFAST_CONFIG: 'nowhere.yaml', DATABASE_URL: 'postgres://h/d', BACKUP_DIR: '/b' } });
    expect(error.code).toBe('CONFIG_NOT_FOUND');
    expect(error.message).toBe('Cannot read the configuration: /srv/app/nowhere.yaml (named by HOLDFAST_CONFIG) does not exist');
  });

  test('takes aliases', async () => {
    const text = `plans:
  a: { sources: &s [{ kind: files, paths: [/x] }], stores: [{ kind: local, path: /b }] }
  b: { sources: *s, stores: [{ kind: local, path: /b }] }
`;
    const { plans } = await load({ files: text });
    expect([...plans.keys()]).toEqual(['a', 'b']);
    expect(plans.get('b')?.sources).toEqual(plans.get('a')?.sources);
  });

  test('reads numbers and true or false out of references', async () => {
    const text = plan('sources: [{ kind: postgres, port: "${env:PORT}", globals: "${env:GLOBALS}" }]');
    const { plans } = await load({ files: text, environment: { PORT: '6543', GLOBALS: 'true' } });
    expect(plans.get('home')?.sources[0]?.config).toEqual({ port: 6543, globals: true });
  });
});

describe('keys of a plan', () => {
  test.each([
    ['zstd', { kind: 'zstd', level: 1 }],
    ['gzip', { kind: 'gzip', level: 1 }],
    ['none', { kind: 'none', level: 0 }],
    ['{ kind: gzip, level: 9 }', { kind: 'gzip', level: 9 }],
  ])('compression: %s', async (written, compression) => {
    expect((await home(`compression: ${written}`))?.compression).toEqual(compression);
  });

  test('layout: bundle names archives after the plan', async () => {
    expect(await home('layout: bundle')).toMatchObject({ layout: 'bundle', fileName: '{plan}_backup_{timestamp}' });
  });

  test('schedule: days and time become cron, on the quarters of an hour', async () => {
    expect(
      (await home('schedule: { days: [sunday, Mon-Wed], time: "7:45", timeZone: Europe/Berlin, missed: run-once }'))?.schedule,
    ).toEqual({
      cron: '45 7 * * MON,TUE,WED,SUN',
      timeZone: 'Europe/Berlin',
      missed: 'run-once',
      missedWithinMs: null,
      jitterMs: 0,
    });
    expect((await home('schedule: { time: "02:15" }'))?.schedule).toEqual({
      cron: '15 2 * * *',
      timeZone: null,
      missed: 'skip',
      missedWithinMs: null,
      jitterMs: 0,
    });
  });

  test.each(['0 2 * * *', '*/15 * * * *', '0 2 * * MON-FRI', '0 0 29 2 *', '0 2,14 1 JAN,JUL *', '0 0 30 2 1'])(
    'schedule: cron %s is taken as it is',
    async (cron) => {
      expect((await home(`schedule: { cron: "${cron}" }`))?.schedule?.cron).toBe(cron);
    },
  );

  test.each([
    ['skip', { missed: 'skip', missedWithinMs: null }],
    ['run-once', { missed: 'run-once', missedWithinMs: null }],
    ['within 6h', { missed: 'within', missedWithinMs: 6 * 3_600_000 }],
    ['within 1d 12h', { missed: 'within', missedWithinMs: 36 * 3_600_000 }],
  ])('schedule: missed: %s', async (written, expected) => {
    expect((await home(`schedule: { cron: "0 2 * * *", missed: ${written} }`))?.schedule).toMatchObject(expected);
  });

  test('schedules: expire, verify and drill have times of their own, and jitter', async () => {
    const lines = [
      'schedules:',
      '  expire: { time: "03:00", jitter: 10m }',
      '  verify: { days: [Sat], time: "05:00", which: all, depth: present }',
      '  drill: { cron: "0 6 1 * *", timeZone: Europe/Berlin, missed: run-once }',
    ];
    const rest = { missed: 'skip', missedWithinMs: null, timeZone: null, jitterMs: 0 };
    expect((await home(...lines))?.schedules).toEqual({
      expire: { ...rest, cron: '0 3 * * *', jitterMs: 600_000 },
      verify: { ...rest, cron: '0 5 * * SAT', depth: 'present', which: 'all' },
      drill: { ...rest, cron: '0 6 1 * *', timeZone: 'Europe/Berlin', missed: 'run-once' },
    });
    expect((await home('schedules: { verify: { time: "05:00" } }'))?.schedules.verify).toMatchObject({
      depth: 'readable',
      which: 'newest',
    });
  });

  test.each([
    ['day', '0 4 * * *'],
    ['week', '0 4 * * SUN'],
    ['month', '0 4 1 * *'],
  ])('drill: every: %s makes a schedule, unless there is one', async (every, cron) => {
    const drill = `drill: { every: ${every} }`;
    expect((await home(drill, 'schedule: { time: "02:00", timeZone: Asia/Tokyo, missed: skip }'))?.schedules.drill).toEqual({
      cron,
      timeZone: 'Asia/Tokyo',
      missed: 'run-once',
      missedWithinMs: null,
      jitterMs: 0,
    });
    expect((await home(drill, 'schedules: { drill: { time: "01:15" } }'))?.schedules.drill?.cron).toBe('15 1 * * *');
  });

  test('notify: who is told, and what: groups are spelled out, and what a kind cannot do without is added', async () => {
    const { plans } = await load({
      files: plan(
        'notify:',
        '  - { kind: pager, number: "110" }',
        '  - { kind: pager, name: night, number: "112", events: [starts, backup-failed] }',
        '  - { kind: ping, url: "${env:PING}", events: [drill-failed] }',
      ),
      environment: { PING: 'https://ping.example.org/hunter22' },
    });
    const channels = plans.get('home')?.notify ?? [];
    expect(channels.map(({ kind, name }) => [kind, name])).toEqual([
      ['pager', 'pager:110'],
      ['pager', 'night'],
      ['ping', 'ping:ping.example.org'],
    ]);
    expect(channels[0]?.events).toEqual(eventGroups.problems);
    expect(channels[1]?.events).toEqual(['backup-started', 'backup-failed']);
    expect(channels[2]?.events).toEqual(['backup-started', 'backup-succeeded', 'drill-failed']);
    expect(channels[0]?.config).toEqual({ number: '110' });
  });

  test('notify: a channel whose secret is missing is named by its kind, when secrets may be missing', async () => {
    const files = plan('notify: [{ kind: ping, url: "${env:PING}" }]');
    const { plans } = await load({ files, options: { missingSecrets: 'defer' } });
    expect(plans.get('home')?.notify[0]?.name).toBe('ping');
  });

  test('objectives are hours and minutes', async () => {
    expect((await home('objectives: { rpo: 1d 2h, rto: 30m }'))?.objectives).toEqual({ rpoHours: 26, rtoMinutes: 30 });
  });

  test('encryption to recipients works while the identity is kept away, and says so', async () => {
    const text = plan('encryption: { recipients: [age1abc], identity: "${file:/media/usb/key}" }');
    const { plans, warnings: found } = await load({ files: text });
    expect(plans.get('home')?.encryption).toEqual({ kind: 'age', recipients: ['age1abc'], passphrase: null, identities: [] });
    expect(found).toHaveLength(1);
    const near = await load({ files: { '/srv/app/holdfast.yaml': text, '/media/usb/key': 'AGE-SECRET-KEY-1X\n' } });
    expect(near.plans.get('home')?.encryption?.identities.map((identity) => identity.reveal())).toEqual(['AGE-SECRET-KEY-1X']);
    expect(near.warnings).toEqual([]);
  });

  test('drill: every and server', async () => {
    const { plans } = await load({
      files: plan('drill: { every: week, server: "${env:DRILL}" }'),
      environment: { DRILL: 'postgres://u:p@h/d' },
    });
    const drill = plans.get('home')?.drill;
    expect([drill?.every, drill?.server?.reveal(), drill?.server?.origin]).toEqual(['week', 'postgres://u:p@h/d', 'env:DRILL']);
  });

  test('keep holds the rules that are given and no others', async () => {
    expect(
      (await home('stores: [{ kind: local, path: /b, keep: { last: 7, monthly: 12, timeZone: Europe/Paris } }]'))?.stores[0]?.keep,
    ).toEqual({
      last: 7,
      monthly: 12,
      timeZone: 'Europe/Paris',
    });
  });
});

describe('names', () => {
  const twoPlans = (first: string, second: string) => `plans:
  a: { sources: [{ kind: files, paths: [/x] }], stores: [${first}] }
  b: { sources: [{ kind: files, paths: [/y] }], stores: [${second}] }
`;

  test('one place has one name in all plans', async () => {
    const { plans } = await load({ files: twoPlans('{ kind: local, path: /b, name: nas }', '{ kind: local, path: /b }') });
    expect([...plans.values()].map((each) => each.stores[0]?.name)).toEqual(['nas', 'nas']);
  });

  test('a name is for one place, and a place for one name', async () => {
    expect(await problems({ files: twoPlans('{ kind: local, path: /b, name: nas }', '{ kind: local, path: /c, name: nas }') })).toEqual([
      'holdfast.yaml:3:89 plans.b.stores[0].name: "nas" is the name of local:/b already; every place needs a name of its own',
    ]);
    expect(await problems({ files: twoPlans('{ kind: local, path: /b, name: nas }', '{ kind: local, path: /b, name: disk }') })).toEqual([
      'holdfast.yaml:3:89 plans.b.stores[0].name: /b is named "nas" already; a place has one name in all plans',
    ]);
  });

  test('a default name holds only what a file name can', async () => {
    const { plans } = await load({ files: plan('sources: [{ kind: files, paths: ["/srv/.my photos"] }]') });
    expect(plans.get('home')?.sources[0]?.name).toBe('my_photos');
  });
});

describe('a broken file', () => {
  const eventWords = [...Object.keys(eventGroups), ...eventKinds].map((word) => `"${word}"`);
  const cases: readonly (readonly [what: string, text: string, ...expected: string[]])[] = [
    ['an empty file', '', 'holdfast.yaml:1:1: is empty; it must hold "plans"'],
    ['a list', '- a\n', 'holdfast.yaml:1:1: must hold keys with values, "plans" among them'],
    ['no plans', 'plan: {}\n', 'holdfast.yaml:1:1 plan: unknown key "plan"; did you mean "plans"?', 'holdfast.yaml:1:1 plans: is missing'],
    ['plans without a plan', 'plans:\n', 'holdfast.yaml:1:1 plans: must hold at least one plan by name'],
    [
      'a plan without anything',
      'plans:\n  home:\n',
      'holdfast.yaml:2:8 plans.home: must be a plan: keys with values, with at least "sources" and "stores"',
    ],
    [
      'an unknown key near a known one',
      plan('stores:', '  - kind: local', '    pth: ./b'),
      'holdfast.yaml:5:9 plans.home.stores[0].path: is missing',
      'holdfast.yaml:6:9 plans.home.stores[0].pth: unknown key "pth"; did you mean "path"?',
    ],
    [
      'an unknown key near none',
      plan('quiesce: { kind: docker }'),
      'holdfast.yaml:5:5 plans.home.quiesce: unknown key "quiesce"; known: sources, layout, compression, encryption, stores, fileName, schedule, schedules, verify, drill, objectives, notify',
    ],
    [
      'kinds that do not exist',
      plan('sources: [{ kind: docker-volume, volume: x }, { kind: Postgress }]'),
      'holdfast.yaml:4:23 plans.home.sources[0].kind: unknown kind of source "docker-volume"; known: postgres, files',
      'holdfast.yaml:4:59 plans.home.sources[1].kind: unknown kind of source "Postgress"; did you mean "postgres"?',
    ],
    [
      'wrong types',
      plan('sources: [{ kind: files, paths: /srv }, { kind: postgres, url: 5, globals: please }]', 'layout: [bundle]', 'verify: deep'),
      'holdfast.yaml:4:37 plans.home.sources[0].paths: must be a list, not text',
      'holdfast.yaml:4:68 plans.home.sources[1].url: must be text',
      'holdfast.yaml:4:80 plans.home.sources[1].globals: must be true or false, not text',
      'holdfast.yaml:5:13 plans.home.layout: must be "separate" or "bundle", not a list',
      'holdfast.yaml:6:13 plans.home.verify: must be "none", "present" or "readable", not "deep"',
    ],
    ['a key that stands twice', plan('layout: bundle', 'layout: separate'), 'holdfast.yaml:6:5 plans.home.layout: "layout" stands twice'],
    ['a key without value', plan('layout:'), 'holdfast.yaml:5:12 plans.home.layout: has no value; give it one, or remove the key'],
    ['bad YAML', 'plans:\n\thome: x\n', 'holdfast.yaml:2:1: a tab cannot indent YAML; use spaces'],
    ['a quote that is left open', 'plans:\n  home: "x\n', 'holdfast.yaml:3:1: a quote, bracket or separator is missing'],
    [
      'an alias of nothing',
      'plans: *none\n',
      'holdfast.yaml:1:1 plans: must hold at least one plan by name',
      'holdfast.yaml:1:8 plans: this alias has no anchor before it',
    ],
    [
      'plan names that cannot be file names',
      'plans: { Home: { sources: [{ kind: files, paths: [/x] }], stores: [{ kind: local, path: /b }] } }\n',
      'holdfast.yaml:1:16 plans.Home: a plan\'s name must begin with a letter or digit and hold only a-z, 0-9, "_" and "-", at most 64',
    ],
    [
      'schedules that never come',
      plan('schedule: { cron: "0 0 31 2 *", timeZone: Europe/Berln }'),
      'holdfast.yaml:5:23 plans.home.schedule.cron: never comes true: there is no such date',
      'holdfast.yaml:5:47 plans.home.schedule.timeZone: unknown time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    ],
    [
      'cron with four fields',
      plan('schedule: { cron: "0 2 * *" }'),
      'holdfast.yaml:5:23 plans.home.schedule.cron: must have five fields (minute hour day month weekday), not 4',
    ],
    [
      'cron with an impossible hour',
      plan('schedule: { cron: "0 25 * * *" }'),
      'holdfast.yaml:5:23 plans.home.schedule.cron: is not a cron expression: Invalid value for hour: 25',
    ],
    [
      'a time between the quarters',
      plan('schedule: { days: [Mon, Mittwoch], time: "02:10" }'),
      'holdfast.yaml:5:29 plans.home.schedule.days[1]: unknown weekday "Mittwoch"; write Mon to Sun',
      'holdfast.yaml:5:46 plans.home.schedule.time: 02:10 is not on a quarter of an hour; choose 02:00 or 02:15',
    ],
    [
      'a missed-run policy of no kind',
      plan('schedule: { time: "02:15", missed: sometimes, jitter: 10 }'),
      'holdfast.yaml:5:40 plans.home.schedule.missed: must be "skip", "run-once", or "within" and a duration such as "within 6h"',
      'holdfast.yaml:5:59 plans.home.schedule.jitter: must be text, not a number; put it in quotes',
    ],
    [
      'schedules of nothing, and without a time',
      plan('schedules: { backup: { time: "02:15" }, drill: { depth: readable, time: "04:00" }, verify: { which: all } }'),
      'holdfast.yaml:5:18 plans.home.schedules.backup: unknown key "backup"; known: expire, verify, drill',
      'holdfast.yaml:5:54 plans.home.schedules.drill.depth: unknown key "depth"; known: cron, days, time, timeZone, missed, jitter',
      'holdfast.yaml:5:96 plans.home.schedules.verify: needs "cron" or "time"',
    ],
    [
      'channels that tell nobody',
      plan(
        'notify: [{ kind: pger, number: "1" }, { kind: pager, number: x, events: [failures] }, { kind: pager, number: "2", events: [] }]',
      ),
      'holdfast.yaml:5:22 plans.home.notify[0].kind: unknown kind of channel "pger"; did you mean "pager"?',
      'holdfast.yaml:5:66 plans.home.notify[1].number: must be digits',
      `holdfast.yaml:5:78 plans.home.notify[1].events[0]: must be ${eventWords.slice(0, -1).join(', ')} or ${eventWords.at(-1)}, not "failures"`,
      'holdfast.yaml:5:127 plans.home.notify[2].events: must not be empty',
    ],
    [
      'two channels of one name',
      plan('notify: [{ kind: pager, number: "1" }, { kind: pager, number: "1", events: [all] }]'),
      'holdfast.yaml:5:44 plans.home.notify[1].name: another channel of the plan is named "pager:1" too; give each a "name" of its own',
    ],
    ['a plan that tells nobody in a list', plan('notify: []'), 'holdfast.yaml:5:13 plans.home.notify: must not be empty'],
    ['days without time', plan('schedule: { days: [Mon] }'), 'holdfast.yaml:5:15 plans.home.schedule: needs "time" beside "days"'],
    [
      'retention that keeps nothing or less',
      plan(
        'stores: [{ kind: local, path: /a, keep: { last: 0, daily: 0 } }, { kind: local, path: /b, keep: { days: -1 } }, { kind: local, path: /c, keep: {} }]',
      ),
      'holdfast.yaml:4:45 plans.home.stores[0].keep: keeps nothing: give at least one of last, days, daily, weekly, monthly, yearly, or remove "keep" to keep everything',
      'holdfast.yaml:4:109 plans.home.stores[1].keep.days: must not be negative',
      'holdfast.yaml:4:148 plans.home.stores[2].keep: keeps nothing: give at least one of last, days, daily, weekly, monthly, yearly, or remove "keep" to keep everything',
    ],
    [
      'a level out of range',
      plan('compression: { kind: gzip, level: 12 }'),
      'holdfast.yaml:5:39 plans.home.compression.level: must be 1 to 9 for gzip',
    ],
    [
      'an unknown compression',
      plan('compression: gzp'),
      'holdfast.yaml:5:18 plans.home.compression: must be "none", "gzip", "zstd" or keys with values, not "gzp"; did you mean "gzip"?',
    ],
    [
      'two sources of one name',
      plan('sources: [{ kind: files, paths: [/a/data] }, { kind: files, paths: [/b/data] }]'),
      'holdfast.yaml:4:50 plans.home.sources[1].name: another source of the plan is named "data" too; give each a "name" of its own',
    ],
    [
      'two databases that would share a file name',
      plan('sources: [{ kind: postgres, name: a, databases: [app] }, { kind: postgres, name: b, databases: [x, app] }]'),
      'holdfast.yaml:4:62 plans.home.sources[1]: "app" of "b" and of "a" would both be stored as "app"; put one of them into a plan of its own',
    ],
    [
      'one place twice',
      plan('stores: [{ kind: local, path: /b }, { kind: local, path: /b/ }]'),
      'holdfast.yaml:4:41 plans.home.stores[1]: the plan names /b twice; a copy in the same place protects nothing',
    ],
    [
      'a file name without time',
      plan('fileName: "{name}_bakcup"'),
      'holdfast.yaml:5:15 plans.home.fileName: must contain {timestamp}, or the next snapshot would take the name of the last',
    ],
    [
      'a file name of unknown parts',
      plan('fileName: "{nam}_{timestamp}"'),
      'holdfast.yaml:5:15 plans.home.fileName: unknown placeholder "{nam}"; did you mean "name"?',
    ],
    [
      'a file name that leaves its store',
      plan('fileName: "../{timestamp}"'),
      'holdfast.yaml:5:15 plans.home.fileName: cannot hold "/"; use letters, digits and . _ - + ~ @',
    ],
    [
      'one file name for several files',
      plan('sources: [{ kind: postgres, databases: all }]', 'fileName: "x_{timestamp}"'),
      'holdfast.yaml:5:15 plans.home.fileName: must contain {name}, since a run writes several files',
    ],
    [
      'encryption to nobody, and to somebody unknown',
      plan('encryption: { recipients: [alice], passphrase: "${env:P}" }').replace('home', 'one') +
        plan('encryption: {}').replace('plans:\n', ''),
      'holdfast.yaml:5:32 plans.one.encryption.recipients[0]: must be a public key that begins with "age1" (the output of: age-keygen -y)',
      'holdfast.yaml:5:52 plans.one.encryption.passphrase: "${env:P}" leads nowhere: P is not set',
      'holdfast.yaml:9:17 plans.home.encryption: needs "recipients" or "passphrase"',
    ],
    [
      'a reference of no kind',
      plan('layout: "${HOME}"'),
      'holdfast.yaml:5:13 plans.home.layout: holds a "${" that begins no reference; write ${env:NAME}, ${file:/path} or ${credential:name}, or $${ for a literal ${',
    ],
    [
      'a key of no prototype',
      plan('__proto__: { layout: bundle }'),
      'holdfast.yaml:5:5 plans.home.__proto__: unknown key "__proto__"; known: sources, layout, compression, encryption, stores, fileName, schedule, schedules, verify, drill, objectives, notify',
    ],
    [
      'a comma in plain text',
      plan('sources: [{ kind: files, paths: [/x], exclude: [a,b], name: x,y }]'),
      'holdfast.yaml:4:67 plans.home.sources[0]: a key stands here without a colon; text that holds a comma must stand in quotes',
    ],
    [
      'a URL that its kind cannot read',
      plan('sources: [{ kind: postgres, url: "${env:HOME}" }]'),
      'holdfast.yaml:4:15 plans.home.sources[0]: The database URL names no database: "[secret]"',
    ],
    [
      'objectives without unit',
      plan('objectives: { rpo: "26" }'),
      'holdfast.yaml:5:24 plans.home.objectives.rpo: must be a duration such as "26h", "30m" or "7d"',
    ],
  ];

  test.each(cases)('says what is wrong with %s', async (_, text, ...expected) => {
    expect(await problems({ files: text })).toEqual(expected);
  });

  test('is one error with all findings, for people and for programs', async () => {
    const error = await refusal({ files: plan('layout: x', 'verify: y') });
    expect([error.code, error.message.split('\n')[0], error.hint]).toEqual([
      'CONFIG_INVALID',
      'Cannot use holdfast.yaml: 2 problems',
      'Correct what is named above, then run: holdfast config check',
    ]);
    expect(error.details['findings']).toEqual([
      {
        file: 'holdfast.yaml',
        line: 5,
        column: 13,
        key: 'plans.home.layout',
        message: 'must be "separate" or "bundle", not "x"',
        code: 'CONFIG_INVALID',
      },
      {
        file: 'holdfast.yaml',
        line: 6,
        column: 13,
        key: 'plans.home.verify',
        message: 'must be "none", "present" or "readable", not "y"',
        code: 'CONFIG_INVALID',
      },
    ]);
  });

  test('does not grow without bound through aliases of aliases', async () => {
    const bomb = [
      'plans:',
      '  a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((key, index) => `  ${key}: &${key} [${Array.from({ length: 10 }, () => `*${'abcdefgh'[index]}`).join(',')}]`),
    ];
    expect((await problems({ files: `${bomb.join('\n')}\n` })).some((line) => line.includes('is too large'))).toBe(true);
  });

  test('that contains itself is refused', async () => {
    expect(await problems({ files: 'plans: &p\n  a: *p\n' })).toContain('holdfast.yaml:2:6 plans.a: this alias contains itself');
  });
});

describe('secrets', () => {
  const withUrl = (url: string) => plan(`sources: [{ kind: postgres, url: ${JSON.stringify(url)} }]`);
  const secretOf = (config: unknown) => (config as { url: Secret }).url;

  test('reach the schema as Secret, with passwords in URLs encoded', async () => {
    const { plans, warnings: found } = await load({
      files: withUrl('postgres://app:${env:PW}@db/shop'),
      environment: { PW: 'p@ss/w:rd#?' },
    });
    const url = secretOf(plans.get('home')?.sources[0]?.config);
    expect(url).toBeInstanceOf(Secret);
    expect(url.reveal()).toBe('postgres://app:p%40ss%2Fw%3Ard%23%3F@db/shop');
    expect(found).toEqual([]);
  });

  test('that are missing are SECRET_MISSING, naming key, line and reference', async () => {
    const error = await refusal({ files: withUrl('${env:DATABASE_URL}') });
    expect(error.code).toBe('SECRET_MISSING');
    expect(error.message).toBe(
      'Cannot use holdfast.yaml: 1 problem\n  holdfast.yaml:4:38 plans.home.sources[0].url: "${env:DATABASE_URL}" leads nowhere: DATABASE_URL is not set',
    );
  });

  test('that are missing beside other mistakes are told together with them', async () => {
    const text = plan('sources: [{ kind: postgres, url: "${env:DATABASE_URL}" }]', 'layout: x');
    expect((await refusal({ files: text })).code).toBe('CONFIG_INVALID');
    expect(await problems({ files: text })).toHaveLength(2);
  });

  test('that are missing can wait until somebody needs them', async () => {
    const { plans, warnings: found } = await load({ files: withUrl('${env:DATABASE_URL}'), options: { missingSecrets: 'defer' } });
    expect(found.map(({ message }) => message)).toEqual(['"${env:DATABASE_URL}" leads nowhere: DATABASE_URL is not set']);
    const url = secretOf(plans.get('home')?.sources[0]?.config);
    expect(() => url.reveal()).toThrowError(
      /Cannot find a secret: holdfast\.yaml:4:38 plans\.home\.sources\[0\]\.url: "\$\{env:DATABASE_URL\}"/u,
    );
  });

  const literal =
    'holdfast.yaml:4:38 plans.home.sources[0].url: a secret stands in the file; write ${env:URL} or ${file:/path} in its place, and move the value there';

  test.each([
    ['postgres://app:hunter22@db/shop', [literal]],
    ['postgres://db/shop?user=app&password=hunter22', [literal]],
    ['postgres://app@db/shop', []],
    ['postgres://db/shop', []],
    ['postgres://app:${env:PW}@db/shop', []],
  ])('%s in the file earns the warnings %j', async (url, expected) => {
    expect(await warnings({ files: withUrl(url), environment: { PW: 'x' } })).toEqual(expected);
  });

  test('in files that others can read earn a warning', async () => {
    const files = { '/srv/app/holdfast.yaml': withUrl('${file:db.open}'), '/srv/app/db.open': 'postgres://u:p@h/d' };
    expect(await warnings({ files })).toEqual([
      'holdfast.yaml:4:38 plans.home.sources[0].url: /srv/app/db.open can be read by every user of this machine; run: chmod 600 /srv/app/db.open',
    ]);
  });
});
