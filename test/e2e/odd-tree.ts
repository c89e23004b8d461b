import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/*
 * A family's folder with everything in it that trips backup tools. Built by a shell and the usual tools, so that nothing
 * of what is tested made it.
 */
const script = String.raw`
set -eu
umask 022
cd "$1"
mkdir -p photos/2026/empty letters "names with spaces" deep
echo 'Dear Ada,' > letters/to-ada.txt
: > letters/empty
seq 1 200000 > letters/numbers.txt
head -c 3000000 /dev/urandom > photos/2026/a.jpg
echo first > "names with spaces/two  spaces"
echo newline > $'names with spaces/new\nline'
echo latin > $'names with spaces/\xe4\xff\xfe'
echo quotes > $'names with spaces/\'"\\$(x)\t*?'
echo dash > "names with spaces/-rf"
name=$(printf 'n%.0s' $(seq 255)); echo long > "deep/$name"
path=deep; for step in $(seq 12); do path=$path/directory-number-$step-of-a-long-path; mkdir "$path"; done; echo bottom > "$path/file"
ln -s letters/to-ada.txt link
ln -s /etc/hostname absolute-link
ln -s nowhere dangling
ln -s 2026 photos/latest
ln letters/to-ada.txt letters/same-letter
ln letters/to-ada.txt photos/same-letter
truncate -s 16M sparse; printf start | dd of=sparse conv=notrunc status=none; printf middle | dd of=sparse bs=1 seek=8388608 conv=notrunc status=none
mkfifo pipe
chmod 4755 letters/numbers.txt; chmod 0400 letters/empty; chmod 1777 photos; chmod 0700 deep
setfattr -n user.comment -v 'from the scanner' letters/to-ada.txt
[ "$(id -u)" != 0 ] || setfattr -n trusted.origin -v scanner letters/to-ada.txt
setfacl -m u:daemon:rx letters/numbers.txt
setfacl -d -m g:daemon:rwx photos
[ "$(id -u)" != 0 ] || chown daemon:games photos/2026/a.jpg
[ "$(id -u)" != 0 ] || chown -h daemon:games dangling
touch -d '2001-02-03 04:05:06.123456789 UTC' letters/to-ada.txt
touch -d '1969-07-20 20:17:40.000000001 UTC' letters/empty
touch -h -d '2010-01-01 00:00:00.5 UTC' link
touch -d '2020-02-02 02:02:02.222222222 UTC' letters photos/2026 photos .
`;

/** Fills a directory that exists. It holds one named pipe, which no archive can carry. */
export async function fillOddTree(directory: string): Promise<void> {
  await run('/bin/bash', ['-c', script, 'odd-tree', directory]);
}

/** Entries of such a tree that a restore cannot bring back. */
export function isPipe(line: string): boolean {
  return line.startsWith('"pipe" p');
}
