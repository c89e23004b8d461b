import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, type Files } from '../../test/fixtures/config/load.ts';
import { isHoldfastError } from '../domain/errors.ts';
import { formatFinding } from './findings.ts';
import { configToJson, showConfig } from './show-config.ts';
import { holdsPassword, urlPlace } from './url-place.ts';

const file = `plans:
  home:
    sources:
      - { kind: postgres, url: "postgres://app:\${env:PW}@db:5432/shop" }
      - kind: files
        paths: [photos, "\${env:ROOT}/x"]
    layout: bundle
    encryption: { passphrase: "\${file:/run/secrets/pass}" }
    stores:
      - { kind: local, path: /b, name: nas, keep: { last: 7 } }
    schedule: { time: "02:15", timeZone: Europe/Berlin }
    schedules: { verify: { cron: "0 5 * * SAT" } }
    drill: { every: week }
    notify: [{ kind: pager, number: "110", token: "\${file:/run/secrets/pass}", events: [overdue] }]
`;
const files: Files = { '/srv/app/holdfast.yaml': file, '/run/secrets/pass': 'correct horse battery staple' };

describe('showConfig()', () => {
  test('prints the effective plans, each value with where it came from, secrets as their origin', async () => {
    expect(showConfig(await load({ files, environment: { PW: 'hunter22', ROOT: '/srv' } }))).toBe(`# /srv/app/holdfast.yaml
plans:
  home:
    sources:
      - kind: postgres                                     # holdfast.yaml:4
        name: shop                                         # default
        url: postgres://db:5432/shop [secret from env:PW]  # holdfast.yaml:4, env:PW
        globals: false                                     # default
      - kind: files                                        # holdfast.yaml:5
        name: files                                        # default
        paths:
          - /srv/app/photos                                # holdfast.yaml:6
          - /srv/x                                         # holdfast.yaml:6, env:ROOT
        exclude: []
    layout: bundle                                         # holdfast.yaml:7
    compression:
      kind: zstd                                           # default
      level: 1                                             # default
    encryption:
      passphrase: [secret from file:/run/secrets/pass]     # holdfast.yaml:8, file:/run/secrets/pass
    stores:
      - kind: local                                        # holdfast.yaml:10
        name: nas                                          # holdfast.yaml:10
        path: /b                                           # holdfast.yaml:10
        keep:
          last: 7                                          # holdfast.yaml:10
    fileName: "{plan}_backup_{timestamp}"                  # default
    schedule:
      time: 02:15                                          # holdfast.yaml:11
      timeZone: Europe/Berlin                              # holdfast.yaml:11
      cron: "15 2 * * *"                                   # from days and time
      missed: skip                                         # default
    schedules:
      verify:
        cron: "0 5 * * SAT"                                # holdfast.yaml:12
        missed: skip                                       # default
        depth: readable                                    # default
        which: newest                                      # default
      drill:
        cron: "0 4 * * SUN"                                # from drill.every
        timeZone: Europe/Berlin                            # from drill.every
        missed: run-once                                   # from drill.every
    verify: readable                                       # default
    drill:
      every: week                                          # holdfast.yaml:13
    notify:
      - kind: pager                                        # holdfast.yaml:14
        name: pager:110                                    # default
        number: "110"                                      # holdfast.yaml:14
        token: [secret from file:/run/secrets/pass]        # holdfast.yaml:14, file:/run/secrets/pass
        events:
          - overdue                                        # holdfast.yaml:14
service:
  listen: 127.0.0.1:8000                                   # default
  trustedProxies: []
  frameAncestors: []
  passwords: true                                          # default
  sessionHours: 168                                        # default
  metrics: token                                           # default
  maxRuns: 2                                               # default
`);
  });

  test('shows a plan of the environment with the variables', async () => {
    const text = showConfig(
      await load({ environment: { DATABASE_URL: 'postgres://app:hunter22@db/shop', BACKUP_DIR: '/b', BACKUP_RETENTION_DAYS: '7' } }),
    );
    expect(text).toMatch(/url: postgres:\/\/db\/shop \[secret from env:DATABASE_URL\] +# env:DATABASE_URL/u);
    expect(text).toMatch(/days: 7 +# env:BACKUP_RETENTION_DAYS/u);
  });

  test('is plain data with origins for programs', async () => {
    const { plans, origins } = configToJson(await load({ files, environment: { PW: 'hunter22', ROOT: '/srv' } }));
    expect(plans).toMatchObject({ home: { layout: 'bundle', stores: [{ kind: 'local', path: '/b', keep: { last: 7 } }] } });
    expect(origins['plans.home.stores[0].keep.last']).toBe('holdfast.yaml:10');
    expect(origins['plans.home.compression.level']).toBe('default');
  });

  test('hides what a reference to a file brings into a text that is no secret, and variables named like secrets', async () => {
    const text = `plans: { a: { sources: [{ kind: postgres, databases: ["\${file:/run/secrets/pass}"] }], stores: [{ kind: bucket, endpoint: "https://\${env:API_TOKEN}@h/", secretKey: "\${env:K}" }] } }\n`;
    const shown = showConfig(
      await load({ files: { ...files, '/srv/app/holdfast.yaml': text }, environment: { API_TOKEN: 'hunter22', K: 'x' } }),
    );
    expect(shown).not.toContain('hunter22');
    expect(shown).not.toContain('correct horse');
  });
});

describe('secrets never appear', () => {
  /** Everything that people or programs could be shown of a configuration, whether it is accepted or not. */
  async function everything(world: Parameters<typeof load>[0]): Promise<string> {
    try {
      const config = await load(world);
      const plans = [...config.plans.values()];
      return [
        showConfig(config),
        JSON.stringify(configToJson(config)),
        JSON.stringify(plans),
        ...config.warnings.map((finding) => formatFinding(finding)),
      ].join('\n');
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      return [error.message, error.hint, error.stack, JSON.stringify(error.details), String(error.cause)].join('\n');
    }
  }

  /** Long and odd enough that it stands in no message by chance. */
  const secret = fc
    .tuple(
      fc.string({ minLength: 4, maxLength: 20, unit: fc.constantFrom(...Array.from('abcXYZ019@:/?#%&=+$ {}[]!*\'"\\.-_~,;|<>`^()')) }),
      fc.stringMatching(/^[a-z]{8}$/u),
    )
    .map(([odd, plain]) => ({ whole: `${odd}zq${plain}`, mark: `zq${plain}` }));

  const broken = fc.constantFrom('', 'layout: x', 'sources: 7', 'schedule: { cron: x }', 'verify: [a', 'stores: []');

  const scenarios: Readonly<Record<string, (value: string, extra: string) => Parameters<typeof load>[0]>> = {
    'a variable': (value, extra) => ({ files: yaml('"${env:PW}"', extra), environment: { PW: value } }),
    'a variable inside a URL': (value, extra) => ({ files: yaml('"postgres://app:${env:PW}@db/shop"', extra), environment: { PW: value } }),
    'a whole URL': (value, extra) => ({ files: yaml('"${env:URL}"', extra), environment: { URL: `postgres://app:${value}@db/shop` } }),
    'a literal': (value, extra) => ({ files: yaml(JSON.stringify(value.replaceAll('${', '$')), extra) }),
    'a literal URL': (value, extra) => ({ files: yaml(JSON.stringify(`postgres://app:${value.replaceAll('${', '$')}@db/shop`), extra) }),
    'a literal that is no text for YAML': (value, extra) => ({ files: yaml(value, extra) }),
    'a file in a text that is no secret': (value) => ({
      files: {
        '/srv/app/holdfast.yaml': yaml('x', `schedule: { cron: "\${file:pw}", timeZone: "\${file:pw}" }\n    fileName: "\${file:pw}"`),
        '/srv/app/pw': value,
      },
    }),
    'a file': (value, extra) => ({ files: { '/srv/app/holdfast.yaml': yaml('"${file:pw}"', extra), '/srv/app/pw': value } }),
    'the environment alone': (value) => ({
      environment: { DATABASE_URL: `postgres://app:${value}@db/shop`, BACKUP_DIR: '/b', BACKUP_AGE_PASSPHRASE: value, BACKUP_LAYOUT: 'x' },
    }),
    'the environment alone, accepted': (value) => ({
      environment: { DATABASE_URL: `postgres://app:${encodeURIComponent(value)}@db/shop`, BACKUP_DIR: '/b', BACKUP_AGE_PASSPHRASE: value },
    }),
  };

  function yaml(url: string, extra: string): string {
    return `plans:\n  home:\n    sources: [{ kind: files, paths: [/x] }]\n    drill: { server: ${url} }\n    stores: [{ kind: bucket, endpoint: h, secretKey: ${url} }]\n    ${extra}\n`;
  }

  test.each(Object.keys(scenarios))('from %s', async (name) => {
    await fc.assert(
      fc.asyncProperty(secret, broken, async ({ whole, mark }, extra) => {
        const world = scenarios[name]?.(whole, extra) ?? {};
        expect(await everything(world)).not.toContain(mark);
      }),
      { numRuns: 100 },
    );
  });
});

describe('urlPlace()', () => {
  test.each([
    ['postgres://app:pw@db:5432/shop?sslmode=require', 'postgres://db:5432/shop'],
    ['postgresql+asyncpg://db/shop', 'postgresql://db/shop'],
    ['postgres:///shop?host=/run/pg', 'postgres:///shop'],
    ['https://hooks.example.org/secretpath', 'https://hooks.example.org'],
    ['postgres://u:p/ss@host/db', null],
    ['postgres://u:p#ss@host/db', null],
    ['postgres://u:p@ss@host/db', null],
    ['postgres://u:p?ss@host/db', null],
    ['correct://horse', null],
    ['plain', null],
  ])('%s is shown as %s', (url, place) => {
    expect(urlPlace(url)).toBe(place);
  });

  test.each([
    ['postgres://u:p@h/d', true],
    ['postgres://u@h/d', false],
    ['postgres://h/d?password=x', true],
    ['https://h:443/x', false],
  ])('%s holds a password: %s', (url, holds) => {
    expect(holdsPassword(url)).toBe(holds);
  });
});
