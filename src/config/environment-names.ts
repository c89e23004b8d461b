import { given, type Environment } from './environment-value.ts';
import { planVariables } from './environment-plan.ts';
import type { Findings } from './findings.ts';
import { nearest } from '../domain/nearest.ts';
import type { Registries } from './plan-items.ts';

/** Variables that the program reads whatever the plans say. @internal */
export const programVariables: readonly string[] = [
  'HOLDFAST_BACKUPS_PLAN',
  'HOLDFAST_BASE_PATH',
  'HOLDFAST_CONFIG',
  'HOLDFAST_DATA_DIR',
  'HOLDFAST_FRAME_ANCESTORS',
  'HOLDFAST_HISTORY_URL',
  'HOLDFAST_HISTORY_URL_FILE',
  'HOLDFAST_LISTEN',
  'HOLDFAST_LOG',
  'HOLDFAST_LOG_FORMAT',
  'HOLDFAST_MAX_RUNS',
  'HOLDFAST_METRICS',
  'HOLDFAST_NODE',
  'HOLDFAST_OIDC_BUTTON_LABEL',
  'HOLDFAST_OIDC_CLAIM',
  'HOLDFAST_OIDC_CLIENT_ID',
  'HOLDFAST_OIDC_CLIENT_SECRET',
  'HOLDFAST_OIDC_CLIENT_SECRET_FILE',
  'HOLDFAST_OIDC_DEFAULT_ROLE',
  'HOLDFAST_OIDC_ISSUER',
  'HOLDFAST_OIDC_ROLES',
  'HOLDFAST_OIDC_SCOPES',
  'HOLDFAST_PASSWORDS',
  'HOLDFAST_PUBLIC_URL',
  'HOLDFAST_SCRATCH_DIR',
  'HOLDFAST_SESSION_HOURS',
  'HOLDFAST_TARGET_URL',
  'HOLDFAST_TARGET_URL_FILE',
  'HOLDFAST_TRUSTED_PROXIES',
];

/** Keys that open snapshots whose plan has none, also when the plans come from a file. */
const keyVariables: readonly string[] = ['BACKUP_AGE_IDENTITY', 'BACKUP_AGE_PASSPHRASE'].flatMap((variable) => [
  variable,
  `${variable}_FILE`,
]);

/** Variables that belong to its benchmarks, tests and demo. */
const developerPrefixes = ['HOLDFAST_BENCH_', 'HOLDFAST_TEST_', 'HOLDFAST_DEMO_'];

/** Warns of `BACKUP_…` and `HOLDFAST_…` variables that nothing reads: a slip of the pen must not look like a setting. */
export function warnOfUnknownVariables(
  environment: Environment,
  registries: Registries,
  used: ReadonlySet<string>,
  findings: Findings,
): void {
  const known = knownVariables(registries);
  for (const variable of suspects(environment)) {
    if (known.includes(variable) || isUsed(variable, used)) continue;
    const near = nearest(variable, known);
    findings.warning(
      { kind: 'environment', variable },
      [],
      `is not known and has no effect${near === undefined ? '' : `; did you mean ${near}?`}`,
    );
  }
}

/** Warns of variables that would make a plan, and do not since there is a file. */
export function warnOfUnusedVariables(
  environment: Environment,
  registries: Registries,
  used: ReadonlySet<string>,
  at: { file: string; findings: Findings },
): void {
  const known = knownVariables(registries);
  const unused = suspects(environment).filter(
    (variable) => variable.startsWith('BACKUP_') && known.includes(variable) && !isUsed(variable, used) && !keyVariables.includes(variable),
  );
  const [variable] = unused;
  if (variable === undefined) return;
  const others = unused.length === 1 ? 'is set but has no effect' : `and ${unused.slice(1).join(', ')} are set but have no effect`;
  at.findings.warning({ kind: 'environment', variable }, [], `${others}: the plans come from ${at.file}`);
}

/** A reference to a variable also finds the file that its `_FILE` twin names. */
function isUsed(variable: string, used: ReadonlySet<string>): boolean {
  return used.has(variable) || used.has(variable.replace(/_FILE$/u, ''));
}

function suspects(environment: Environment): readonly string[] {
  return Object.keys(environment)
    .filter((variable) => /^(?:BACKUP|HOLDFAST)_/u.test(variable) && given(environment, variable) !== undefined)
    .filter((variable) => !developerPrefixes.some((prefix) => variable.startsWith(prefix)))
    .toSorted();
}

function knownVariables(registries: Registries): readonly string[] {
  const ofPlans = planVariables(registries).flatMap(({ variable, isSecret }) => (isSecret ? [variable, `${variable}_FILE`] : [variable]));
  return [...ofPlans, ...programVariables];
}
