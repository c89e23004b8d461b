import type { Layout } from '../domain/manifest.ts';
import { suggestion } from '../domain/nearest.ts';

const placeholders = ['plan', 'name', 'prefix', 'timestamp'];

export const defaultFileName: Readonly<Record<Layout, string>> = {
  separate: '{name}_backup_{timestamp}',
  bundle: '{plan}_backup_{timestamp}',
};

/** What is wrong with a template of file names; null when nothing is. */
export function placeholderProblem(template: string): string | null {
  for (const [written, name = ''] of template.matchAll(/\{([^{}]*)\}/gu)) {
    if (!placeholders.includes(name)) return `unknown placeholder "${written}"${suggestion(name, placeholders)}`;
  }
  const rest = template.replaceAll(/\{[^{}]*\}/gu, '');
  const odd = /[^A-Za-z0-9._+~@-]/u.exec(rest)?.[0];
  if (odd !== undefined) return `cannot hold ${JSON.stringify(odd)}; use letters, digits and . _ - + ~ @`;
  if (template.startsWith('.')) return 'must not begin with a dot';
  if (template.length > 100) return 'must be at most 100 characters';
  if (!template.includes('{timestamp}')) return 'must contain {timestamp}, or the next snapshot would take the name of the last';
  return null;
}
