#!/bin/sh
# Brings node_modules in step with package-lock.json, the pinned Node included, and the built dashboard in step with its
# sources, and the libraries that are loaded as one file. Says what it does on stderr.
set -eu
cd -- "${0%/*}/.."

in_step() {
  [ -f node_modules/.package-lock.json ] && [ -x node_modules/node/bin/node ] || return 1
  [ package-lock.json -nt node_modules/.package-lock.json ] || return 0
  node_modules/node/bin/node scripts/installed-as-locked.ts && touch node_modules/.package-lock.json
}

# Without the dashboard everything else works, and the service says what is missing: never a reason to stop.
build_dashboard() {
  [ -d src/web ] || return 0
  if [ -f dist/web/build.json ] && [ -z "$(find src/web docs/errors.md scripts/build-web.ts package-lock.json -newer dist/web/build.json | head -n 1)" ]; then
    return 0
  fi
  node_modules/node/bin/node --disable-warning=ExperimentalWarning scripts/build-web.ts >&2 ||
    printf 'Cannot build the dashboard, see above; all else works without it\n' >&2
}

# Commands start in half the time with it.
bundle_libraries() {
  built=dist/libraries/built
  if [ -f "$built" ] && [ -z "$(find package-lock.json scripts/bundle-libraries.ts -newer "$built" | head -n 1)" ]; then
    return 0
  fi
  node_modules/node/bin/node --disable-warning=ExperimentalWarning scripts/bundle-libraries.ts >&2 ||
    printf 'Cannot bundle the libraries, see above; all works without that, and starts slower\n' >&2
}

# Two commands started at once in a fresh clone: the second waits, and finds the work done.
if command -v flock >/dev/null 2>&1; then
  exec 9<package-lock.json
  in_step || flock 9
fi

if in_step; then
  bundle_libraries
  build_dashboard
  exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
  printf 'Cannot install what Holdfast needs: npm is not installed\nInstall it (for example: apt-get install npm), then run the command again.\n' >&2
  exit 1
fi
printf 'Installing what Holdfast needs, once (npm ci, about 250 MB) ...\n' >&2
# The lock of this script must not be inherited by a daemon that npm might leave behind.
if ! npm ci --loglevel=error --no-progress 9<&- >&2; then
  printf 'Cannot install what Holdfast needs: npm ci failed, see above\nRun the command again when the package registry can be reached.\n' >&2
  exit 1
fi
bundle_libraries
build_dashboard
