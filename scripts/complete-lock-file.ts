// Adds to package-lock.json the optional packages of other platforms that the registry in use could not deliver.
// `npm ci` refuses a lock file without them, on every registry, and npm leaves out what it could not look up.
// `--check` only reports. Run it after every `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface LockFile {
  packages: Record<string, LockEntry>;
}

const lockPath = join(import.meta.dirname, '..', 'package-lock.json');
const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

function missingPackages(lock: LockFile): Map<string, LockEntry> {
  const missing = new Map<string, LockEntry>();
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const present = `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
      if (!present) missing.set(`node_modules/${name}`, entryFor(name, version, entry.dev === true));
    }
  }
  return missing;
}

/** Such packages carry one binary, and name its system and processor: `@swc/core-linux-arm64-gnu`. */
function entryFor(name: string, version: string, dev: boolean): LockEntry {
  const words = name.split(/[/-]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = words.flatMap((word) => (word.startsWith('musl') ? ['musl'] : word.startsWith('gnu') ? ['glibc'] : []));
  return { version, cpu, ...(dev && { dev }), ...(libc.length > 0 && { libc }), optional: true, os };
}

function sorted(packages: Record<string, LockEntry>): Record<string, LockEntry> {
  return Object.fromEntries(Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
}

const lock = JSON.parse(readFileSync(lockPath, 'utf8')) as LockFile;
const missing = missingPackages(lock);
if (missing.size > 0 && process.argv.includes('--check')) {
  process.stderr.write(`package-lock.json lacks ${missing.size} packages of other platforms, so npm ci will refuse it.\n`);
  process.stderr.write(`Run: npm run complete-lock-file\n`);
  process.exitCode = 1;
} else if (missing.size > 0) {
  const packages = sorted({ ...lock.packages, ...Object.fromEntries(missing) });
  writeFileSync(lockPath, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
  process.stderr.write(`Added ${missing.size} packages of other platforms to package-lock.json\n`);
}
