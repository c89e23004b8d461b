#!/bin/sh
# Runs a command at the root of this checkout, with the Node and the tools that the lock file pins. What npm scripts call,
# so that each of them works in a fresh clone, where only some Node with npm is there.
#   sh scripts/run.sh [--with-packages] COMMAND [ARGUMENT ...]
set -eu
root=$(CDPATH='' cd -P -- "${0%/*}/.." && pwd)
sh "$root/scripts/install-dependencies.sh"
if [ "$1" = --with-packages ]; then
  shift
  sh "$root/scripts/install-debian-packages.sh"
fi
cd -- "$root"
PATH=$root/node_modules/node/bin:$root/node_modules/.bin:$PATH
export PATH
exec "$@"
