import { isHoldfastError } from '../domain/errors.ts';
import { parseListenAddress } from '../domain/listen-address.ts';
import { suggestion } from '../domain/nearest.ts';
import type { Secret } from '../domain/secret.ts';
import type { OidcSettings, ServiceSettings } from '../domain/service-settings.ts';
import { checkNode } from './check-node.ts';
import { entryOf, originAt, type ConfigNode, type MapEntry, type MapNode } from './config-node.ts';
import { nested, placedSettings, type KeySetting, type Placed } from './environment-tree.ts';
import { given, type Environment } from './environment-value.ts';
import type { Findings } from './findings.ts';
import type { Materializing } from './materialize.ts';
import { historySchema, serviceSchema, type ServiceInput } from './service-schema.ts';
import type { Shown } from './shown.ts';

const serviceVariables: readonly KeySetting[] = [
  { variable: 'HOLDFAST_LISTEN', path: ['listen'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_PUBLIC_URL', path: ['publicUrl'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_BASE_PATH', path: ['basePath'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_TRUSTED_PROXIES', path: ['trustedProxies'], format: 'names', isSecret: false },
  { variable: 'HOLDFAST_FRAME_ANCESTORS', path: ['frameAncestors'], format: 'names', isSecret: false },
  { variable: 'HOLDFAST_PASSWORDS', path: ['passwords'], format: 'flag', isSecret: false },
  { variable: 'HOLDFAST_SESSION_HOURS', path: ['sessionHours'], format: 'number', isSecret: false },
  { variable: 'HOLDFAST_METRICS', path: ['metrics'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_MAX_RUNS', path: ['maxRuns'], format: 'number', isSecret: false },
  { variable: 'HOLDFAST_BACKUPS_PLAN', path: ['backupsPlan'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_LOG_FORMAT', path: ['logFormat'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_ISSUER', path: ['oidc', 'issuer'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_CLIENT_ID', path: ['oidc', 'clientId'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_CLIENT_SECRET', path: ['oidc', 'clientSecret'], format: 'text', isSecret: true },
  { variable: 'HOLDFAST_OIDC_SCOPES', path: ['oidc', 'scopes'], format: 'names', isSecret: false },
  { variable: 'HOLDFAST_OIDC_CLAIM', path: ['oidc', 'claim'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_ROLES', path: ['oidc', 'roleOf'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_DEFAULT_ROLE', path: ['oidc', 'defaultRole'], format: 'text', isSecret: false },
  { variable: 'HOLDFAST_OIDC_BUTTON_LABEL', path: ['oidc', 'buttonLabel'], format: 'text', isSecret: false },
];
const historyVariables: readonly KeySetting[] = [{ variable: 'HOLDFAST_HISTORY_URL', path: ['url'], format: 'text', isSecret: true }];

/** Variables of the service and the history, which hold beside a file and win over it, by the key that each sets. @internal */
export const settingVariables: ReadonlyMap<string, KeySetting> = new Map([
  ...serviceVariables.map((setting) => [`service.${setting.path.join('.')}`, setting] as const),
  ...historyVariables.map((setting) => [`history.${setting.path.join('.')}`, setting] as const),
]);

export interface Settings {
  readonly service: ServiceSettings;
  readonly history: { readonly url: Secret | null };
  readonly shown: readonly (readonly [key: string, value: Shown])[];
}

/**
 * What belongs to the program and not to a plan: `service:` and `history:` of the file (`root`), and the variables. Undefined
 * when something is wrong; the findings say what.
 */
export async function readSettings(
  root: ConfigNode | undefined,
  { environment, planNames }: { readonly environment: Environment; readonly planNames: readonly string[] },
  context: Materializing,
): Promise<Settings | undefined> {
  const { findings } = context;
  const serviceNode = withRoles(merged(root, 'service', placedSettings(serviceVariables, environment, findings), findings), findings);
  const historyNode = merged(root, 'history', placedSettings(historyVariables, environment, findings), findings);
  const before = findings.problems.length;
  requireWholeOidc(serviceNode, environment, findings);
  if (findings.problems.length > before) return undefined;
  const service = await checkNode({ node: serviceNode, path: ['service'], schema: serviceSchema, otherKeys: [] }, context);
  const history = await checkNode({ node: historyNode, path: ['history'], schema: historySchema, otherKeys: [] }, context);
  if (service === undefined || history === undefined) return undefined;
  checkPlanName(service.data.backupsPlan, planNames, { node: serviceNode, findings });
  const url = history.data.url ?? null;
  if (url !== null) checkHistoryUrl(url, { node: historyNode, findings });
  return { service: settingsOf(service.data), history: { url }, shown: [['service', service.shown], ...shownHistory(history.shown)] };
}

function shownHistory(shown: Shown): readonly (readonly [string, Shown])[] {
  return shown.kind === 'map' && shown.entries.length > 0 ? [['history', shown]] : [];
}

/** The keys that the file gives, each replaced by the variable where one is set. */
function merged(root: ConfigNode | undefined, key: string, placed: readonly Placed[], findings: Findings): MapNode {
  const own = entryOf(root, key);
  if (own !== undefined && own.value.kind !== 'map') findings.problem(own.value.origin, [key], 'must be keys with values');
  const written = own?.value.kind === 'map' ? own.value : undefined;
  const fromVariables = nested(placed);
  const origin = written?.origin ?? fromVariables[0]?.keyOrigin ?? { kind: 'default' as const };
  return { kind: 'map', entries: mergeEntries(written?.entries ?? [], fromVariables), origin };
}

function mergeEntries(written: readonly MapEntry[], stronger: readonly MapEntry[]): readonly MapEntry[] {
  const kept = written.map((entry): MapEntry => {
    const other = stronger.find(({ key }) => key === entry.key);
    if (other === undefined) return entry;
    if (other.value.kind !== 'map' || entry.value.kind !== 'map') return other;
    return { ...entry, value: { ...entry.value, entries: mergeEntries(entry.value.entries, other.value.entries) } };
  });
  return [...kept, ...stronger.filter(({ key }) => !written.some((entry) => entry.key === key))];
}

/** `HOLDFAST_OIDC_ROLES` is one line, `Backup.Admin=administrator, Staff=viewer`: here it becomes keys with values. */
function withRoles(service: MapNode, findings: Findings): MapNode {
  const oidc = entryOf(service, 'oidc');
  const roleOf = entryOf(oidc?.value, 'roleOf');
  if (oidc?.value.kind !== 'map' || roleOf?.value.kind !== 'scalar' || roleOf.value.origin.kind !== 'environment') return service;
  const { value, origin } = roleOf.value;
  const entries = String(value)
    .split(',')
    .filter((pair) => pair.trim() !== '')
    .flatMap((pair): MapEntry[] => {
      const at = pair.lastIndexOf('=');
      if (at < 1) findings.problem(origin, [], 'must be pairs such as "Backup.Admin=administrator, Staff=viewer"');
      const scalar: ConfigNode = { kind: 'scalar', value: pair.slice(at + 1).trim(), origin, verbatim: true };
      return at < 1 ? [] : [{ key: pair.slice(0, at).trim(), keyOrigin: origin, value: scalar }];
    });
  const roles: MapEntry = { ...roleOf, value: { kind: 'map', entries, origin } };
  return replaced(service, { ...oidc, value: replaced(oidc.value, roles) });
}

function replaced(node: MapNode, entry: MapEntry): MapNode {
  return { ...node, entries: node.entries.map((each) => (each.key === entry.key ? entry : each)) };
}

/** A variable that is not set cannot be pointed at: what lacks is told by its name. */
function requireWholeOidc(service: MapNode, environment: Environment, findings: Findings): void {
  const oidc = entryOf(service, 'oidc')?.value;
  if (oidc?.kind !== 'map' || oidc.origin.kind !== 'environment') return;
  const ofOidc = serviceVariables.filter(({ path }) => path[0] === 'oidc');
  const set = ofOidc.find(({ variable }) => given(environment, variable) !== undefined)?.variable ?? oidc.origin.variable;
  for (const { variable, path } of ofOidc.filter(({ path: [, key] }) => key === 'issuer' || key === 'clientId')) {
    if (entryOf(oidc, path[1] ?? '') === undefined) findings.problem({ kind: 'environment', variable }, [], `is not set; ${set} needs it`);
  }
}

interface Place {
  readonly node: MapNode;
  readonly findings: Findings;
}

function checkPlanName(name: string | undefined, planNames: readonly string[], { node, findings }: Place): void {
  if (name === undefined || planNames.includes(name)) return;
  const message = `there is no plan ${JSON.stringify(name)}${suggestion(name, planNames)}`;
  findings.problem(originAt(node, ['backupsPlan']), ['service', 'backupsPlan'], message);
}

/** A secret that is missing was told already, or is told by whoever opens the history. */
function checkHistoryUrl(url: Secret, { node, findings }: Place): void {
  try {
    if (/^postgres(?:ql)?:\/\//u.test(url.reveal())) return;
  } catch (cause) {
    if (isHoldfastError(cause, 'SECRET_MISSING')) return;
    throw cause;
  }
  findings.problem(originAt(node, ['url']), ['history', 'url'], 'must begin with "postgres://"');
}

function settingsOf({ listen, publicUrl, basePath, backupsPlan, logFormat, oidc, ...rest }: ServiceInput): ServiceSettings {
  const address = parseListenAddress(listen);
  if (address === undefined) throw new Error(`"${listen}" passed its check and is no address`);
  const url = publicUrl?.replace(/\/$/u, '') ?? null;
  return {
    ...rest,
    listen: address,
    publicUrl: url,
    basePath: (basePath ?? (url === null ? '' : new URL(url).pathname)).replace(/\/$/u, ''),
    backupsPlan: backupsPlan ?? null,
    logFormat: logFormat ?? null,
    oidc: oidc === undefined ? null : oidcOf(oidc),
  };
}

function oidcOf({ clientSecret, defaultRole, ...rest }: NonNullable<ServiceInput['oidc']>): OidcSettings {
  return { ...rest, clientSecret: clientSecret ?? null, defaultRole: defaultRole ?? null };
}

/** Keys of the file beside `plans`. */
export const settingKeys: readonly string[] = ['service', 'history'];
