import { describe, expect, test } from 'vitest';
import { rangeOf } from './byte-range.ts';

describe('Range', () => {
  test.each([
    ['bytes=0-9', { offset: 0, sizeBytes: 10 }],
    ['bytes=90-', { offset: 90, sizeBytes: 10 }],
    ['bytes=90-200', { offset: 90, sizeBytes: 10 }],
    ['bytes=99-99', { offset: 99, sizeBytes: 1 }],
    ['bytes=-5', { offset: 95, sizeBytes: 5 }],
    ['bytes=-500', { offset: 0, sizeBytes: 100 }],
    ['Bytes = 1 - 2', { offset: 1, sizeBytes: 2 }],
  ])('%s is that part', (header, range) => {
    expect(rangeOf(header, 100)).toEqual(range);
  });

  test.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=0-1,5-6', 'lines=0-1', 'bytes=9-5', 'bytes=a-b', 'bytes=1e3-', 'bytes=0x1-'])(
    '%s is the whole',
    (header) => {
      expect(rangeOf(header, 100)).toBeNull();
    },
  );

  test.each([
    ['bytes=100-', 100],
    ['bytes=999999999999999-', 100],
    ['bytes=-0', 100],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ])('%s of %i bytes lies beyond the end', (header, sizeBytes) => {
    expect(() => rangeOf(header, sizeBytes)).toThrow(expect.objectContaining({ code: 'RANGE_INVALID', details: { sizeBytes } }) as Error);
  });
});
