import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { RecordingSink } from '../../../test/fakes/recording-sink.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { TreeUnit } from '../../ports/source.ts';
import { filesSource } from './files-source.ts';

const signal = new AbortController().signal;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-own-'));
  mkdirSync(join(root, 'backups'));
  writeFileSync(join(root, 'backups', 'archive'), 'bytes');
  writeFileSync(join(root, 'note'), 'kept');
  return () => rmSync(root, { recursive: true });
});

async function unitOf(path: string, ownDirectories: readonly string[]): Promise<TreeUnit> {
  const context = { clock: systemClock, log: keptLog(), environment: {}, name: 'home', ownDirectories };
  const [unit] = await filesSource.open(filesSource.schema.parse({ paths: [path] }), context).units(signal);
  return unit as TreeUnit;
}

test('what Holdfast itself writes is left out of a tree, by whatever name it is known, and that is told', async () => {
  symlinkSync(join(root, 'backups'), join(root, 'by-link'));
  const unit = await unitOf(root, [join(root, 'by-link'), join(root, 'not-made-yet')]);
  const sink = new RecordingSink();
  const { issues } = await unit.read(sink, signal);
  expect(sink.entries.map(({ entry }) => Buffer.from(entry.path).toString())).toEqual([
    'home',
    'home/backups',
    'home/by-link',
    'home/note',
  ]);
  expect(issues).toMatchObject([{ subject: join(root, 'backups'), problem: 'skipped', severity: 'note' }]);
});

test('a path within what Holdfast writes is refused', async () => {
  await expect(unitOf(join(root, 'backups'), [join(root, 'backups')])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(unitOf(join(root, 'backups', 'archive'), [join(root, 'backups')])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
