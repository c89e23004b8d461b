import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { filesIn, type Installation } from './holdfast.ts';
import { protectNotes } from './protected-notes.ts';

/** Command lines of all processes that work in the installation's scratch directory. */
async function processesIn({ scratch }: Installation): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(scratch));
}

async function untilNothingIsLeft(installation: Installation): Promise<void> {
  let left: string[] = [];
  for (let attempt = 0; attempt < 200; attempt++) {
    left = [...(await processesIn(installation)), ...(await filesIn(installation.scratch))];
    if (left.length === 0) return;
    await wait(50);
  }
  expect(left).toEqual([]);
}

describe.each([
  ['SIGTERM', /^starting a scratch server/m],
  ['SIGTERM', /^restoring notes_/m],
  ['SIGTERM', /^comparing files/m],
  ['SIGKILL', /^starting a scratch server/m],
  ['SIGKILL', /^restoring notes_/m],
  ['SIGKILL', /^restoring files/m],
] as const)('a drill ended by %s after it said %s', (signal, step) => {
  it('leaves no server and no file, at the latest after the next drill', async () => {
    await using notes = await protectNotes({ rows: 50_000 });
    const { installation } = notes;
    await installation.json(['backup']);
    const running = installation.start(['drill']);
    await running.untilSaid(step);
    await wait(30);
    running.kill(signal);
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(signal === 'SIGTERM' ? 143 : null);
    // On SIGTERM it is gone when the program is.
    if (signal === 'SIGTERM') expect([await processesIn(installation), await filesIn(installation.scratch)]).toEqual([[], []]);

    expect(await installation.json(['drill'])).toMatchObject({ outcome: 'succeeded' });
    await untilNothingIsLeft(installation);
    expect(await installation.json(['status'])).toMatchObject({ plans: [{ health: 'healthy' }] });
  });
});
