import type { IForbiddenRuleType } from 'dependency-cruiser';

const tests = '[.]test[.]tsx?$';
const adapters = '^src/(sources|stores|quiesce|notifiers|deploy)';
/** The one file of an adapter's folder that others may know: `stores/sftp/sftp-store.ts`. */
const descriptor = '^src/(sources|stores|quiesce|notifiers|deploy)/([^/]+)/\\2-(source|store|quiescer|notifier|target)[.]ts$';
/** A port that a source's folder implements beside its descriptor, for the composition root to hand on. */
const portOfAdapter = '^src/sources/files/tree-target[.]ts$';

interface LayerRule {
  readonly layer: string;
  readonly mayImport: readonly string[];
  readonly packages: boolean;
  readonly because: string;
}

const shared = ['domain', 'ports', 'platform'];
const inner = ['domain', 'ports', 'pipeline', 'operations'];

/** Layer by layer what may be imported of the others; what is not named here, by the composition root alone (`src/*.ts`). */
const layers: readonly LayerRule[] = [
  { layer: 'domain', mayImport: [], packages: false, because: 'decisions are pure: no input, output or clock' },
  { layer: 'ports', mayImport: ['domain'], packages: false, because: 'ports are types over the domain' },
  { layer: 'pipeline', mayImport: ['domain', 'ports'], packages: false, because: 'the pipeline transforms streams and knows no system' },
  { layer: 'operations', mayImport: ['domain', 'ports', 'pipeline'], packages: false, because: 'operations see ports, never an adapter' },
  { layer: 'platform', mayImport: ['domain', 'ports'], packages: true, because: 'adapters stand on the platform, not the reverse' },
  { layer: 'history', mayImport: shared, packages: true, because: 'the history is an adapter' },
  { layer: 'state', mayImport: shared, packages: true, because: 'the service state is an adapter' },
  { layer: 'secrets', mayImport: shared, packages: true, because: 'secret stores are adapters' },
  { layer: 'config', mayImport: shared, packages: true, because: 'config is handed the registries and the secrets' },
  { layer: 'scheduler', mayImport: inner, packages: true, because: 'the scheduler starts operations' },
  { layer: 'cli', mayImport: inner, packages: true, because: 'a door parses, calls one operation and presents' },
  { layer: 'api', mayImport: inner, packages: true, because: 'a door parses, calls one operation and presents' },
  { layer: 'bot', mayImport: inner, packages: true, because: 'a door parses, calls one operation and presents' },
];

/** Node's modules for streams and bytes, which cannot reach outside the process. */
const pureBuiltins: Readonly<Record<string, string>> = {
  domain: '^$',
  ports: '^$',
  pipeline: '^(stream|stream/.*|zlib|crypto|buffer|util|events|worker_threads)$',
  operations: '^(stream|stream/.*|crypto|buffer|util|events|timers/promises|path/posix)$',
};

function layerRule({ layer, mayImport, because }: LayerRule): IForbiddenRuleType {
  return {
    name: `${layer}-imports-inward`,
    comment: because,
    severity: 'error',
    from: { path: `^src/${layer}/`, pathNot: tests },
    to: { path: '^src/', pathNot: `^src/(${[layer, ...mayImport].join('|')})/` },
  };
}

/** Fields that descriptors build their schemas of: with zod, since a schema is what a descriptor promises. */
const configFields = '^src/ports/config-fields[.]ts$';

function packageRule({ layer, because }: LayerRule): IForbiddenRuleType {
  return {
    name: `${layer}-uses-no-package`,
    comment: because,
    severity: 'error',
    from: { path: `^src/${layer}/`, pathNot: [tests, configFields] },
    // A descriptor's type carries its schema's type; nothing of it is left at run time.
    to: { dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-optional', 'npm-peer'], dependencyTypesNot: ['type-only'] },
  };
}

function builtinRule([layer, allowed]: [string, string]): IForbiddenRuleType {
  return {
    name: `${layer}-is-pure`,
    comment: 'the world is passed in',
    severity: 'error',
    from: { path: `^src/${layer}/`, pathNot: tests },
    to: { dependencyTypes: ['core'], pathNot: allowed },
  };
}

const adapterRules: readonly IForbiddenRuleType[] = [
  {
    name: 'adapter-imports-inward',
    comment: 'an adapter knows domain, ports, platform and its own system',
    severity: 'error',
    from: { path: `${adapters}/[^/]+/`, pathNot: tests },
    to: { path: '^src/', pathNot: [`${adapters}/`, '^src/(domain|ports|platform)/'] },
  },
  {
    name: 'adapter-knows-no-other-adapter',
    comment: 'what two adapters need belongs in platform',
    severity: 'error',
    from: { path: `${adapters}/([^/]+)/`, pathNot: tests },
    to: { path: `${adapters}/`, pathNot: '^src/$1/$2/' },
  },
  {
    name: 'adapter-is-entered-by-its-descriptor',
    comment: 'what else is in its folder is its own affair',
    severity: 'error',
    from: { path: '^src/', pathNot: [`${adapters}/[^/]+/`, tests] },
    to: { path: `${adapters}/[^/]+/`, pathNot: [descriptor, portOfAdapter] },
  },
  {
    name: 'descriptor-is-named-in-its-registry-only',
    comment: 'a kind is named in one place',
    severity: 'error',
    from: { path: '^src/', pathNot: [`${adapters}/([^/]+/|registry[.]ts$)`, tests] },
    to: { path: descriptor },
  },
  {
    name: 'adapters-meet-in-main',
    comment: 'the composition root alone puts adapters together; everything else is handed them',
    severity: 'error',
    from: { path: '^src/([^/]+)/', pathNot: [`${adapters}/`, tests] },
    to: { path: [`${adapters}/`, '^src/(history|state|secrets|config)/'], pathNot: '^src/$1/' },
  },
];

const webRule: IForbiddenRuleType = {
  name: 'web-knows-the-contract-only',
  comment: 'pages run in a browser: they share the words of the API with the service, and nothing else',
  severity: 'error',
  from: { path: '^src/web/', pathNot: tests },
  to: { path: '^src/', pathNot: '^src/(web/|api/contract[.]ts$)' },
};

const wholeRules: readonly IForbiddenRuleType[] = [
  {
    name: 'main-is-imported-by-nobody',
    comment: 'the composition root composes; nothing reaches back into it',
    severity: 'error',
    from: {},
    to: { path: '^src/main[.]ts$' },
  },
  {
    name: 'composition-is-imported-by-nobody',
    comment: 'what puts the parts together is known to its own files alone',
    severity: 'error',
    from: { path: '^src/[^/]+/', pathNot: tests },
    to: { path: '^src/[^/]+[.]ts$' },
  },
  {
    name: 'product-imports-no-test-code',
    comment: 'what runs for users is not held up by fakes',
    severity: 'error',
    from: { path: '^src/', pathNot: tests },
    to: { path: ['^(test|bench|scripts)/', tests] },
  },
  {
    name: 'product-imports-its-own-dependencies',
    comment: 'a package that is not among the dependencies is missing where Holdfast is installed; pages carry theirs inside',
    severity: 'error',
    from: { path: '^src/', pathNot: [tests, '^src/web/'] },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'every-import-is-found',
    comment: 'a file that was moved takes its imports with it',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-import-goes-in-circles',
    comment: 'a circle has no layer',
    severity: 'error',
    from: { path: '^src/' },
    to: { circular: true },
  },
];

/** Who may import whom, as the style guide's section on dependency direction draws it. */
export const architectureRules: readonly IForbiddenRuleType[] = [
  ...layers.map(layerRule),
  ...layers.filter((layer) => !layer.packages).map(packageRule),
  ...Object.entries(pureBuiltins).map(builtinRule),
  ...adapterRules,
  webRule,
  ...wholeRules,
];
