import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectCode } from '../../test/contracts/object-store.ts';
import { openServiceKey } from './service-key.ts';

async function scratch() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-key-'));
  return { file: join(directory, 'service.key'), [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

it('opens what it sealed, also after a restart', async () => {
  await using place = await scratch();
  const sealed = (await openServiceKey(place.file)).seal('JBSWY3DP ü');
  expect(sealed).not.toContain('JBSWY3DP');
  expect((await openServiceKey(place.file)).unseal(sealed)).toBe('JBSWY3DP ü');
  expect((await stat(place.file)).mode & 0o777).toBe(0o600);
});

it('several that open it first have the same key', async () => {
  await using place = await scratch();
  const [first, ...others] = await Promise.all(Array.from({ length: 5 }, () => openServiceKey(place.file)));
  const sealed = first?.seal('x') ?? '';
  expect(others.map((key) => key.unseal(sealed))).toEqual(['x', 'x', 'x', 'x']);
});

it('refuses what it did not seal', async () => {
  await using place = await scratch();
  await using other = await scratch();
  const key = await openServiceKey(place.file);
  const sealed = key.seal('x');
  const changed = `${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`;
  expect(key.seal('x')).not.toBe(sealed);
  for (const given of ['', 'x', sealed.slice(2), `A${sealed.slice(1)}B`, changed, (await openServiceKey(other.file)).seal('x')])
    expect(key.unseal(given)).toBeNull();
});

it('a file that holds no key is refused as such', async () => {
  await using place = await scratch();
  await writeFile(place.file, 'short');
  await expectCode('STATE_UNREADABLE', openServiceKey(place.file));
});
