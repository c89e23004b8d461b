import { createCipheriv, type Cipheriv } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Random } from './random.ts';

interface TreeSize {
  readonly files: number;
  readonly bytes: number;
}

/** Files of 1 to 8 MB that nothing compresses, in folders by year and month: what a photo library is to a backup. */
export function writePhotos(directory: string, totalBytes: number): void {
  const random = new Random(20_240_611);
  const noise = createCipheriv('aes-128-ctr', Buffer.from('00112233445566778899aabbccddeeff', 'hex'), Buffer.alloc(16, 7));
  let bytes = 0;
  for (let files = 0; bytes < totalBytes; files++) {
    const folder = join(directory, String(2015 + (files % 9)), String(1 + (files % 12)).padStart(2, '0'));
    bytes += writePhoto(noise, join(folder, `IMG_${String(files).padStart(5, '0')}.jpg`), random.integer(1_000_000, 8_000_000));
  }
}

function writePhoto(noise: Cipheriv, path: string, sizeBytes: number): number {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, noise.update(Buffer.alloc(sizeBytes)));
  return sizeBytes;
}

const textExtensions = new Set(
  (
    '.h .hpp .c .cc .py .js .mjs .cjs .ts .json .md .txt .html .css .xml .svg .pl .pm .sh .rb .go .java .yaml .yml .sql ' +
    '.rst .pod .m4 .cmake .map .el .tcl .php .rs .po .conf .ini'
  ).split(' '),
);

/** Text and source files of this machine, each made unlike the others, in about the folders where they were found. */
export function writeMixed(directory: string, { files: wantedFiles, bytes: wantedBytes }: TreeSize): void {
  const random = new Random(20_240_611);
  const sources = random.shuffle(textFiles(['/usr/include', '/usr/share', '/usr/lib', '/usr/local']));
  if (sources.length === 0) throw new Error('This machine has no text files below /usr to make a tree of');
  let files = 0;
  let bytes = 0;
  for (let copy = 0; bytes < wantedBytes || files < wantedFiles; copy++) {
    for (const { path, sizeBytes } of sources) {
      if (bytes >= wantedBytes && files >= wantedFiles) break;
      // Enough files: from here on only those that bring the size up.
      if (files >= wantedFiles && sizeBytes < 60_000) continue;
      bytes += writeCopy(
        path,
        join(directory, `c${copy}`, path),
        `# holdfast bench ${copy} ${files} ${random.hex(32)}\n`,
        1.5e9 + files * 10,
      );
      files++;
    }
  }
}

function writeCopy(from: string, to: string, heading: string, timeSeconds: number): number {
  const content = Buffer.concat([Buffer.from(heading), readFileSync(from)]);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, content);
  utimesSync(to, timeSeconds, timeSeconds);
  return content.length;
}

interface TextFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Sorted, so that the same machine gives the same tree each time. */
export function textFiles(roots: readonly string[]): TextFile[] {
  return roots.flatMap((root) => [...textFilesBelow(root)]);
}

/** Node's own recursive listing follows links to directories, and some of /usr link back to their parents. */
function* textFilesBelow(directory: string): Generator<TextFile> {
  const entries = readdirSync(directory, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* textFilesBelow(path);
    else if (entry.isFile() && isText(entry.name)) {
      const { size } = lstatSync(path);
      if (size >= 64 && size <= 6_000_000) yield { path, sizeBytes: size };
    }
  }
}

function isText(name: string): boolean {
  const dot = name.lastIndexOf('.');
  return dot > 0 && textExtensions.has(name.slice(dot));
}
