/** What `JSON.stringify({ ...head, [key]: [...items] }, null, 2)` says, piece by piece: the items are never held together. */
export async function* jsonWithList(head: object, key: string, items: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  const opened = JSON.stringify(head, null, 2).replace(/\n?\}$/, '');
  yield `${opened}${opened === '{' ? '' : ','}\n  ${JSON.stringify(key)}: [`;
  let isFirst = true;
  for await (const item of items) {
    yield `${isFirst ? '' : ','}\n    ${JSON.stringify(item, null, 2).replaceAll('\n', '\n    ')}`;
    isFirst = false;
  }
  yield `${isFirst ? '' : '\n  '}]\n}\n`;
}
