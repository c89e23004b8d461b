import { HoldfastError } from '../domain/errors.ts';
import { formatKeyPath, type KeyPath, type Origin } from './config-node.ts';

/** One thing that is wrong with a configuration, or deserves attention. */
export interface Finding {
  readonly origin: Origin;
  /** `plans.home.stores[0].path`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
  readonly code: 'CONFIG_INVALID' | 'SECRET_MISSING';
}

/** Collects what is found, so that all of it is told at once. */
export class Findings {
  readonly problems: Finding[] = [];
  readonly warnings: Finding[] = [];

  problem(origin: Origin, path: KeyPath, message: string, code: Finding['code'] = 'CONFIG_INVALID'): void {
    this.problems.push({ origin, key: formatKeyPath(path), message, code });
  }

  warning(origin: Origin, path: KeyPath, message: string): void {
    this.warnings.push({ origin, key: formatKeyPath(path), message, code: 'CONFIG_INVALID' });
  }
}

/** `holdfast.yaml:12:7 plans.home.stores[0].pth: unknown key "pth"; did you mean "path"?` */
export function formatFinding({ origin, key, message }: Finding): string {
  if (origin.kind === 'environment') return `${origin.variable}: ${message}`;
  if (origin.kind === 'default') return `${key}: ${message}`;
  const place = `${origin.file}:${origin.line}:${origin.column}`;
  return key === '' ? `${place}: ${message}` : `${place} ${key}: ${message}`;
}

/** All problems as one error, in the order of the file; what a variable that stands in several places has wrong is told once. */
export function configError(problems: readonly Finding[], what: string): HoldfastError {
  const findings = [...new Map(problems.map((finding) => [formatFinding(finding), finding])).values()].toSorted(byPlace);
  const code = findings.every((finding) => finding.code === 'SECRET_MISSING') ? 'SECRET_MISSING' : 'CONFIG_INVALID';
  const count = findings.length === 1 ? '1 problem' : `${findings.length} problems`;
  return new HoldfastError(code, [`Cannot use ${what}: ${count}`, ...findings.map((finding) => `  ${formatFinding(finding)}`)].join('\n'), {
    hint:
      code === 'SECRET_MISSING'
        ? 'Provide the variables and files named, then run: holdfast config check'
        : 'Correct what is named above, then run: holdfast config check',
    details: { findings: findings.map(findingDetails) },
  });
}

function byPlace(a: Finding, b: Finding): number {
  if (a.origin.kind !== 'file' || b.origin.kind !== 'file') return 0;
  return a.origin.line - b.origin.line || a.origin.column - b.origin.column;
}

/** Plain facts for `--json` readers. */
function findingDetails({ origin, key, message, code }: Finding): Readonly<Record<string, unknown>> {
  const place =
    origin.kind === 'file'
      ? { file: origin.file, line: origin.line, column: origin.column }
      : origin.kind === 'environment'
        ? { variable: origin.variable }
        : {};
  return { ...place, key, message, code };
}
