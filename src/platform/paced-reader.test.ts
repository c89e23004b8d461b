import { closeSync, openSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import { PacedReader } from './paced-reader.ts';

afterEach(() => vi.restoreAllMocks());

/** Reads a byte as often as there are times, each taking so many milliseconds by a clock that is told. */
function readIn(reader: PacedReader, times: readonly number[]): void {
  let nowMs = 0;
  const fd = openSync('/dev/zero', 'r');
  for (const takesMs of times) {
    vi.spyOn(performance, 'now')
      .mockReturnValueOnce(nowMs)
      .mockReturnValueOnce((nowMs += takesMs));
    expect(reader.read(fd, new Uint8Array(1), { position: 0, sizeBytes: 1 })).toBe(1);
  }
  closeSync(fd);
}

const quick = 0.01;
const slow = 5;

it('takes content to be on a disk until many reads were quick', () => {
  const reader = new PacedReader();
  expect(reader.isSlow).toBe(true);
  readIn(
    reader,
    Array.from({ length: 128 }, () => quick),
  );
  expect(reader.isSlow).toBe(false);
});

it('does not take one that was interrupted for a disk', () => {
  const reader = new PacedReader();
  readIn(
    reader,
    Array.from({ length: 1000 }, (_, index) => (index % 50 === 49 ? slow : quick)),
  );
  expect(reader.isSlow).toBe(false);
});

it('notices where content is no longer in memory, though some of it is', () => {
  const reader = new PacedReader();
  readIn(
    reader,
    Array.from({ length: 1000 }, () => quick),
  );
  readIn(
    reader,
    Array.from({ length: 100 }, (_, index) => (index % 4 === 0 ? slow : quick)),
  );
  expect(reader.isSlow).toBe(true);
});
