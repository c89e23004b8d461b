import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config/load-config.ts';
import { readTextFile } from '../src/platform/text-file.ts';
import { openReferences } from '../src/secrets/references.ts';
import { notifierDescriptors } from '../src/notifiers/registry.ts';
import { sourceDescriptors } from '../src/sources/registry.ts';
import { storeDescriptors } from '../src/stores/registry.ts';

const root = join(import.meta.dirname, '..');
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
const pages = ['README.md', ...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)];
const texts = new Map(pages.map((page) => [page, readFileSync(join(root, page), 'utf8')]));

/** Commands and their options, as the program's sources declare them. */
function declaredCommands(): Map<string, Set<string>> {
  const directory = join(root, 'src/cli/commands');
  const always = ['--json', '--config', '--store', '--help'];
  const commands = new Map<string, Set<string>>([['help', new Set()]]);
  for (const file of readdirSync(directory)) {
    const source = readFileSync(join(directory, file), 'utf8');
    const options = [...source.matchAll(/(?:\.option|new Option)\(\s*'(?:-\w, )?(--[a-z-]+)/g)].map(([, option = '']) => option);
    const name = /\.command\('([a-z]+)'\)/.exec(source)?.[1];
    if (name !== undefined) commands.set(name, new Set([...options, ...always]));
  }
  return commands;
}

/** Lines of fenced blocks and inline code that call the program. */
function callsIn(text: string): string[] {
  const code = [...text.matchAll(/^```\w*\n(.*?)^```/gms), ...text.matchAll(/`([^`\n]+)`/g)].map(([, inside = '']) => inside);
  return code.flatMap((block) =>
    [...block.matchAll(/(?:^|[\s/(])holdfast ([a-z]+)([^\n|;&)]*)/gm)].map(([, command = '', rest = '']) => `${command}${rest}`),
  );
}

describe('the pages', () => {
  const commands = declaredCommands();

  it('find the commands of the program', () => {
    expect([...commands.keys()].length).toBeGreaterThan(10);
    expect([...texts.values()].flatMap(callsIn).length).toBeGreaterThan(60);
  });

  it.each(pages)('%s names commands and options that exist', (page) => {
    for (const call of callsIn(texts.get(page) ?? '')) {
      const [command = '', ...rest] = call.split(/\s+/);
      expect([...commands.keys()], `holdfast ${call}`).toContain(command);
      const options = rest.filter((word) => /^--[a-z]/.test(word));
      expect(
        options.filter((option) => commands.get(command)?.has(option) !== true),
        `holdfast ${call}`,
      ).toEqual([]);
    }
  });

  it.each(pages)('%s leads to files that exist', (page) => {
    const links = [...(texts.get(page) ?? '').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it.each(pages)('%s shows YAML that can be read', (page) => {
    for (const block of yamlIn(texts.get(page) ?? '')) expect(() => parse(block), `of ${block}`).not.toThrow();
  });

  it('show whole plans that the program accepts', async () => {
    const wholePlans = [...texts.values()].flatMap(yamlIn).filter((block) => block.startsWith('plans:') && block.includes('sources:'));
    expect(wholePlans.length).toBeGreaterThan(2);
    for (const text of wholePlans) expect((await loadPlans(text)).plans.size, `of ${text}`).toBe(1);
  });
});

function yamlIn(text: string): string[] {
  return [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block = '']) => block);
}

/** As `holdfast config check` would, but for secrets, which the pages' readers have and this machine has not. */
async function loadPlans(text: string): ReturnType<typeof loadConfig> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-documents-'));
  try {
    const file = join(directory, 'holdfast.yaml');
    writeFileSync(file, text.replaceAll('age1…', `age1${'q'.repeat(58)}`));
    const references = openReferences({ environment: {}, readFile: readTextFile });
    const registries = { sources: sourceDescriptors, stores: storeDescriptors, notifiers: notifierDescriptors };
    return await loadConfig({
      file,
      cwd: directory,
      environment: {},
      references,
      readFile: readTextFile,
      missingSecrets: 'defer',
      ...registries,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
