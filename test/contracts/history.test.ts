import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHistory } from '../../src/history/history.ts';
import type { History, Run } from '../../src/ports/history.ts';
import { overriding } from '../fakes/overriding.ts';
import { describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { historyClauses } from './history.ts';
import type { HistorySubject } from './history.ts';

/** A history that is right but for what `breakIt` overrides. */
function broken(breakIt: (right: History) => Partial<History>): Factory<HistorySubject> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-history-'));
    return {
      open: async () => {
        const right = await openHistory(join(directory, 'history.sqlite'));
        return overriding(right, breakIt(right));
      },
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    };
  };
}

const endingWith = (change: (end: NonNullable<Run['end']>) => Run['end']) =>
  broken((right) => ({
    runs: async (filter) => (await right.runs(filter)).map((run) => ({ ...run, end: run.end === null ? null : change(run.end) })),
  }));

let later = 0;
const ignoring = (name: keyof History) => broken(() => ({ [name]: async () => undefined }));

describeContractTests('the history contract', {
  clauses: historyClauses,
  broken: {
    'a run is unended until it ends': ignoring('endRun'),
    'a run comes back as it was recorded': endingWith((end) => ({ ...end, error: null })),
    'runs are listed in the order of their starts, newest first, also when the clock was set back': broken((right) => ({
      runs: async (filter) => (await right.runs(filter)).toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime()),
    })),
    'runs are filtered by plan, verb and number': broken((right) => ({ runs: ({ verb: _, ...filter }) => right.runs(filter) })),
    'charts get backups and drills of a plan that ended, oldest first': broken((right) => ({
      series: async (filter) => (await right.series(filter)).toReversed(),
    })),
    'a run that was never started cannot end': ignoring('endRun'),
    'a recorded snapshot comes back whole and unverified': broken((right) => ({
      snapshots: async (filter) =>
        (await right.snapshots(filter)).map((snapshot) => ({
          ...snapshot,
          verification: { kind: 'passed', depth: 'present', at: new Date() },
        })),
    })),
    'a manifest of thousands of tables comes back whole': broken((right) => ({
      recordSnapshot: (snapshot) => right.recordSnapshot({ ...snapshot, manifest: { ...snapshot.manifest, units: [] } }),
    })),
    'a summary is the snapshot without its units': broken((right) => ({ summaries: (filter) => right.snapshots(filter) })),
    'snapshots are filtered by plan, store and id': broken((right) => ({ snapshots: () => right.snapshots({}) })),
    'recording the same manifest again keeps what is known of it': broken((right) => ({
      recordSnapshot: async (snapshot) => {
        await right.forgetSnapshot({ store: snapshot.store, id: snapshot.manifest.id });
        await right.recordSnapshot(snapshot);
      },
    })),
    'recording another manifest under the same id makes it unverified': broken((right) => ({
      recordSnapshot: (snapshot) => right.recordSnapshot({ ...snapshot, manifestSha256: 'a'.repeat(64) }),
    })),
    'the place of a store is what was recorded last': ignoring('recordStorePlace'),
    'a failed verification comes back with its findings': broken((right) => ({
      recordVerification: (key, verification) =>
        right.recordVerification(key, verification.kind === 'failed' ? { ...verification, findings: [] } : verification),
    })),
    'a shallow pass does not hide a deeper failure': broken((right) => ({
      recordVerification: (key, verification) =>
        right.recordVerification(key, verification.kind === 'passed' ? { ...verification, depth: 'drilled' } : verification),
    })),
    'a snapshot that was never recorded cannot be verified': ignoring('recordVerification'),
    'a forgotten snapshot is gone from its store alone, and forgetting twice is fine': broken((right) => ({
      forgetSnapshot: async ({ id }) => {
        for (const { store } of await right.summaries({ id })) await right.forgetSnapshot({ store, id });
      },
    })),
    'tallies are kept for each database of a plan, the last one recorded': broken((right) => ({
      recordTallies: (plan, tallies) =>
        right.recordTallies(
          plan,
          tallies.map((tally) => ({ ...tally, source: 'main' })),
        ),
    })),
    'deletions come back in the order of their recording': broken((right) => ({
      deletions: async (filter) => (await right.deletions(filter)).toReversed(),
    })),
    'a run is found by its key, and the same key is one run': broken((right) => ({
      startRun: (run) => right.startRun({ ...run, key: randomUUID() }),
    })),
    'runs are filtered by outcome and start, and paged by key': broken((right) => ({
      runs: ({ before: _, ...filter }) => right.runs(filter),
    })),
    'ended runs are totalled by plan, verb and outcome': broken((right) => ({
      runTotals: async () => (await right.runTotals()).filter(({ plan }) => plan !== null),
    })),
    'text that some databases refuse is recorded all the same': broken((right) => ({
      recordDeletion: async (deletion) => {
        if (deletion.reason.includes('\0')) throw new Error('invalid byte sequence for encoding "UTF8": 0x00');
        await right.recordDeletion(deletion);
      },
    })),
    'somebody being told of a run changes nothing else, and unknown runs are passed over': broken((right) => ({
      recordNotified: async (run, at) => {
        if ((await right.run(run)) === undefined) throw new Error('no such run');
        await right.recordNotified(run, at);
      },
    })),
    'facts tell what lists need of a snapshot': broken((right) => ({
      facts: async (filter) => (await right.facts(filter)).map((one) => ({ ...one, files: [] })),
    })),
    'facts follow a manifest that was recorded anew': broken((right) => ({
      facts: async (filter) => (await right.facts(filter)).map((one) => ({ ...one, sequence: 1 })),
    })),
    'facts are listed newest first, filtered and paged': broken((right) => ({
      facts: async (filter) => (await right.facts(filter)).toReversed(),
    })),
    'the revision changes with everything that changes, by whomever, and with nothing else': broken(() => ({
      revision: async () => randomUUID(),
    })),
    'the same deletion recorded again is one': broken((right) => ({
      recordDeletion: (deletion) => right.recordDeletion({ ...deletion, at: new Date(deletion.at.getTime() + ++later) }),
    })),
    'everything is there when the history is opened again': ignoring('recordSnapshot'),
    'several may write at once, and each sees what the others wrote': broken((right) => {
      const mine = new Set<string>();
      return {
        startRun: async (run) => {
          const id = await right.startRun(run);
          mine.add(id);
          return id;
        },
        runs: async (filter) => (await right.runs(filter)).filter((run) => mine.has(run.id)),
      };
    }),
  },
});
