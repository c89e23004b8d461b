// Exits 0 when node_modules holds what package-lock.json names. Optional packages of other platforms may be missing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockEntry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

function packagesIn(...path: readonly string[]): Record<string, LockEntry> {
  const text = readFileSync(join(import.meta.dirname, '..', ...path), 'utf8');
  return (JSON.parse(text) as { packages: Record<string, LockEntry> }).packages;
}

const installed = packagesIn('node_modules', '.package-lock.json');
const differs = Object.entries(packagesIn('package-lock.json')).some(([path, locked]) => {
  const found = installed[path];
  if (path === '') return false;
  return found === undefined ? locked.optional !== true && locked.devOptional !== true : found.version !== locked.version;
});
process.exitCode = differs ? 1 : 0;
