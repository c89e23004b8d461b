import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { filesIn, type Installation, type Report } from './holdfast.ts';
import { protectNotes } from './protected-notes.ts';

const program = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));
const keys = { enter: '\r', down: '\u001b[B', left: '\u001b[D', ctrlC: '\u0003' } as const;

/** What a person types once the screen says something. */
type Reaction = readonly [when: string, typed: string];

/** Runs a command on a terminal, as script(1) makes one, and answers with its exit status and all that was on the screen. */
async function onTerminal(
  installation: Installation,
  args: readonly string[],
  reactions: readonly Reaction[],
  columns = 160,
): Promise<{ exitCode: number; screen: string }> {
  const command = `stty rows 40 cols ${columns}; exec ${[program, ...args].map((word) => `'${word}'`).join(' ')}`;
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd: `${installation.directory}/cwd`,
    env: { ...installation.env, TERM: 'xterm', SHELL: '/bin/sh' },
  });
  let screen = '';
  let seen = 0;
  const waiting = [...reactions];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    const [next] = waiting;
    const found = next === undefined ? -1 : screen.indexOf(next[0], seen);
    if (next === undefined || found < 0) return;
    seen = screen.length;
    waiting.shift();
    child.stdin.write(next[1]);
  });
  // A question that nobody foresaw must not hold up the tests.
  const patience = setTimeout(() => child.kill(), 60_000);
  const [exitCode] = (await once(child, 'close')) as [number];
  clearTimeout(patience);
  return { exitCode, screen };
}

describe('restore on a terminal', () => {
  it('asks for snapshot and place, shows what will change, and restores after a yes', async () => {
    await using notes = await protectNotes();
    const { installation, tree } = notes;
    await installation.json<Report>(['backup']);
    await rm(tree, { recursive: true });
    const { exitCode, screen } = await onTerminal(
      installation,
      ['restore', '--only', tree],
      [
        ['Which snapshot?', keys.enter],
        ['Where to?', keys.enter],
        ['Restore?', keys.left + keys.enter],
      ],
    );
    expect(exitCode, screen).toBe(0);
    expect(screen).toContain(tree);
    expect(await filesIn(tree)).toEqual(['one', 'three', 'two']);
  });

  it.each([
    ['a no', keys.enter],
    ['Ctrl-C', keys.ctrlC],
  ])('changes nothing after %s', async (_, typed) => {
    await using notes = await protectNotes();
    const { installation, tree } = notes;
    const { snapshotId } = await installation.json<Report>(['backup']);
    await rm(tree, { recursive: true });
    const { exitCode, screen } = await onTerminal(
      installation,
      ['restore', snapshotId, '--in-place', '--only', tree],
      [['Restore?', typed]],
    );
    expect([exitCode, screen.includes('Not restored')], screen).toEqual([130, true]);
    expect(await filesIn(tree)).toEqual([]);
  });
});

describe('backup on a terminal', () => {
  it('shows how far it is on one line, and clears it', async () => {
    await using notes = await protectNotes({ rows: 200_000 });
    const { exitCode, screen } = await onTerminal(notes.installation, ['backup'], []);
    expect(exitCode, screen).toBe(0);
    expect(screen).toContain('\r\u001b[K');
    expect(screen).toContain('succeeded');
  });
});

describe('a list', () => {
  it.each([
    [0, /^SNAPSHOT +TAKEN.*NOTE\r\n─+  ─/],
    [160, /^SNAPSHOT +TAKEN.*NOTE\r\n─+  ─/],
    [40, /^\S+-\d{8}-\d{6}\r\n  TAKEN \(UTC\)  2\d{3}-/],
  ])('on a terminal of %i columns is laid out for it', async (columns, expected) => {
    await using notes = await protectNotes();
    await notes.installation.json<Report>(['backup']);
    const { exitCode, screen } = await onTerminal(notes.installation, ['list'], [], columns);
    expect([exitCode, screen]).toEqual([0, expect.stringMatching(expected)]);
    const backup = await onTerminal(notes.installation, ['backup'], [], columns);
    expect(backup.exitCode, backup.screen).toBe(0);
  });
});
