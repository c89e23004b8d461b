import { describe, expect, it } from 'vitest';
import { type Listed, type Report, wrappers } from './holdfast.ts';
import { protectNotes, type ProtectedNotes } from './protected-notes.ts';
import { lookIntoStore } from './store-state.ts';

async function backUpAt({ installation }: ProtectedNotes, offset: string): Promise<string> {
  return (await installation.json<Report>(['backup'], { wrapper: wrappers.withClock(offset) })).snapshotId;
}

describe('a clock that was set back', () => {
  it('makes no snapshot older than it is: the newest stays the newest, and is the one that is drilled', async () => {
    await using notes = await protectNotes();
    const { installation } = notes;
    const first = await backUpAt(notes, '+0d');
    const second = await backUpAt(notes, '-40d');
    const listed = await installation.json<Listed[]>(['list']);
    expect(listed.map(({ id, sequence }) => [id, sequence])).toEqual([
      [second, 2],
      [first, 1],
    ]);
    expect(listed[0]!.createdAt < listed[1]!.createdAt).toBe(true);
    expect(await installation.json(['drill'])).toMatchObject({ snapshotId: second });
  });

  it('lets retention keep the newest by their order, not by their dates, once it is right again', async () => {
    await using notes = await protectNotes({ keep: '{ last: 2 }' });
    const ids: string[] = [];
    for (const offset of ['-3d', '-2d', '-90d', '-91d']) ids.push(await backUpAt(notes, offset));
    // As long as the clock is wrong nobody knows how old the others are: they stay.
    expect((await notes.installation.json<Listed[]>(['list'])).map(({ id }) => id)).toEqual(ids.toReversed());
    const right = await backUpAt(notes, '+0d');
    expect((await notes.installation.json<Listed[]>(['list'])).map(({ id }) => id)).toEqual([right, ids[3]]);
    expect(await lookIntoStore(notes.installation.store)).toMatchObject({ damaged: [], debris: [] });
  });

  it('keeps every snapshot from the future, and warns of it', async () => {
    await using notes = await protectNotes({ keep: '{ days: 7 }' });
    const { installation } = notes;
    const future = await backUpAt(notes, '+30d');
    const report = await installation.json<Report<{ warnings: string[] }>>(['backup']);
    expect(report.details.warnings).toEqual([expect.stringContaining('is in the future')]);
    expect((await installation.json<Listed[]>(['list'])).map(({ id }) => id)).toEqual([report.snapshotId, future]);
  });

  it('by a whole run, to the very second, overwrites nothing', async () => {
    await using notes = await protectNotes();
    const at = '2026-03-01 02:00:00';
    const ids = [await backUpAt(notes, at), await backUpAt(notes, at), await backUpAt(notes, at)];
    expect(ids).toEqual([0, 1, 2].map((second) => `home-20260301-02000${second}`));
    expect(await lookIntoStore(notes.installation.store)).toMatchObject({ manifests: [{}, {}, {}], damaged: [], debris: [] });
  });
});

describe('days and weeks', () => {
  it('are kept as the plan says: daily, weekly and monthly', async () => {
    await using notes = await protectNotes({ keep: '{ daily: 3, weekly: 2, monthly: 2 }' });
    // Sundays are the 1st, 8th, 15th, 22nd and 29th of November 2026.
    const days = [
      '2026-09-30',
      '2026-10-31',
      '2026-11-01',
      '2026-11-08',
      '2026-11-14',
      '2026-11-15',
      '2026-11-16',
      '2026-11-17',
      '2026-11-18',
    ];
    for (const day of days) await backUpAt(notes, `${day} 02:00:00`);
    const listed = await notes.installation.json<Listed[]>(['list']);
    // The last of each of three days, of two weeks (to Sunday the 15th), and of two months.
    expect(listed.map(({ createdAt }) => createdAt.slice(0, 10))).toEqual([
      '2026-11-18',
      '2026-11-17',
      '2026-11-16',
      '2026-11-15',
      '2026-10-31',
    ]);
  });
});
