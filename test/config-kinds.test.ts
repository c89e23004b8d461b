import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatFinding } from '../src/config/findings.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { configToJson, showConfig } from '../src/config/show-config.ts';
import { isHoldfastError } from '../src/domain/errors.ts';
import { notifierDescriptors } from '../src/notifiers/registry.ts';
import { openReferences } from '../src/secrets/references.ts';
import { sourceDescriptors } from '../src/sources/registry.ts';
import { storeDescriptors } from '../src/stores/registry.ts';

async function everythingShown(environment: Record<string, string>, files: Readonly<Record<string, string>>): Promise<string> {
  const readFile = async (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' });
    return { text, mode: 0o600 };
  };
  try {
    const config = await loadConfig({
      cwd: '/srv',
      environment,
      sources: sourceDescriptors,
      stores: storeDescriptors,
      notifiers: notifierDescriptors,
      readFile,
      references: openReferences({ environment, readFile }),
    });
    const warnings = config.warnings.map((finding) => formatFinding(finding));
    return [showConfig(config), JSON.stringify(configToJson(config)), JSON.stringify([...config.plans.values()]), ...warnings].join('\n');
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return [error.message, error.hint, error.stack, JSON.stringify(error.details)].join('\n');
  }
}

/** Two marks around every character that means something in a URL: neither half may turn up. */
const password = fc
  .tuple(
    fc.stringMatching(/^[a-z]{8}$/u),
    fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom(...Array.from('@:/?#%&=+ []"\\$,')) }),
    fc.stringMatching(/^[a-z]{8}$/u),
  )
  .map(([first, odd, last]) => ({ marks: [`qx${first}`, `qz${last}`], text: `qx${first}${odd}qz${last}` }));

test('no kind that exists lets a password show, however badly its URL is written', async () => {
  await fc.assert(
    fc.asyncProperty(password, async ({ marks, text }) => {
      const url = `postgres://app:${text}@db/shop`;
      const file = `plans: { a: { sources: [{ kind: postgres, url: ${JSON.stringify(url.replaceAll('${', '$'))} }], stores: [{ kind: local, path: /b }] } }\n`;
      const shown = [
        await everythingShown({ DATABASE_URL: url, BACKUP_DIR: '/b' }, {}),
        await everythingShown({}, { '/srv/holdfast.yaml': file }),
      ].join('\n');
      for (const mark of marks) expect(shown).not.toContain(mark);
    }),
    { numRuns: 300 },
  );
});

test('a malformed database URL is found by whoever checks the configuration', async () => {
  expect(await everythingShown({ DATABASE_URL: 'oracle://u:p@h/x', BACKUP_DIR: '/b' }, {})).toContain(
    'DATABASE_URL: The database URL does not begin with "postgres://"',
  );
});
