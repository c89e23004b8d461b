import { z } from 'zod';
import { HoldfastError } from '../domain/errors.ts';

/** How many of a list a request wants, and from where on. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('how many'),
  before: z.string().min(1).max(2000).optional().describe('`next` of the page before'),
};

/** A place in a list, opaque to whoever is given it. @internal */
export function cursorOf(place: object): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Items of a page, for which one more was asked than it holds: that one tells that there is a next page. */
export function pageOf<T>(
  found: readonly T[],
  limit: number,
  placeOfItem: (item: T) => object,
): { readonly items: readonly T[]; readonly next: string | null } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? cursorOf(placeOfItem(last)) : null };
}

/** The place that a cursor stands for; undefined without one. Throws `REQUEST_INVALID` for what no page gave. */
export function placeOf<T>(cursor: string | undefined, schema: z.ZodType<T>): T | undefined {
  if (cursor === undefined) return undefined;
  const place = schema.safeParse(parsed(Buffer.from(cursor, 'base64url').toString()));
  if (place.success) return place.data;
  throw new HoldfastError('REQUEST_INVALID', 'Cannot tell which page is meant: `before` is not what an earlier page gave', {
    hint: 'Start with the first page, and send its `next` as `before`',
  });
}

/** Not every history can compare with NUL: text that holds it is left out. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text, (_key, item: unknown) => (typeof item === 'string' && item.includes('\0') ? undefined : item)) as unknown;
  } catch {
    return undefined;
  }
}
