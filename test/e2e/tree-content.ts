import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One line for each entry of a tree, hard links told by who shares an inode; equal trees give equal lines. */
export async function treeContent(directory: string, options: { readonly owners?: boolean } = {}): Promise<string[]> {
  const owner = options.owners === false ? '' : '%U:%G ';
  const format = `%P\\0%y %m ${owner}%T@ \\0%s\\0%i\\0%n\\0%l\\0`;
  const { stdout } = await run('find', [directory, '-printf', format], { encoding: 'buffer', maxBuffer: 1 << 28 });
  const fields = split(stdout);
  const sharers = new Map<string, string>();
  const lines: string[] = [];
  const entries = chunksOf(fields, 6).toSorted((a, b) => a[0]!.compare(b[0]!));
  for (const [path, facts, size, inode, links, target] of entries as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer][]) {
    const isFile = facts.toString().startsWith('f');
    const name = path.toString('latin1');
    const first = sharers.get(inode.toString()) ?? name;
    sharers.set(inode.toString(), first);
    const content = isFile ? `${size.toString()} ${await digestOf(Buffer.concat([Buffer.from(`${directory}/`), path]))}` : '';
    const shared = isFile && links.toString() !== '1' ? `shared with ${JSON.stringify(first)}` : '';
    lines.push([JSON.stringify(name), facts, content, shared, target.toString('latin1')].join(' '));
  }
  return [...lines, ...(await attributes(directory))];
}

/** Extended attributes, ACLs among them, in getfattr's own words. */
async function attributes(directory: string): Promise<string[]> {
  const args = ['--recursive', '--physical', '--no-dereference', '--dump', '--match=-', '--encoding=hex', '.'];
  const { stdout } = await run('getfattr', args, { cwd: directory, encoding: 'latin1', maxBuffer: 1 << 28 });
  return stdout.split('\n\n').toSorted();
}

function split(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    fields.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return fields;
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: items.length / size }, (_, index) => items.slice(index * size, (index + 1) * size));
}

async function digestOf(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
