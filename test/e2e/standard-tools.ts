import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface ByHand {
  /** Where the parts are. */
  readonly directory: string;
  /** What the words in capitals stand for: `KEY_FILE`, `TARGET_DIRECTORY`. */
  readonly words: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Typed whenever `age` asks. */
  readonly passphrase?: string;
}

/** Runs a command of a manifest's `restore` as a person would who has only the manifest. Throws unless every program in it succeeds. */
export async function runByHand(command: string, { directory, words, env, passphrase }: ByHand): Promise<void> {
  const filled = Object.entries(words).reduce((line, [word, value]) => line.replaceAll(word, value), command);
  const shell = ['/bin/bash', '-o', 'pipefail', '-c', filled];
  // age takes a passphrase from a terminal alone: script(1) is one.
  const typed = ['script', '--quiet', '--return', '--flush', '--command', `/bin/bash -o pipefail -c ${quoted(filled)}`, '/dev/null'];
  const [file = '', ...args] = passphrase === undefined ? shell : typed;
  const child = spawn(file, args, { cwd: directory, env: { ...env, SHELL: '/bin/bash' }, stdio: ['pipe', 'pipe', 'pipe'] });
  if (passphrase === undefined) child.stdin.end();
  else child.stdout.once('data', () => child.stdin.write(`${passphrase}\n`));
  const [[exitCode], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  if (exitCode !== 0) throw new Error(`${filled}\nended with ${exitCode}:\n${stdout}\n${stderr}`);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
