import { HoldfastError } from '../domain/errors.ts';

export interface ByteRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * The part of a file that `Range` asks for; null for the whole: without the header, for several ranges, and for what is none.
 * Throws `RANGE_INVALID` for a range that lies beyond the end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | null {
  const found = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/iu.exec(header ?? '');
  const [, first = '', last = ''] = found ?? [];
  if (found === null || (first === '' && last === '')) return null;
  const isSuffix = first === '';
  const offset = isSuffix ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = isSuffix || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (!isSuffix && last !== '' && Number(last) < offset) return null;
  if (offset <= end) return { offset, sizeBytes: end - offset + 1 };
  throw new HoldfastError('RANGE_INVALID', `The range "${header}" lies beyond the end: there are ${sizeBytes} bytes`, {
    hint: 'Ask for the file without a range',
    details: { sizeBytes },
  });
}
