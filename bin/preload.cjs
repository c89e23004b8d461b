const { readdirSync, readFileSync } = require('node:fs');
const { enableCompileCache, registerHooks } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

/*
 * Loaded before anything else in each thread.
 */

// The environment variable turns the cache on for the main thread alone, and without it each thread would load the
// TypeScript compiler (15 MB) to strip types that were stripped before.
enableCompileCache();

// Libraries of hundreds of small files come as one file each, where that was built (`scripts/bundle-libraries.ts`): a
// command then starts in half the time.
const bundles = bundledLibraries();
if (bundles.size > 0) {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const url = bundles.get(specifier);
      return url === undefined ? nextResolve(specifier, context) : { url, format: 'module', shortCircuit: true };
    },
  });
}

/** What is built of the versions that are installed, by the names that are imported. */
function bundledLibraries() {
  const folder = join(__dirname, '..', 'dist', 'libraries');
  const found = new Map();
  for (const file of filesOf(folder)) {
    const [, name, version] = /^(.+)@(.+)\.mjs$/.exec(file) ?? [];
    if (name !== undefined && version === installedVersion(name)) found.set(name, pathToFileURL(join(folder, file)).href);
  }
  return found;
}

function filesOf(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(join(__dirname, '..', 'node_modules', name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}
