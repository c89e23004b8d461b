import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonWithList } from './json-list.ts';

it('an object with a long list is printed as JSON.stringify prints it', async () => {
  const objects = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(objects, fc.array(objects, { maxLength: 4 }), async (head, items) => {
      const listed = (async function* () {
        yield* items;
      })();
      let text = '';
      for await (const piece of jsonWithList(head, 'a "list" of them', listed)) text += piece;
      expect(text).toBe(`${JSON.stringify(Object.fromEntries([...Object.entries(head), ['a "list" of them', items]]), null, 2)}\n`);
    }),
  );
});
