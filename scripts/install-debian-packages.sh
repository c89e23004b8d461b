#!/bin/sh
# Installs the Debian packages that the tests and the demo use and that are missing. Never fails the caller: what stays
# missing is named here, and the tests that need it say so.
set -eu

# A package, and the program that shows it is there.
wanted='zstd:zstd age:age acl:setfacl attr:setfattr e2fsprogs:mkfs.ext4 exfatprogs:mkfs.exfat exfat-fuse:mount.exfat-fuse util-linux:losetup tar:tar gzip:gzip procps:ps faketime:faketime docker.io:dockerd chromium:chromium prometheus:promtool'
PATH=$PATH:/usr/sbin:/sbin

missing=''
for pair in $wanted; do
  command -v "${pair#*:}" >/dev/null 2>&1 || missing="$missing ${pair%%:*}"
done
[ -x /usr/bin/time ] || missing="$missing time"
# Any server will do; Debian keeps each major in a folder of its own.
set -- /usr/lib/postgresql/*/bin/initdb
[ -x "$1" ] || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"

# A library that Holdfast compresses with where it is there.
set -- /usr/lib/*/libdeflate.so.0
[ -e "$1" ] || missing="$missing libdeflate0"

[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  printf 'Missing for some of the tests:%s\nInstall them as root (Debian: apt-get install%s).\n' "$missing" "$missing" >&2
  exit 0
fi

# Installing the server would make a cluster of its own and start it on port 5432, and Prometheus, wanted for its promtool,
# would start as a service. Two files of ours say no, for this once.
no_cluster=/etc/postgresql-common/createcluster.d/holdfast-tests.conf
mkdir -p "${no_cluster%/*}"
printf 'create_main_cluster = false\n' >"$no_cluster"
no_services=/usr/sbin/policy-rc.d
if [ -e "$no_services" ]; then
  no_services=''
else
  printf '#!/bin/sh\nexit 101\n' >"$no_services"
  chmod 755 "$no_services"
fi
log=$(mktemp)
trap 'rm -f "$no_cluster" ${no_services:+"$no_services"} "$log"; rmdir "${no_cluster%/*}" 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM

install_missing() {
  # shellcheck disable=SC2086 # one word per package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing >"$log" 2>&1 </dev/null
}

printf 'Installing Debian packages that the tests use:%s ...\n' "$missing" >&2
# Package lists are often absent or out of date; fetching them is slow and seldom needed twice.
if ! install_missing && ! { apt-get update -q >/dev/null 2>&1 </dev/null && install_missing; }; then
  tail -n 5 "$log" >&2
  printf 'Cannot install:%s; the tests that need them will say so\n' "$missing" >&2
fi
