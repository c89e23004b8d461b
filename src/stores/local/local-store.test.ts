import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeContract } from '../../../test/contracts/contract.ts';
import { objectStoreClauses } from '../../../test/contracts/object-store.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { localStore } from './local-store.ts';

describeContract('the local store keeps the object store contract', {
  clauses: objectStoreClauses,
  async make() {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
    return {
      open: () => localStore.open({ path: join(directory, 'store') }, { clock: systemClock, log: keptLog(), environment: {} }),
      manyObjects: 70,
      manyBytes: 5_000_001,
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    };
  },
});
